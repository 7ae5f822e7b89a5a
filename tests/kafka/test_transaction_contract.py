"""What transactions and membership do when everything around them fails: the same tests on real brokers and in memory.

What real brokers cannot be made to answer on command is in ``tests/unit/kafka/test_transaction_errors.py``, in memory only.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from processor.errors import Fenced, FixCluster, RestartProcess
from processor.kafka import transaction as transaction_module
from processor.kafka.writer import Outgoing
from processor.metrics import Metrics
from processor.stages.bad_records import BadRecordLimit
from processor.stages.pre_queue import Parts, PreQueue
from processor.stages.watchdog import Watchdog
from processor.state.counters import PartitionCounters
from tests.support.cluster import Cluster
from tests.support.transaction_worlds import (
    CALL_TIMEOUT_S,
    CLUSTER_PROPERTIES,
    OUT,
    PART,
    SHORT_TIMEOUT_MS,
    TRANSACTION_TIMEOUT_MS,
    FakeWorld,
    Nobody,
    RealWorld,
    strike,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from processor.kafka.group import Member
    from processor.kafka.transaction import Transaction
    from tests.support.transaction_worlds import World

PROTOCOLS = ["consumer", "classic"]
CUTS = ["cut", "cut_answers"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), parts=[PART], extra_properties=CLUSTER_PROPERTIES) as made:
        # The brokers' own topics are made when they are first needed, which takes seconds; no test is to wait for them.
        world = RealWorld(made)
        world.set_committed(0)
        world.transaction()
        world.close()
        yield made


@pytest.fixture(params=["memory", pytest.param("brokers", marks=[pytest.mark.kafka, pytest.mark.slow])])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(transaction_module, "CALL_TIMEOUT_S", CALL_TIMEOUT_S)
    made: World = RealWorld(request.getfixturevalue("cluster")) if request.param == "brokers" else FakeWorld(monkeypatch)
    try:
        yield made
    finally:
        made.close()


def begun(world: World, timeout_ms: int = TRANSACTION_TIMEOUT_MS) -> tuple[Transaction, Member]:
    """A transaction with one record on its way, and a member that has read up to 1."""
    transaction = world.transaction(timeout_ms)
    transaction.begin()
    transaction.produce([Outgoing(world.topic(OUT), None, b"x")])
    transaction._producer.flush(10)
    return transaction, world.member(Nobody())


def state(world: World) -> tuple[list[bytes | None], int | None]:
    """What is there after the next life of the process has begun: it aborts what was left open, and waits for what is being ended."""
    world.heal()
    world.transaction()
    return world.visible(), world.committed()


# Ends of a transaction.


def test_a_commit_makes_records_and_offsets_visible_together(world: World) -> None:
    transaction, member = begun(world)
    assert world.committed() is None
    transaction.commit(member, {0: 1})
    assert (world.visible(), world.committed(), transaction.is_open) == ([b"x"], 1, False)
    member.close()


def test_what_was_aborted_is_never_seen(world: World) -> None:
    transaction, member = begun(world)
    transaction.abort()
    assert not transaction.is_open
    assert state(world) == ([], None)
    member.close()


def test_one_transaction_follows_the_other_under_one_id(world: World) -> None:
    transaction, member = begun(world)
    transaction.commit(member, {0: 1})
    transaction.begin()
    transaction.produce([Outgoing(world.topic(OUT), None, b"y")])
    transaction.commit(member, {0: 2})
    assert (world.visible(), world.committed()) == ([b"x", b"y"], 2)
    member.close()


@pytest.mark.parametrize("how", CUTS)
def test_a_commit_that_timed_out_is_asked_for_again_and_happens_once(world: World, how: str) -> None:
    transaction, member = begun(world)
    struck = strike(transaction, "commit_transaction", getattr(world, how), world.heal)
    transaction.commit(member, {0: 1})
    assert struck.struck == 2
    assert (world.visible(), world.committed()) == ([b"x"], 1)
    member.close()


def test_a_commit_that_happened_and_was_never_heard_of_ends_the_process_and_is_there_once(world: World) -> None:
    transaction, member = begun(world, SHORT_TIMEOUT_MS)
    struck = strike(transaction, "commit_transaction", world.cut_answers)
    with pytest.raises(RestartProcess, match="commit did not finish within 4 s; starting again"):
        transaction.commit(member, {0: 1})
    assert struck.struck
    assert state(world) == ([b"x"], 1)


@pytest.mark.parametrize("call", ["flush", "send_offsets_to_transaction", "commit_transaction"])
def test_what_never_arrived_ends_the_process_and_leaves_nothing(world: World, call: str) -> None:
    transaction, member = begun(world, SHORT_TIMEOUT_MS)
    struck = strike(transaction, call, world.cut)
    with pytest.raises(RestartProcess, match="did not finish within 4 s"):
        transaction.commit(member, {0: 1})
    assert struck.struck
    assert state(world) == ([], None)


def test_a_network_that_is_back_in_time_is_not_noticed(world: World) -> None:
    """Not so where offsets are sent: that call of the client heeds no time-out, and returns when the transaction would have timed out."""
    transaction, member = begun(world)
    strike(transaction, "flush", world.cut, world.heal)
    transaction.produce([Outgoing(world.topic(OUT), None, b"y")])
    transaction.commit(member, {0: 1})
    assert (sorted(map(str, world.visible())), world.committed()) == (["b'x'", "b'y'"], 1)


def test_a_transaction_that_was_open_for_too_long_is_fenced_and_leaves_nothing(world: World) -> None:
    transaction, member = begun(world, SHORT_TIMEOUT_MS)
    world.time_out()
    with pytest.raises(Fenced):
        transaction.commit(member, {0: 1})
    assert state(world) == ([], None)


def test_an_abort_that_nobody_answers_is_given_up_and_the_next_start_aborts(world: World) -> None:
    transaction, _ = begun(world)
    world.cut()
    transaction.abort()
    assert state(world) == ([], None)


# Rivals under the same id.


@pytest.mark.parametrize("call", ["begin_transaction", "flush", "send_offsets_to_transaction", "commit_transaction"])
def test_whoever_is_fenced_says_so_whenever_it_happens(world: World, call: str) -> None:
    transaction = world.transaction()
    struck = strike(transaction, call, world.fence)
    member = world.member(Nobody())
    transaction.begin()
    transaction.produce([Outgoing(world.topic(OUT), None, b"x")])
    with pytest.raises(Fenced, match="fenced by a newer instance"):
        transaction.commit(member, {0: 1})
    assert struck.struck
    assert state(world) == ([], None)


def test_whoever_is_fenced_between_two_records_says_so(world: World) -> None:
    """The client learns of it by itself; a record that it refuses then is not refused for a reason of its own."""
    transaction, _ = begun(world)
    world.fence()

    def noticed() -> bool:
        try:
            transaction.produce([Outgoing(world.topic(OUT), None, b"y")])
        except Fenced:
            return True
        return False

    wait_until(noticed, "the client to notice")
    assert state(world) == ([], None)


def test_whoever_is_fenced_before_it_aborts_says_so(world: World) -> None:
    transaction, _ = begun(world)
    world.fence()
    with pytest.raises(Fenced):
        transaction.abort()


# Membership, as a stage uses it.


class Stage:
    """The first stage, which writes each value as it came: everything but transactions and membership is left out."""

    def __init__(self, world: World, protocol: str, timeout_ms: int = TRANSACTION_TIMEOUT_MS) -> None:
        self.transaction = world.transaction(timeout_ms)
        self.transaction._due_s = math.inf  # the tests commit, not the clock
        parts: dict[str, Any] = dict.fromkeys(Parts.__dataclass_fields__) | {
            "settings": world.settings,
            "catalog": SimpleNamespace(poll=lambda: False, catalog=SimpleNamespace(watchers={}, version="")),
            "topics": SimpleNamespace(names=frozenset()),
            "decode": lambda values: SimpleNamespace(batch=values, bad=(), positions=range(len(values))),
            "decide": lambda *_: (),
            "outputs": lambda decoded, *_: ([Outgoing(world.topic(OUT), None, value) for value in decoded.batch], []),
            "restore": self._restored,
            "bad": BadRecordLimit(world.settings),
            "transaction": self.transaction,
            "commit": self.transaction.commit,
            "join": lambda stage: world.member(stage, protocol),
            "metrics": Metrics(),
            "watchdog": Watchdog(15_000),
        }
        self.stage = PreQueue(Parts(**cast("Any", parts)))
        self.stage._existing = parts["topics"].names
        self.stage._counter_records = lambda: iter(())  # type: ignore[method-assign]  # the log has no counters here
        self.owned: set[int] = set()
        self.stage._member.subscribe()

    def _restored(self, committed: Mapping[int, int | None]) -> dict[int, PartitionCounters]:
        self.owned |= set(committed)
        return {partition: PartitionCounters("pre-queue", partition) for partition in committed}

    def turn_until_it_owns(self, partitions: set[int]) -> None:
        def turned() -> bool:
            self.stage._turn()
            return set(self.stage._counters) == partitions

        wait_until(turned, f"the stage to own {partitions}")

    def turn_until_it_is_open(self) -> None:
        def turned() -> bool:
            self.stage._turn()
            return self.transaction.is_open

        wait_until(turned, "the stage to have something to commit")


def at_work(world: World, protocol: str = "consumer", timeout_ms: int = TRANSACTION_TIMEOUT_MS) -> Stage:
    """A stage that owns all partitions and has the first record in an open transaction."""
    stage = Stage(world, protocol, timeout_ms)
    stage.turn_until_it_owns({0, 1})
    world.give(b"x")
    stage.turn_until_it_is_open()
    return stage


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_open_when_partitions_go_is_committed_before_they_are_gone(world: World, protocol: str) -> None:
    stage = at_work(world, protocol)
    with world.rival(protocol):
        wait_until(lambda: (stage.stage._turn(), len(stage.stage._counters) == 1)[1], "a partition to go")
        assert not stage.transaction.is_open
        assert (world.visible(), world.committed()) == ([b"x"], 1)
    stage.stage._member.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_commit_that_fails_when_partitions_go_ends_the_process_and_whoever_gets_them_reads_again(world: World, protocol: str) -> None:
    stage = at_work(world, protocol, SHORT_TIMEOUT_MS)
    struck = strike(stage.transaction, "send_offsets_to_transaction", world.cut)
    with world.rival(protocol), pytest.raises(RestartProcess, match="send_offsets did not finish"):
        wait_until(stage.stage._turn, "the stage to hear of its rival")
    assert struck.struck
    assert state(world) == ([], None)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_offsets_of_a_membership_that_is_over_are_refused(world: World, protocol: str) -> None:
    """Somebody who does not commit when partitions go, and tries later. Of one that is still theirs, brokers would take it."""
    stage = at_work(world, protocol)
    old = stage.stage._member.metadata()
    with world.rival(protocol) as has_come:
        stage.transaction._is_open = False  # the stage forgets that it has something to commit
        wait_until(lambda: (stage.stage._turn(), len(stage.stage._counters) == 1)[1], "a partition to go")
        # The coordinator has heard of that before it gives the partition away: until then the old membership is the one that it knows.
        wait_until(lambda: (stage.stage._turn(), has_come.is_set())[1], "the rival to be given the partition")
        stage.transaction._is_open = True
        late = SimpleNamespace(topic=stage.stage._member.topic, metadata=lambda: old)
        with pytest.raises(RestartProcess, match="send_offsets"):
            stage.transaction.commit(cast("Any", late), {({0, 1} - set(stage.stage._counters)).pop(): 1})
    assert state(world) == ([], None)


def test_what_is_open_when_partitions_are_lost_is_never_committed(world: World) -> None:
    stage = at_work(world)
    world.expel()
    with pytest.raises(RestartProcess, match=r"lost partitions \[0, 1\] with a transaction open"):
        wait_until(stage.stage._turn, "the stage to hear that it was expelled")
    assert not stage.transaction.is_open
    assert state(world) == ([], None)


def test_partitions_that_are_lost_with_nothing_open_are_taken_up_again(world: World) -> None:
    stage = Stage(world, "consumer")
    stage.turn_until_it_owns({0, 1})
    stage.owned.clear()
    world.expel()
    wait_until(lambda: (stage.stage._turn(), stage.owned == {0, 1})[1], "the partitions to come again")
    stage.stage._member.close()


def test_a_stage_that_leaves_commits_what_is_open_and_the_next_one_goes_on_behind_it(world: World) -> None:
    stage = at_work(world)
    stage.stage._member.close()
    assert (world.visible(), world.committed()) == ([b"x"], 1)
    world.give(b"y")
    following = Stage(world, "consumer")
    following.turn_until_it_is_open()
    following.stage._commit()
    assert (world.visible(), world.committed()) == ([b"x", b"y"], 2)
    following.stage._member.close()


# Offsets, topics and replicas that are not there.


def polled(world: World, protocol: str, error: type[Exception], match: str) -> None:
    member = world.member(Nobody(), protocol)
    member.subscribe()
    with pytest.raises(error, match=match):
        wait_until(lambda: member.poll(100, 0.1), "the group to refuse")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_offset_that_retention_has_passed_is_for_people(world: World, protocol: str) -> None:
    world.give(b"1", b"2", b"3")
    world.set_committed(1)
    world.take_away(2)
    polled(world, protocol, FixCluster, r"partition 0: .*no longer in the log.*retention.*reset the group's offset")


def test_an_offset_beyond_the_end_is_for_people(world: World) -> None:
    world.give(b"1")
    world.set_committed(50)
    polled(world, "consumer", FixCluster, r"partition 0: .*reset the group's offset")


def test_a_topic_that_takes_no_records_ends_the_process_and_says_where_to_look(world: World) -> None:
    """It is missing; the next start says which one."""
    transaction, member = begun(world, SHORT_TIMEOUT_MS)
    if not world.is_real:
        cast("FakeWorld", world).kafka.refused.add(world.topic("nowhere"))
    transaction.produce([Outgoing(world.topic("nowhere"), None, b"y")])
    with pytest.raises(RestartProcess, match=r"1 records: no broker took them.*missing topic.*min\.insync\.replicas"):
        transaction.commit(member, {0: 1})
    assert state(world) == ([], None)


def test_a_record_with_too_few_replicas_ends_the_process_and_says_where_to_look(world: World, request: pytest.FixtureRequest) -> None:
    cluster: Cluster | None = request.getfixturevalue("cluster") if world.is_real else None
    if cluster is None:
        cast("FakeWorld", world).kafka.refused.add("strict")
    else:
        cast("RealWorld", world).create("strict", 1, min_insync_replicas="3")
        cluster.stop_one(3)
        request.addfinalizer(lambda: cluster.start_one(3))
    transaction, member = begun(world, SHORT_TIMEOUT_MS)
    transaction.produce([Outgoing(world.topic("strict"), None, b"y")])
    with pytest.raises(RestartProcess, match=r"1 records: no broker took them.*min\.insync\.replicas"):
        transaction.commit(member, {0: 1})
    if cluster is not None:
        cluster.start_one(3)  # before that nobody can end what is open there, and the next start waits
    assert state(world) == ([], None)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_commit_outlives_the_broker_that_coordinates_it_or_happens_not_at_all(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    """In memory there are no brokers; the client finds the new coordinator by itself."""
    world = RealWorld(cluster)
    request.addfinalizer(world.close)
    transaction, member = begun(world)
    number = world.coordinator()
    request.addfinalizer(lambda: cluster.start_one(number))
    struck = strike(transaction, "send_offsets_to_transaction", lambda: wait_until(lambda: cluster.kill(number), "the coordinator to die"))
    possible: list[Any] = [([b"x"], 1)]
    try:
        transaction.commit(member, {0: 1})
    except RestartProcess:
        possible.append(([], None))
    assert struck.struck
    assert state(world) in possible
