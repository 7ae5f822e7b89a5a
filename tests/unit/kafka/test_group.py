"""Which of the records that a poll gives are ours and new, and what becomes of an owner that fails inside one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from confluent_kafka import KafkaError, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from processor.errors import FixCluster, RestartProcess
from processor.kafka.client import fair_fetch
from processor.kafka.group import POLL_BYTES, Member, Message, Subscription, following
from tests.support.fake_kafka import failure
from tests.support.transaction_worlds import SOURCE, FakeWorld, Nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    return FakeWorld(monkeypatch)


class Failing(Nobody):
    """An owner one of whose callbacks raises."""

    def __init__(self, callback: str, error: Exception) -> None:
        self._callback = callback
        self._error = error

    def assigned(self, committed: Mapping[int, int | None]) -> None:
        self._raise("assigned", committed)

    def revoked(self, partitions: Sequence[int]) -> None:
        self._raise("revoked", partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        self._raise("lost", partitions)

    def _raise(self, name: str, _: Any) -> None:
        if name == self._callback:
            raise self._error


def offsets(batches: Mapping[int, Sequence[Message]]) -> dict[int, list[int | None]]:
    return {partition: [message.offset() for message in batch] for partition, batch in batches.items()}


@pytest.mark.parametrize(
    ("position", "offsets", "kept"),
    [
        (5, [5, 6, 7], [5, 6, 7]),
        (5, [5, 8, 12], [5, 8, 12]),
        (5, [3, 4, 5, 6], [5, 6]),
        (5, [5, 6, 7, 6, 7, 8], [5, 6, 7, 8]),
        (5, [7, 8, 5, 6, 7, 8, 9], [7, 8, 9]),
        (5, [5, 5], [5]),
        (5, [3, 4], []),
        (0, [0], [0]),
    ],
    ids=["follows", "gaps", "older first", "served again", "rewound", "twice", "only older", "first of all"],
)
def test_each_record_follows_the_one_before(position: int, offsets: list[int], kept: list[int]) -> None:
    messages = [Message(topic="predictions", partition=0, offset=offset) for offset in offsets]
    assert [message.offset() for message in following(position, messages)] == kept


@pytest.mark.parametrize("callback", ["assigned", "revoked", "lost"])
def test_what_an_owner_raises_is_raised_by_the_poll_that_called_it(world: FakeWorld, callback: str) -> None:
    member = world.member(Failing(callback, ValueError(callback)))
    member.subscribe()
    if callback != "assigned":
        member.poll(10, 0)
    if callback == "revoked":
        rival = world.member(Nobody())
        rival.subscribe()
    if callback == "lost":
        world.expel()
    with pytest.raises(ValueError, match=callback):
        member.poll(10, 0)


def test_what_an_owner_raises_when_its_member_leaves_is_raised_by_the_leaving(world: FakeWorld) -> None:
    member = world.member(Failing("revoked", RestartProcess("no commit")))
    member.subscribe()
    member.poll(10, 0)
    with pytest.raises(RestartProcess, match="no commit"):
        member.close()


def test_an_owner_that_has_failed_is_told_nothing_more(world: FakeWorld) -> None:
    """A poll may serve several changes, and a broker fences members, not partitions: it would take, late, what failed at the first."""

    class Owner(Failing):
        told: ClassVar[list[str]] = []

        def _raise(self, name: str, told: Any) -> None:
            self.told.append(name)
            super()._raise(name, told)

    owner = Owner("revoked", RestartProcess("no commit"))
    member = world.member(owner)
    member.subscribe()
    member.poll(10, 0)
    client: Any = member._consumer
    parts = [TopicPartition(SOURCE, 0)]

    def consume(*_: Any) -> list[Message]:
        member._on_revoke(client, parts)
        member._on_assign(client, parts)
        member._on_lost(client, parts)
        return []

    client.consume = consume
    with pytest.raises(RestartProcess, match="no commit"):
        member.poll(10, 0)
    assert owner.told == ["assigned", "revoked"]


def test_an_assignment_whose_offsets_cannot_be_asked_for_ends_the_process(world: FakeWorld) -> None:
    member = world.member(Nobody())
    member.subscribe()
    world.cut()
    with pytest.raises(RestartProcess, match="in: the group changed and its coordinator did not answer: "):
        member.poll(10, 0)


def test_what_a_member_does_not_take_is_not_taken_for_it(world: FakeWorld) -> None:
    member = world.member(Failing("assigned", RestartProcess("no state")))
    member.subscribe()
    with pytest.raises(RestartProcess, match="no state"):
        member.poll(10, 0)
    client: Any = member._consumer
    assert not client.owned


def test_reading_begins_at_the_committed_offset_and_at_the_beginning_where_there_is_none(world: FakeWorld) -> None:
    world.give(b"0", b"1", b"2")
    world.kafka.put(SOURCE, 1, b"other")
    world.set_committed(2)
    member = world.member(Nobody())
    member.subscribe()
    assert offsets(member.poll(10, 0)) == {0: [2], 1: [0]}
    assert (member.lag(0), member.lag(1)) == (0, 0)
    world.give(b"3")
    assert member.lag(0) == 1


def test_of_large_records_fewer_are_polled_and_of_small_ones_as_many_as_are_wanted(world: FakeWorld) -> None:
    member = world.member(Nobody())
    member.subscribe()
    large = [b"x" * (POLL_BYTES // 4)] * 10
    world.give(*large)
    assert [len(member.poll(2, 0)[0]), len(member.poll(10, 0)[0]), len(member.poll(3, 0)[0])] == [2, 4, 3]
    world.give(*[b"x"] * 500)
    assert [len(member.poll(500, 0)[0]) for _ in range(3)] == [4, 15, 482]  # the last large one, and three; by their mean; all others


class Runs:
    """What a client has fetched: runs of (partition, first offset, records), and what each ``consume`` takes of it."""

    def __init__(self, *fetched: tuple[int, int, int]) -> None:
        self._messages = [Message(SOURCE, part, first + i, value=b"x") for part, first, count in fetched for i in range(count)]

    def consume(self, most: int, _: float) -> list[Message]:
        taken, self._messages = self._messages[:most], self._messages[most:]
        return taken


def whole_runs(world: FakeWorld, *fetched: tuple[int, int, int]) -> Any:
    member = Member(world.settings, Subscription("group", SOURCE, "classic", fair_fetch(1), whole_runs=True), Nobody())
    member._consumer = Runs(*fetched)
    member._positions = {0: 0, 1: 0, 2: 0}
    return member


def test_the_run_that_a_full_poll_cuts_is_kept_for_the_next_one(world: FakeWorld) -> None:
    member = whole_runs(world, (0, 0, 6), (1, 0, 6), (0, 6, 6), (2, 0, 2))
    polls = [offsets(member.poll(10, 0)) for _ in range(4)]
    assert polls == [{0: [*range(6)]}, {1: [*range(6)]}, {0: [*range(6, 12)], 2: [0, 1]}, {}]


def test_a_run_longer_than_a_poll_is_decided_in_parts(world: FakeWorld) -> None:
    member = whole_runs(world, (0, 0, 25))
    assert [offsets(member.poll(10, 0)) for _ in range(3)] == [{0: [*range(10)]}, {0: [*range(10, 20)]}, {0: [*range(20, 25)]}]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 7)), max_size=12), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_whatever_the_runs_every_record_comes_once_and_in_order(lengths: list[tuple[int, int]], sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        ends, fetched = [0, 0, 0], []
        for partition, count in lengths:
            fetched.append((partition, ends[partition], count))
            ends[partition] += count
        member, came = whole_runs(FakeWorld(monkeypatch), *fetched), list[tuple[int, int | None]]()
        for size in [*sizes, *[9] * (sum(ends) + 2)]:
            came += [(partition, offset) for partition, some in offsets(member.poll(size, 0)).items() for offset in some]
        assert [[offset for each, offset in came if each == partition] for partition in range(3)] == [[*range(end)] for end in ends]


class Script:
    """A client whose every ``consume`` is scripted: runs of (partition, first offset, records), and what happens between them."""

    def __init__(self, *polls: Sequence[tuple[int, int, int] | Callable[[], None]]) -> None:
        self._polls = list(polls)

    def consume(self, most: int, _: float) -> list[Message]:
        taken: list[Message] = []
        for step in self._polls.pop(0) if self._polls else ():
            if callable(step):
                step()
            else:
                taken += [Message(SOURCE, step[0], step[1] + i, value=b"x") for i in range(step[2])]
        assert len(taken) <= most
        return taken


def goes(member: Any, partition: int) -> Callable[[], None]:
    return lambda: member._on_revoke(None, [TopicPartition(SOURCE, partition)])


def comes(member: Any, partition: int, committed: int) -> Callable[[], None]:
    return lambda: member._positions.update({partition: committed})


STALE = {
    "kept, goes and comes back within a poll, stale records behind it": lambda member: (
        [(0, 0, 6), (1, 0, 4)],
        [(1, 4, 2), goes(member, 1), comes(member, 1, 0), (1, 0, 4)],
        [(1, 4, 6)],
    ),
    "goes while it would have been kept, comes back in the next poll": lambda member: (
        [(1, 0, 2), (0, 0, 4), (1, 2, 4), goes(member, 1)],
        [comes(member, 1, 0), (1, 0, 6)],
        [(1, 6, 4)],
    ),
    "kept, goes, and somebody else went on with it": lambda member: (
        [(0, 0, 6), (1, 0, 4)],
        [goes(member, 1)],
        [comes(member, 1, 2), (1, 2, 8)],
    ),
    "comes back within the poll that would keep it": lambda member: (
        [(1, 0, 2), (0, 0, 4), goes(member, 1), comes(member, 1, 0), (1, 0, 4)],
        [(1, 4, 6)],
    ),
}


@pytest.mark.parametrize("story", STALE)
def test_of_a_partition_that_goes_and_comes_back_no_record_is_passed_over(world: FakeWorld, story: str) -> None:
    member = whole_runs(world)
    member._consumer = Script(*STALE[story](member))
    came = [offset for _ in range(5) for offset in offsets(member.poll(10, 0)).get(1, [])]
    assert came == [*range(came[0], 10)]
    assert came[0] == (2 if "somebody else" in story else 0)


def test_a_record_larger_than_a_poll_is_polled(world: FakeWorld) -> None:
    member = world.member(Nobody())
    member.subscribe()
    world.give(*[b"x" * (2 * POLL_BYTES)] * 2)
    assert [len(member.poll(1, 0)[0]), len(member.poll(10, 0)[0])] == [1, 1]


def test_records_of_an_assignment_that_is_over_are_dropped(world: FakeWorld) -> None:
    """The client serves a rebalance inside a poll, and may return what it had fetched before."""
    world.give(b"0")
    world.kafka.put(SOURCE, 1, b"other")
    member = world.member(Nobody())
    member.subscribe()
    member.poll(10, 0)
    client: Any = member._consumer
    client.consume = lambda *_: [Message(SOURCE, 0, 0), Message(SOURCE, 0, 1), Message(SOURCE, 9, 5)]
    assert offsets(member.poll(10, 0)) == {0: [1]}


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), "create the topic with `collectors topics apply`"),
        (KafkaError(KafkaError._UNKNOWN_TOPIC), "create the topic with `collectors topics apply`"),
        (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), "this user may not"),
        (KafkaError(KafkaError.FENCED_INSTANCE_ID, "taken", True), "the Kafka client gave up: taken"),
    ],
    ids=["no such topic", "none known", "not allowed", "fatal"],
)
def test_what_the_client_does_not_mend_by_itself_is_for_people(world: FakeWorld, error: KafkaError, match: str) -> None:
    member = world.member(Nobody())
    client: Any = member._consumer
    client.consume = lambda *_: [Message(topic=SOURCE, error=error)]
    with pytest.raises(FixCluster, match=match):
        member.poll(10, 0)


@pytest.mark.parametrize(
    "code", [KafkaError._PARTITION_EOF, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.NOT_COORDINATOR]
)
def test_what_the_client_mends_by_itself_is_no_record_and_no_failure(world: FakeWorld, code: int) -> None:
    world.give(b"0")
    member = world.member(Nobody())
    member.subscribe()
    member.poll(10, 0)
    client: Any = member._consumer
    client.consume = lambda *_: [Message(topic=SOURCE, partition=0, error=KafkaError(code)), Message(SOURCE, 0, 1)]
    assert offsets(member.poll(10, 0)) == {0: [1]}


def test_a_member_that_is_paused_reads_nothing_until_it_is_no_longer(world: FakeWorld) -> None:
    member = world.member(Nobody())
    member.subscribe()
    member.poll(10, 0)
    said: list[tuple[str, list[TopicPartition]]] = []
    client: Any = member._consumer
    client.assignment = lambda: [TopicPartition(SOURCE, 0)]
    client.pause, client.resume = (lambda parts: said.append(("pause", parts))), (lambda parts: said.append(("resume", parts)))
    for full in (False, True, True, False, False):
        member.pause(full=full)
    # Again while it is full: partitions that came meanwhile would be read.
    assert [what for what, _ in said] == ["pause", "pause", "resume"]
    assert said[0][1] == [TopicPartition(SOURCE, 0)]


def test_a_group_whose_coordinator_fails_in_a_callback_is_a_reason_to_start_again(world: FakeWorld) -> None:
    member = world.member(Failing("revoked", failure(KafkaError._TIMED_OUT)))
    member.subscribe()
    member.poll(10, 0)
    with pytest.raises(RestartProcess, match="its coordinator did not answer"):
        member.close()
