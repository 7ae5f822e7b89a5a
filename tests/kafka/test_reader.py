"""Reading topics to their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.kafka.admin import Admin
from processor.kafka.client import transactional_producer
from processor.kafka.reader import TopicReader
from processor.kafka.topic_state import NewTopicState
from processor.topics.names import prefixed

if TYPE_CHECKING:
    from processor.settings import Settings

pytestmark = pytest.mark.kafka


def test_the_end_is_that_of_the_log_so_that_what_is_being_committed_is_waited_for(settings: Settings) -> None:
    topic = prefixed(settings, "read")
    Admin(settings).create([NewTopicState(topic, 1, 1, {})])
    Admin(settings).wait_for_topics([topic])
    producer = transactional_producer(settings, prefixed(settings, "open"))
    producer.init_transactions(30)
    for value in ("committed", "under way"):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(30)
        if value == "committed":
            producer.commit_transaction(30)
    reader = TopicReader(settings, [topic])
    reading = reader.read_to_end()
    assert next(reading).value == b"committed"
    producer.commit_transaction(30)
    assert [record.value for record in reading] == [b"under way"]
    reader.close()
