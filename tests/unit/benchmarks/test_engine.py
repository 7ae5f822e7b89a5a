"""The engine's benchmark still runs, and refuses to compare what is not equal. Its figures are nobody's business here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from benchmarks import engine
from benchmarks.support.loop import LoopPlan

if TYPE_CHECKING:
    import pytest

ARGUMENTS = ["--records", "300", "--batch", "100", "--rounds", "1", "--collectors", "3", "--json"]


def test_contenders_come_to_the_same() -> None:
    result = CliRunner().invoke(engine.main, ARGUMENTS)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["contender"] for row in rows] == ["ours", "fastavro-loop", "fastavro-bare"]
    assert rows[0]["outputs"] == rows[1]["outputs"] > 0


def test_different_outputs_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop with another threshold and another sample looks just as quick."""
    monkeypatch.setattr(engine, "loop_plan", lambda collector: LoopPlan(collector.key, 0, 0, 1 << 63, 0.5))
    result = CliRunner().invoke(engine.main, ARGUMENTS)
    assert result.exit_code == 1
    assert "different outputs with 3 collectors" in result.output
