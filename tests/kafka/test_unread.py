"""What a group has not read yet, counted on a real broker: records, whatever offsets lie between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from processor.kafka import unread as module
from processor.kafka.admin import Admin
from processor.kafka.client import admin_client, transactional_producer
from processor.kafka.lag import progress
from processor.kafka.topic_state import NewTopicState
from processor.kafka.unread import Unread, unread
from processor.kafka.writer import Outgoing, write_transaction

if TYPE_CHECKING:
    from processor.kafka.reader import Record
    from processor.settings import Settings

pytestmark = pytest.mark.kafka
GROUP = "readers"


@pytest.fixture
def topic(settings: Settings) -> str:
    name = f"{settings.topic_prefix}unread"
    Admin(settings).create([NewTopicState(name, 2, 1, {})])
    Admin(settings).wait_for_topics([name])
    return name


def write(settings: Settings, topic: str, count: int, partition: int = 0, marked: bool = False) -> None:
    """One transaction; its marker takes an offset too."""
    headers = (("mark", b"1"),) if marked else ()
    write_transaction(settings, [Outgoing(topic, b"k", b"v", headers, partition)] * count)


def abort(settings: Settings, topic: str, count: int) -> None:
    producer = transactional_producer(settings, f"{topic}.aborting")
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(count):
        producer.produce(topic, b"v", b"k", partition=0)
    producer.flush(30)
    producer.abort_transaction(30)


def commit(settings: Settings, topic: str, offset: int, note: str = "") -> None:
    """What a group commits that has read partition 0 up to an offset."""
    wanted = [ConsumerGroupTopicPartitions(settings.topic_prefix + GROUP, [TopicPartition(topic, 0, offset, note)])]
    admin = admin_client(settings)  # kept: a client that is gone before its answer takes the process with it
    for answer in admin.alter_consumer_group_offsets(wanted).values():
        answer.result()


def left(settings: Settings, topic: str) -> Unread:
    return unread(settings, {topic: settings.topic_prefix + GROUP}, is_marked)[topic]


def is_marked(record: Record) -> bool:
    return any(name == "mark" for name, _ in record.headers)


def test_markers_and_aborted_records_are_no_records(settings: Settings, topic: str) -> None:
    for _ in range(3):
        write(settings, topic, 2)
    abort(settings, topic, 5)
    write(settings, topic, 4, partition=1, marked=True)
    assert left(settings, topic) == Unread(10, 4)


def test_only_what_lies_behind_the_committed_offset_is_unread(settings: Settings, topic: str) -> None:
    for _ in range(3):
        write(settings, topic, 2)
    commit(settings, topic, 4, note="well")
    assert left(settings, topic) == Unread(3, 0, ("well",))
    commit(settings, topic, 8)
    assert left(settings, topic) == Unread(), "what is left is a marker"


def test_a_topic_without_records_and_no_topics_at_all_have_nothing_unread(settings: Settings, topic: str) -> None:
    assert left(settings, topic) == Unread()
    assert unread(settings, {}, is_marked) == {}


def test_what_lies_beyond_the_limit_is_counted_by_offsets(settings: Settings, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORDS_MAX", 1)
    monkeypatch.setattr(module, "POLL_RECORDS", 1)
    for _ in range(3):
        write(settings, topic, 2)
    assert left(settings, topic) == Unread(9, 8), "one record was looked at, and eight offsets lie behind it"


def test_a_group_that_has_read_every_record_lags_behind_by_nothing(settings: Settings, topic: str) -> None:
    """The end of the last transaction stands behind what was committed, and nobody ever reads it."""
    write(settings, topic, 2)
    group = settings.topic_prefix + GROUP
    assert progress(settings, group, topic).lag == 2
    commit(settings, topic, 2)
    assert progress(settings, group, topic).lag == 0
