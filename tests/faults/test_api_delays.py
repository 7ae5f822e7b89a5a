"""What is no longer allowed stops a collector with its reason, and starts it again when it is; ``scripts/api-delays`` prints how soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.api_delays import CHANGES, Run

if TYPE_CHECKING:
    from pathlib import Path

    from processor.settings import Settings


@pytest.mark.slow
@pytest.mark.kafka
def test_what_is_taken_back_stops_a_collector_with_its_reason_and_what_is_given_again_starts_it(settings: Settings, tmp_path: Path) -> None:
    assert [each.name for each in Run(settings, tmp_path).run()] == [change.name for change in CHANGES]
