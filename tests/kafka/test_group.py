"""Membership of a group on a real broker: leaving it at an awkward moment."""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException

from processor.app import queue_fetch
from processor.kafka.admin import Admin
from processor.kafka.client import Fetch, admin_client, fair_fetch, producer
from processor.kafka.committed import CHOOSING_A_COORDINATOR
from processor.kafka.failure import error_code
from processor.kafka.group import Member, Subscription
from processor.kafka.topic_state import NewTopicState
from processor.topics.names import PREDICTIONS, prefixed
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.settings import Settings

pytestmark = pytest.mark.kafka
CLOSED_WITHIN_S = 20.0
BACKLOG_PARTITIONS, BACKLOG_RECORDS, BACKLOG_BYTES = 6, 10_000, 20_000_000


class Remembering:
    """An owner that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def assigned(self, committed: Mapping[int, int | None]) -> None:
        self.told.append(f"assigned {sorted(committed)}")

    def revoked(self, partitions: Sequence[int]) -> None:
        self.told.append(f"revoked {sorted(partitions)}")

    def lost(self, partitions: Sequence[int]) -> None:
        self.told.append(f"lost {sorted(partitions)}")


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_partitions_that_come_while_a_member_leaves_do_not_hold_it_up(settings: Settings, protocol: str) -> None:
    topic, group = prefixed(settings, PREDICTIONS), prefixed(settings, "group")
    Admin(settings).create([NewTopicState(topic, 3, 1, {})])
    Admin(settings).wait_for_topics([topic])
    owner = Remembering()
    member = Member(settings, Subscription(group, topic, protocol, fair_fetch(1)), owner)
    member.subscribe()
    # Never polled, so what it was given is not told to it before it leaves.
    wait_until(lambda: given(settings, group) == 3, "the group gives its member the partitions", 60)
    closing = threading.Thread(target=member.close, daemon=True)
    closing.start()
    closing.join(CLOSED_WITHIN_S)
    assert not closing.is_alive()
    assert not [told for told in owner.told if told.startswith("assigned")]


@pytest.mark.parametrize("fetch", [fair_fetch(BACKLOG_PARTITIONS), queue_fetch(BACKLOG_PARTITIONS)])
def test_a_backlog_is_read_from_all_partitions_alike(settings: Settings, fetch: Fetch) -> None:
    topic = prefixed(settings, PREDICTIONS)
    Admin(settings).create([NewTopicState(topic, BACKLOG_PARTITIONS, 1, {})])
    Admin(settings).wait_for_topics([topic])
    publisher = producer(settings, compression_type="none")
    value = random.Random(1).randbytes(BACKLOG_BYTES // BACKLOG_RECORDS)  # noqa: S311 - bytes that do not compress
    for number in range(BACKLOG_PARTITIONS * BACKLOG_RECORDS):
        publisher.produce(topic, value, partition=number % BACKLOG_PARTITIONS)
    publisher.flush()
    member = Member(settings, Subscription(prefixed(settings, "group"), topic, "consumer", fetch), Remembering())
    member.subscribe()
    seen: Counter[int] = Counter()
    while seen.total() < BACKLOG_PARTITIONS * BACKLOG_RECORDS // 2:
        for partition, messages in member.poll(12_000, 1.0).items():
            seen[partition] += len(messages)
            work = hashlib.sha3_512()  # slower than fetching is, so the client always has all that it may have
            for message in messages:
                for _ in range(4):
                    work.update(message.value() or b"")
    member.close()
    assert min(seen[partition] for partition in range(BACKLOG_PARTITIONS)) > max(seen.values()) / 2, dict(seen)


def given(settings: Settings, group: str) -> int:
    """How many partitions the group's members have been given, as the coordinator tells it."""
    admin = admin_client(settings)
    try:
        described = admin.describe_consumer_groups([group])[group].result(30)
    except KafkaException as error:
        if error_code(error) in CHOOSING_A_COORDINATOR:  # the cluster has just begun
            return 0
        raise
    return sum(len(member.assignment.topic_partitions) for member in described.members)
