"""What a transaction's failure asks for: another start, or somebody who mends the cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from processor.errors import Fenced, FixCluster
from processor.kafka.admin import Admin
from processor.kafka.client import fair_fetch
from processor.kafka.committed import committed
from processor.kafka.group import Member, Subscription
from processor.kafka.topic_state import NewTopicState
from processor.kafka.transaction import GATHER_S, Transaction
from processor.kafka.writer import Outgoing
from processor.topics.names import PREDICTIONS, prefixed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.settings import Settings

pytestmark = pytest.mark.kafka


class Nobody:
    """An owner of partitions that never come."""

    def assigned(self, committed: Mapping[int, int | None]) -> None: ...

    def revoked(self, partitions: Sequence[int]) -> None: ...

    def lost(self, partitions: Sequence[int]) -> None: ...


def test_a_record_that_its_topic_does_not_take_is_no_reason_to_start_again(settings: Settings) -> None:
    topic = prefixed(settings, PREDICTIONS)
    Admin(settings).create([NewTopicState(topic, 1, 1, {"max.message.bytes": "10000"})])
    Admin(settings).wait_for_topics([topic])
    transaction = Transaction(settings, prefixed(settings, "large"))
    transaction.init()
    transaction.begin()
    transaction.produce([Outgoing(topic, None, os.urandom(20_000))])
    transaction._producer.flush(30)  # a refusal that comes while offsets are sent is told by the next start only
    member = Member(settings, Subscription(prefixed(settings, "group"), topic, "classic", fair_fetch(1)), Nobody())
    with pytest.raises(FixCluster, match=r"MSG_SIZE_TOO_LARGE.*max\.message\.bytes"):
        transaction.commit(member, {0: 0})
    member.close()


def test_a_time_out_beyond_the_brokers_limit_is_no_reason_to_start_again(settings: Settings) -> None:
    patient = settings.model_copy(update={"transaction_timeout_ms": 100_000_000})
    with pytest.raises(FixCluster, match="lower transaction_timeout_ms"):
        Transaction(patient, prefixed(settings, "patient")).init()


def test_whoever_was_replaced_is_told_that_it_is_fenced_however_many_of_its_records_are_refused_at_once(settings: Settings) -> None:
    topics = [prefixed(settings, f"fenced-{number}") for number in range(20)]
    Admin(settings).create([NewTopicState(topic, 1, 1, {}) for topic in topics])
    Admin(settings).wait_for_topics(topics)
    member = Member(settings, Subscription(prefixed(settings, "group"), topics[0], "classic", fair_fetch(1)), Nobody())
    first, second = (Transaction(settings, prefixed(settings, "twice")) for _ in range(2))
    first.init()
    first.begin()
    first.produce([Outgoing(topic, None, b"first") for topic in topics])
    first._producer.flush(30)
    second.init()
    first.produce([Outgoing(topic, None, b"second") for topic in topics])
    with pytest.raises(Fenced):
        first.commit(member, {0: 0})
    member.close()


def test_offsets_are_a_part_of_the_transaction_and_gone_with_it(settings: Settings) -> None:
    topic, group = prefixed(settings, PREDICTIONS), prefixed(settings, "group")
    Admin(settings).create([NewTopicState(topic, 1, 1, {})])
    Admin(settings).wait_for_topics([topic])
    member = Member(settings, Subscription(group, topic, "classic", fair_fetch(1)), Nobody())
    first, second = (Transaction(settings, prefixed(settings, "twice")) for _ in range(2))
    first.init()
    first.begin()
    first.produce([Outgoing(topic, None, b"first")])
    first._producer.flush(30)
    second.init()
    with pytest.raises(Fenced):
        first.commit(member, {0: 1})
    assert not committed(settings, {group: [(topic, 0)]})[group]
    member.close()


def test_commits_come_an_interval_apart_however_late_something_was_begun(settings: Settings) -> None:
    now = [1_000.0]
    topic = prefixed(settings, PREDICTIONS)
    Admin(settings).create([NewTopicState(topic, 1, 1, {})])
    Admin(settings).wait_for_topics([topic])
    member = Member(settings, Subscription(prefixed(settings, "group"), topic, "classic", fair_fetch(1)), Nobody())
    transaction = Transaction(settings.model_copy(update={"commit_interval_ms": 500}), prefixed(settings, "paced"), lambda: now[0])
    transaction.init()
    assert transaction.due_in_s() == GATHER_S  # nothing is open, and nothing was committed of late
    transaction.begin()
    assert transaction.due_in_s() == 0
    transaction.produce([Outgoing(topic, None, b"first")])
    transaction.commit(member, {0: 0})
    assert transaction.due_in_s() == 0.5
    now[0] += 0.4
    transaction.begin()
    assert transaction.due_in_s() == pytest.approx(0.1)
    now[0] += 0.2
    assert transaction.due_in_s() == 0
    transaction.abort()
    member.close()
