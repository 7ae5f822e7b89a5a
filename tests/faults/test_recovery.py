"""How soon a process that was killed is back: its transactional id ends what it left open, where others wait for its time-out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import OffsetSpec

from processor.kafka.admin import Admin
from processor.kafka.client import admin_client
from tests.support.processes import Processor
from tests.support.stage import behind
from tests.support.waiting import wait_until
from tests.support.world import Publisher, output_topics, predictions, set_up

if TYPE_CHECKING:
    from processor.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PORTION = 100
BACK_S = 60
TIME_OUT_MS = 600_000


def test_what_a_killed_process_left_open_holds_up_nobody_once_it_is_back(settings: Settings) -> None:
    stream = predictions(10**9, 12)
    # Longer than anybody here waits. Its first transaction is committed at once, and each next one ten seconds later.
    patient = settings.model_copy(update={"transaction_timeout_ms": TIME_OUT_MS, "commit_interval_ms": 10_000})
    set_up(settings)
    with Processor(patient) as processor:
        wait_until(lambda: "assigned partitions [" in processor.log(), "an assignment", 60)
        wait_until(lambda: stopped_inside(settings, processor, list(itertools.islice(stream, PORTION))), "an open transaction", 60, 0.5)
    with Processor(patient.model_copy(update={"commit_interval_ms": 100})) as processor:
        wait_until(lambda: not behind(settings) and not is_open(settings), "what came before and after the kill to be readable", BACK_S)
        assert processor.terminate() == 0, processor.log()


def stopped_inside(settings: Settings, processor: Processor, portion: list[dict[str, Any]]) -> bool:
    """Give the processor something to do, and stop its clock; it goes on if nothing is open then."""
    Publisher(settings).publish(portion)
    for worker in processor.workers():
        worker.suspend()
    if is_open(settings):
        return True
    for worker in processor.workers():
        worker.resume()
    return False


def is_open(settings: Settings) -> bool:
    """Whether the topics of outputs have records that nobody may read yet."""
    return end(settings, IsolationLevel.READ_COMMITTED) < end(settings, IsolationLevel.READ_UNCOMMITTED)


def end(settings: Settings, level: IsolationLevel) -> int:
    """The ends of all partitions of outputs, summed, as a reader with this level sees them."""
    partitions = Admin(settings).require(output_topics(settings))
    asked = {TopicPartition(topic, number): OffsetSpec.latest() for topic, count in partitions.items() for number in range(count)}
    admin = admin_client(settings)
    return sum(answer.result(30).offset for answer in admin.list_offsets(asked, isolation_level=level).values())
