"""The fault campaign in small: each process killed, and one that stands still; ``scripts/faults`` has every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.fault_campaign import FaultCampaign
from tests.faults.schedule import Plan, Planned

if TYPE_CHECKING:
    from pathlib import Path

LANES = {
    "first": ("kill-pre-queue", "kill-sink", "kill-pre-queue-supervisor"),
    "second": ("kill-post-queue", "kill-api", "kill-post-queue-supervisor"),
    "cluster": ("kill-broker", "kill-connect", "zombie"),
}


@pytest.mark.large
def test_kills_of_every_process_and_a_zombie_lose_double_and_reorder_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLECTORS_CONFIG_FOLDER", str(tmp_path / "settings"))
    monkeypatch.setenv("COLLECTORS_CONNECT_URL", "")  # it is set by the campaign, and has to be taken back
    lanes = {lane: [Planned(5.0 * place, lane, kind, place) for place, kind in enumerate(kinds)] for lane, kinds in LANES.items()}
    report = FaultCampaign(tmp_path, Plan(1, 1.0, 200, lanes)).run()
    assert report.good, report.as_text()
    assert report.struck == report.proven
    assert report.kills == 8
