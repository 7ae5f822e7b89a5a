"""The sink's kill test in small; `scripts/sink-kill-test` runs it for as long as you like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.connect.sink_campaign import Campaign, Plan

if TYPE_CHECKING:
    from pathlib import Path

    from processor.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_worker_killed_while_posting_loses_nothing_and_what_it_posts_again_is_stored_once(settings: Settings, tmp_path: Path) -> None:
    report = Campaign(settings, tmp_path, Plan(inputs=3_000, kills=2, seed=4)).run()
    assert report.kills_while_posting, "no kill struck while inputs were posted"
    assert report.posted_again, "nothing was at risk"
    assert report.exact, report.as_json()
