"""What the client may answer a transaction's calls, and what that asks for.

Here is all that real brokers cannot be made to answer on command. What they can is tested on both, in
``tests/kafka/test_transaction_contract.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest
from confluent_kafka import KafkaError

from processor.errors import Fenced, FixCluster, RestartProcess
from processor.kafka.transaction import FENCED, TO_MEND
from processor.kafka.writer import Outgoing
from tests.support.fake_kafka import failure
from tests.support.transaction_worlds import OUT, FakeWorld, Nobody, strike

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import KafkaException

    from processor.kafka.transaction import Transaction

CALLS = ["begin_transaction", "produce", "flush", "send_offsets_to_transaction", "commit_transaction"]
LATE_CALLS = ["flush", "send_offsets_to_transaction", "commit_transaction"]
OTHERS = {
    "abortable": failure(KafkaError.TRANSACTION_ABORTABLE, abortable=True),
    "an older generation": failure(KafkaError.ILLEGAL_GENERATION, abortable=True),
    "abortable, and retriable in another transaction": failure(KafkaError.NOT_COORDINATOR, retriable=True, abortable=True),
    "fatal": failure(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True),
    "neither": failure(KafkaError._STATE),
    "unknown": failure(KafkaError.UNKNOWN),
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    return FakeWorld(monkeypatch)


def raising(error: Exception) -> Callable[[], None]:
    def strikes() -> NoReturn:
        raise error

    return strikes


def process_one(world: FakeWorld, transaction: Transaction) -> None:
    transaction.begin()
    transaction.produce([Outgoing(OUT, None, b"x")])
    transaction.commit(world.member(Nobody()), {0: 1})


def struck_by(world: FakeWorld, call: str, error: KafkaException, asks_for: type[Exception], match: str | None = None) -> None:
    transaction = world.transaction()
    struck = strike(transaction, call, raising(error))
    with pytest.raises(asks_for, match=match) as raised:
        process_one(world, transaction)
    assert (struck.struck, type(raised.value)) == (1, asks_for), "it is asked for once, and told by its own name"
    assert str(raised.value).startswith("id: ")
    assert world.visible() == []


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("code", sorted(FENCED), ids=lambda code: KafkaError(code).name())
def test_every_name_of_a_fence_is_one(world: FakeWorld, call: str, code: int) -> None:
    struck_by(world, call, failure(code, fatal=True), Fenced)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("code", sorted(TO_MEND), ids=lambda code: KafkaError(code).name())
def test_what_no_restart_mends_is_for_people_and_says_what_to_do(world: FakeWorld, call: str, code: int) -> None:
    struck_by(world, call, failure(code, abortable=True), FixCluster, TO_MEND[code].replace(".", r"\."))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_it_is_the_process_starts_again(world: FakeWorld, call: str, name: str) -> None:
    struck_by(world, call, OTHERS[name], RestartProcess)


@pytest.mark.parametrize("call", LATE_CALLS)
@pytest.mark.parametrize("code", [KafkaError._TIMED_OUT, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.CONCURRENT_TRANSACTIONS])
def test_what_passes_is_asked_for_again(world: FakeWorld, call: str, code: int) -> None:
    transaction = world.transaction()
    struck = strike(transaction, call, *[raising(failure(code, retriable=True))] * 3)
    process_one(world, transaction)
    assert (struck.struck, world.visible(), world.committed()) == (3, [b"x"], 1)


@pytest.mark.parametrize("call", LATE_CALLS)
def test_what_does_not_pass_ends_the_process_when_the_transaction_would_have_timed_out(world: FakeWorld, call: str) -> None:
    transaction = world.transaction()

    def times_out() -> NoReturn:
        world.kafka.now_s += 12
        raise failure(KafkaError._TIMED_OUT, retriable=True)

    struck = strike(transaction, call, *[times_out] * 100)
    with pytest.raises(RestartProcess, match="did not finish within 30 s; starting again"):
        process_one(world, transaction)
    assert struck.struck == 3


def test_a_start_waits_for_a_broker_as_long_as_it_takes(world: FakeWorld) -> None:
    transaction = world.transaction()
    struck = strike(transaction, "init_transactions", *[raising(failure(KafkaError._TIMED_OUT, retriable=True))] * 50)
    transaction.init()
    assert struck.struck == 50


@pytest.mark.parametrize(
    ("error", "asks_for"),
    [
        (failure(KafkaError.INVALID_TRANSACTION_TIMEOUT), FixCluster),
        (failure(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fatal=True), FixCluster),
        (failure(KafkaError._FENCED, fatal=True), Fenced),
        (failure(KafkaError.UNSUPPORTED_VERSION, fatal=True), RestartProcess),
    ],
    ids=["time-out too long", "not allowed", "fenced", "an old broker"],
)
def test_a_start_that_is_refused_says_by_whom_it_is_mended(world: FakeWorld, error: KafkaException, asks_for: type[Exception]) -> None:
    transaction = world.transaction()
    strike(transaction, "init_transactions", raising(error))
    with pytest.raises(asks_for, match="id: init_transactions: "):
        transaction.init()


def test_a_full_queue_of_the_client_is_waited_for(world: FakeWorld) -> None:
    transaction = world.transaction()
    struck = strike(transaction, "produce", *[raising(BufferError("full"))] * 5)
    process_one(world, transaction)
    assert (struck.struck, world.visible()) == (5, [b"x"])


def test_a_fatal_error_that_no_other_call_explains_is_told_as_it_is(world: FakeWorld) -> None:
    struck_by(world, "produce", failure(KafkaError._FATAL), RestartProcess, "produce to out: _FATAL")


@pytest.mark.parametrize(
    ("error", "asks_for"),
    [(failure(KafkaError._FENCED, fatal=True), Fenced), (failure(KafkaError.INVALID_TXN_STATE, fatal=True), RestartProcess)],
    ids=["fenced", "fatal"],
)
def test_an_abort_that_fails_ends_the_process_as_well(world: FakeWorld, error: KafkaException, asks_for: type[Exception]) -> None:
    transaction = world.transaction()
    transaction.begin()
    strike(transaction, "abort_transaction", raising(error))
    with pytest.raises(asks_for, match="id: abort: "):
        transaction.abort()


def test_nothing_open_is_nothing_to_abort(world: FakeWorld) -> None:
    transaction = world.transaction()
    struck = strike(transaction, "abort_transaction", raising(AssertionError("asked")))
    transaction.abort()
    assert not struck.struck


def test_a_transaction_that_could_not_begin_is_not_open(world: FakeWorld) -> None:
    transaction = world.transaction()
    strike(transaction, "begin_transaction", raising(failure(KafkaError._STATE)))
    with pytest.raises(RestartProcess, match="begin_transaction: _STATE"):
        transaction.begin()
    assert not transaction.is_open


def test_what_is_begun_twice_is_one_transaction(world: FakeWorld) -> None:
    transaction = world.transaction()
    transaction.begin()
    struck = strike(transaction, "begin_transaction", raising(AssertionError("asked")))
    process_one(world, transaction)
    assert (struck.struck, world.visible()) == (0, [b"x"])


def test_a_client_that_does_not_know_its_group_any_more_ends_the_process(world: FakeWorld) -> None:
    transaction, member = world.transaction(), world.member(Nobody())
    transaction.begin()
    strike_member = raising(failure(KafkaError._STATE))
    member.metadata = strike_member  # type: ignore[method-assign]  # the client refuses
    with pytest.raises(RestartProcess, match="send_offsets: _STATE"):
        transaction.commit(member, {0: 1})
