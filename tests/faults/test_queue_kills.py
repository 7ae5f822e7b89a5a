"""The second stage's kill test in small; ``scripts/queue-kill-test`` does it for as long as you like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.queue_campaign import campaign

if TYPE_CHECKING:
    from processor.settings import Settings


@pytest.mark.slow
@pytest.mark.kafka
def test_quotas_windows_and_workflows_are_exact_through_kills(settings: Settings) -> None:
    report = campaign(settings, 6_000, 4, 11)
    assert report.kills == 4
