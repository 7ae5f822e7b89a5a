"""The kill test in small; `scripts/kill-test` runs it for as long as you like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.settings import Settings
from tests.faults.campaign import Campaign, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.brokers import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_three_process_kills_and_one_broker_kill_lose_and_double_nothing(new_broker: Callable[[Mapping[str, str]], Broker]) -> None:
    broker = new_broker({})
    # Transactions of a second are open nearly always, so that three kills cannot all miss one.
    settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="kills-", instance="kills-host", commit_interval_ms=1000)
    report = Campaign(settings, broker, Plan(predictions=60_000, kills=3, broker_kills=1, seed=20)).run()
    assert (report.kills, report.broker_kills) == (3, 1), "the faults did not strike"
    assert report.kills_in_open_transactions, "no kill hit an open transaction"
    assert report.exact, report.as_json()
    assert report.read == report.expected > 0
