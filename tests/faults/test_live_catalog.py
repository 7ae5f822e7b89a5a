"""A catalog that changes under load: every prediction is decided by exactly one version of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.live_catalog import LiveCatalog

if TYPE_CHECKING:
    from processor.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_changes_reach_both_processes_and_every_input_is_what_its_catalog_version_says(settings: Settings) -> None:
    outcome = LiveCatalog(settings).run()
    assert outcome.predictions > 0
    assert not outcome.findings
    assert len(outcome.delays_ms) == 5
