"""What readers do when a topic, its records, its leader or a group's coordinator is not there."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from processor.errors import ClusterAway, FixCluster, RestartProcess
from processor.kafka import again, committed, reader, topic_watch
from processor.kafka import failure as failures
from processor.kafka.failure import LASTING, NEXT_STEP, cluster_error, passes, restarting
from processor.settings import Settings
from tests.support.fake_kafka import failure
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from confluent_kafka import KafkaException

TOPIC = "t"
# Every error that the client has a name for.
NAMES = [name for name in dir(KafkaError) if name.lstrip("_").isupper()]
CODES = sorted({code for name in NAMES if isinstance(code := getattr(KafkaError, name), int)} - {KafkaError.NO_ERROR})


def answering(*answers: Any) -> Callable[..., Any]:
    """A call that gives one answer after the other; one that is an error is raised."""
    rest = iter(answers)

    def call(*_: Any, **__: Any) -> Any:
        answer = next(rest)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What every consumer is here; a test says what its calls answer."""
    made = SimpleNamespace(assign=lambda _: None, unassign=lambda: None, close=lambda: None, poll=lambda _: None)
    for module, name in ((reader, "reading_consumer"), (again, "rereading_consumer"), (committed, "reading_consumer")):
        monkeypatch.setattr(module, name, lambda *_, **__: made)
    monkeypatch.setattr(failures, "ASK_AGAIN_S", 0.0)
    return made


def topics(*partitions: int, error: KafkaError | None = None) -> Any:
    return SimpleNamespace(brokers=[1], topics={TOPIC: SimpleNamespace(error=error, partitions=dict.fromkeys(partitions))})


# Whole topics.


