"""What ``collectors status`` counts, where the topic of the counters holds more than it should."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from processor import app
from processor.codec.framing import frame
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.admin import Admin
from processor.kafka.client import producer
from processor.kafka.topic_state import NewTopicState
from processor.state.counters import Block, Slot
from processor.topics.names import COUNTERS, prefixed

if TYPE_CHECKING:
    from processor.settings import Settings

pytestmark = pytest.mark.kafka

SCHEMAS = Schemas.checked_in()
COLLECTED = Slot("acme/quality/a", "collected")
MODEL = "clarifai/main/general"
COUNTED = (
    Block("pre-queue", 0, MODEL, names=[COLLECTED]),
    Block("pre-queue", 0, MODEL, counts=struct.pack("<q", 7)),
)


def of(block: Block) -> bytes:
    return encode(SCHEMAS, "counters", block.as_dict())


GARBAGE = {
    "no framing": b"garbage",
    "an unknown schema": frame(999_999, b"\x00"),
    "half a record": of(COUNTED[0])[:-4],
    "half a count": of(Block("pre-queue", 1, MODEL, counts=b"\x01\x02\x03")),
    "neither names nor counts": of(Block("pre-queue", 1, MODEL)),
}


def test_a_record_that_is_no_counters_is_told_and_the_others_are_counted(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    topic = prefixed(settings, COUNTERS)
    Admin(settings).create([NewTopicState(topic, 1, 1, {})])
    Admin(settings).wait_for_topics([topic])
    client = producer(settings)
    for value in (*GARBAGE.values(), *map(of, COUNTED), of(Block("a stage to come", 0, MODEL, names=[COLLECTED]))):
        client.produce(topic, value)
    client.flush()
    assert list(app._counts(settings, SCHEMAS)) == [(COLLECTED, 7)]
    told = [record.getMessage() for record in caplog.records if record.name == "collectors"]
    places = [f"{topic} partition 0 offset {offset} is no counters" for offset in range(len(GARBAGE))]
    assert [message.partition(",")[0] for message in told] == places