def test_a_topic_that_is_missing_is_told_with_what_to_do(client: SimpleNamespace) -> None:
    client.list_topics = answering(topics(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    with pytest.raises(FixCluster, match=r"topic t: .*create it with `collectors topics apply`"):
        reader.TopicReader(Settings(), [TOPIC])


def test_a_cluster_that_is_away_is_told_as_that(client: SimpleNamespace) -> None:
    client.list_topics = answering(*[failure(KafkaError._TRANSPORT)] * 9)
    with pytest.raises(ClusterAway, match="looking for topic t: "):
        reader.TopicReader(Settings(), [TOPIC])


@pytest.mark.parametrize("code", sorted(reader.CHOOSING_A_LEADER))
def test_the_end_of_a_partition_whose_leader_is_being_chosen_is_asked_for_again(client: SimpleNamespace, code: int) -> None:
    client.get_watermark_offsets = answering(failure(code), failure(code), (0, 0))
    client.consume = answering([])
    assert list(reader.TopicReader(Settings(), [TOPIC], [0]).read_to_end()) == []


@pytest.mark.parametrize("code", [KafkaError.LEADER_NOT_AVAILABLE, KafkaError._UNKNOWN_PARTITION])
def test_a_leader_that_is_not_chosen_for_long_is_told_as_a_cluster_that_is_away(
    client: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(reader, "LEADER_TIMEOUT_S", -1.0)
    client.get_watermark_offsets = answering(failure(code))
    with pytest.raises(ClusterAway, match="asking for the end of t partition 0"):
        list(reader.TopicReader(Settings(), [TOPIC], [0]).read_to_end())


def test_an_end_that_nobody_may_ask_for_is_told_at_once(client: SimpleNamespace) -> None:
    client.get_watermark_offsets = answering(failure(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(FixCluster, match=r"asking for the end of t partition 0: .*this user may not"):
        list(reader.TopicReader(Settings(), [TOPIC], [0]).read_to_end())


def test_a_partition_is_read_until_the_client_says_that_it_is_at_the_end(client: SimpleNamespace) -> None:
    """Control records leave gaps: the end is 5, and the last record stands at 2."""
    client.get_watermark_offsets = answering((0, 5))
    eof = Message(topic=TOPIC, partition=0, offset=5, error=KafkaError(KafkaError._PARTITION_EOF))
    passing = Message(topic=TOPIC, partition=0, error=KafkaError(KafkaError._TRANSPORT))
    client.consume = answering([Message(TOPIC, 0, 0, None, b"a"), passing], [Message(TOPIC, 0, 2, None, b"b")], [eof])
    assert [record.value for record in reader.TopicReader(Settings(), [TOPIC], [0]).read_to_end()] == [b"a", b"b"]


def test_an_end_that_was_reached_and_left_behind_again_has_to_be_reached_again(client: SimpleNamespace) -> None:
    client.get_watermark_offsets = answering((0, 3))
    ends = [Message(topic=TOPIC, partition=0, offset=n, error=KafkaError(KafkaError._PARTITION_EOF)) for n in (1, 3)]
    client.consume = answering([Message(TOPIC, 0, 0, None, b"a"), ends[0]], [Message(TOPIC, 0, 2, None, b"b")], [ends[1]])
    assert len(list(reader.TopicReader(Settings(), [TOPIC], [0]).read_to_end())) == 2


def test_who_waits_in_vain_for_what_follows_says_where_and_for_what(client: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a transaction that nobody ends: records are there, and nobody is given them."""
    monkeypatch.setattr(reader, "SILENT_MAX_S", -1.0)
    client.get_watermark_offsets = answering((0, 5))
    client.consume = answering([Message(TOPIC, 0, 0, None, b"a"), Message(TOPIC, 0, 1, None, b"b")], [])
    reading = reader.TopicReader(Settings(), [TOPIC], [0]).read_to_end()
    assert [next(reading).value, next(reading).value] == [b"a", b"b"]
    with pytest.raises(
        ClusterAway, match=r"reading t partition 0: nothing has come for .* after offset 2, and it ends at 5: .*transaction"
    ):
        next(reading)


def test_a_record_without_anything_in_its_headers_is_read(client: SimpleNamespace) -> None:
    client.consume = answering([Message(TOPIC, 0, 0, headers=[("a", None)])], [])
    (record,) = reader.TopicReader(Settings(), [TOPIC], [0]).poll(10, 1.0)
    assert (record.headers, record.key, record.value) == ((("a", b""),), None, None)


# A part of a partition, again.


def polled(client: SimpleNamespace, *messages: Message) -> list[Message]:
    client.consume = answering(list(messages))
    made = again.PartitionReader(Settings(), TOPIC, 1_000_000, 3)
    made.go_to(7)
    return made.poll(10)


def test_records_that_were_deleted_before_they_were_read_again_are_for_people(client: SimpleNamespace) -> None:
    reset = Message(topic=TOPIC, partition=3, error=KafkaError(KafkaError._AUTO_OFFSET_RESET, "offset not available"))
    with pytest.raises(FixCluster, match=r"t partition 3: .*no longer in the log \(offset not available\).*retention"):
        polled(client, reset)


def test_a_topic_that_is_deleted_while_it_is_read_again_is_for_people(client: SimpleNamespace) -> None:
    with pytest.raises(FixCluster, match=r"reading t: .*create the topic"):
        polled(client, Message(topic=TOPIC, partition=3, error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))


def test_what_passes_while_something_is_read_again_is_left_out(client: SimpleNamespace) -> None:
    errors = [Message(topic=TOPIC, error=KafkaError(code)) for code in (KafkaError._PARTITION_EOF, KafkaError._TRANSPORT)]
    assert [message.offset() for message in polled(client, *errors, Message(TOPIC, 3, 7))] == [7]


def test_a_reader_that_was_never_told_where_to_read_has_nothing_to_say_and_nothing_to_give_back() -> None:
    made = again.PartitionReader(Settings(), TOPIC, 1_000_000, 3)
    assert made.poll(10) == []
    made.rest()
    made.close()


def test_a_reader_is_told_where_to_go_on_and_rests_in_between(client: SimpleNamespace) -> None:
    said: list[Any] = []
    client.assign, client.unassign, client.close = said.append, lambda: said.append("rests"), lambda: said.append("closed")
    made = again.PartitionReader(Settings(), TOPIC, 1_000_000, 3)
    made.go_to(7)
    made.rest()
    made.go_to(9)
    made.close()
    assert [each if isinstance(each, str) else each[0].offset for each in said] == [7, "rests", 9, "closed"]


# What a group has committed.


@pytest.mark.parametrize("code", sorted(committed.CHOOSING_A_COORDINATOR))
def test_a_group_whose_coordinator_moves_is_asked_again(client: SimpleNamespace, code: int) -> None:
    client.committed = answering(failure(code), failure(code), [TopicPartition(TOPIC, 0, 5), TopicPartition(TOPIC, 1, -1001)])
    found = committed.committed(Settings(), {"g": [(TOPIC, 0), (TOPIC, 1)]})
    assert {group: [part.offset for part in parts] for group, parts in found.items()} == {"g": [5]}


def test_a_coordinator_that_does_not_come_back_is_told(client: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committed, "COORDINATOR_TIMEOUT_S", -1.0)
    client.committed = answering(failure(KafkaError.COORDINATOR_NOT_AVAILABLE))
    with pytest.raises(ClusterAway, match="asking what group g has committed"):
        committed.committed(Settings(), {"g": [(TOPIC, 0)]})


def test_a_group_that_may_not_be_asked_is_told_at_once(client: SimpleNamespace) -> None:
    client.committed = answering(failure(KafkaError.GROUP_AUTHORIZATION_FAILED))
    with pytest.raises(FixCluster, match="asking what group g has committed: "):
        committed.committed(Settings(), {"g": [(TOPIC, 0)]})


# Topics that are watched.


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[topic_watch.TopicWatch]:
    monkeypatch.setattr(topic_watch, "Admin", lambda _: SimpleNamespace(names=frozenset))
    made = topic_watch.TopicWatch(Settings(topic_check_ms=100))
    yield made
    made.stop()


def test_a_first_answer_that_does_not_come_ends_the_start(watch: topic_watch.TopicWatch) -> None:
    cast("Any", watch)._admin.names = answering(FixCluster("nobody there"))
    with pytest.raises(FixCluster, match="nobody there"):
        watch.start()


def test_an_answer_that_does_not_come_later_is_told_and_asked_for_again(
    watch: topic_watch.TopicWatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = frozenset({"a"}), frozenset({"a", "b"})
    more = iter([first, FixCluster("nobody there"), frozenset(first), second])

    def names() -> frozenset[str]:
        answer = next(more, second)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cast("Any", watch)._admin.names = names
    with caplog.at_level(logging.WARNING):
        watch.start()
        assert watch.names is first
        watch.ask_now()
        wait_until(lambda: watch.names == second, "the new topic")
    assert caplog.messages == ["cannot look for new topics: nobody there"]


# The client's errors, for people.


@pytest.mark.parametrize("code", [code for code in CODES if passes(code)], ids=str)
def test_what_may_pass_starts_the_process_again(code: int) -> None:
    with pytest.raises(RestartProcess, match="asking: "), restarting():
        raise cluster_error("asking", failure(code))


@pytest.mark.parametrize("code", sorted(LASTING), ids=str)
def test_whatever_the_cluster_refuses_is_told_with_what_to_do(code: int) -> None:
    error = cluster_error("asking", failure(code))
    assert (type(error), str(error).endswith(NEXT_STEP.get(code, "look at the brokers' logs"))) == (FixCluster, True)


def test_a_client_error_that_nobody_sorted_starts_the_process_again() -> None:
    unsorted: KafkaException = failure(KafkaError._STATE)
    with pytest.raises(RestartProcess, match="the Kafka client failed: _STATE"), restarting():
        raise unsorted


def test_what_is_for_people_stays_for_people() -> None:
    with pytest.raises(FixCluster, match="mend it"), restarting():
        raise FixCluster("mend it")


@pytest.mark.parametrize(("code", "kind"), [(KafkaError._FATAL, ClusterAway), (KafkaError.FENCED_INSTANCE_ID, FixCluster)])
def test_a_client_that_gave_up_is_for_people_only_where_the_next_one_would_too(code: int, kind: type) -> None:
    with pytest.raises(FixCluster, match="the Kafka client gave up") as told:
        reader.raise_unless_passing(KafkaError(code, "broken", True), "reading t")
    assert type(told.value) is kind
