"""The demo as a whole: right where the engine is right, and wrong where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[2]
COUNT = 400
REASONS = {"collector_inactive", "other_caller", "not_sampled", "workflow_empty", "post_queue_empty", "duplicate", "over_quota"}
LESS_THAN = "Comparison.LESS_THAN: (0, bits),"
TURNED_ROUND = "Comparison.LESS_THAN: (bits, VALUES_END),"
DISAGREES = "return not predicted or _best(predicted) != best"
AGREES = "return not predicted or _best(predicted) == best"


def demo(folder: Path, package: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the demo in a folder, from a package, with settings around that must not matter."""
    pytest.importorskip("sklearn")
    foreign = {"COLLECTORS_BOOTSTRAP_SERVERS": "127.0.0.1:1", "COLLECTORS_TOPIC_PREFIX": "foreign-"}
    return subprocess.run(
        [sys.executable, "-m", "processor", "demo", "--json", "--predictions", str(COUNT)],
        cwd=folder,
        env=os.environ | foreign | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.slow
@pytest.mark.kafka
def test_every_collector_collects_what_an_independent_evaluation_expects(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr
    summary = orjson.loads(done.stdout)
    rows = summary["collectors"]
    assert summary["predictions"] == COUNT
    assert summary["lag"]["predictions"] == 0
    assert len(rows) >= 8
    assert all(row["collected"] == row["expected"] == row["posted"] for row in rows)
    collected = sum(row["collected"] for row in rows)
    assert summary["sink"] == [{"app": "acme/training", "state": "RUNNING", "delivered": collected, "refused": 0, "lag": 0}]
    assert summary["lag"]["inputs"] == 0
    assert all(row["seen"] == row["collected"] + row["queued"] + sum(row["reasons"].values()) == COUNT for row in rows)
    assert {reason for row in rows for reason in row["reasons"]} == REASONS
    assert {row["queued"] for row in rows} == {summary["lag"]["queue"]} == {0}
    assert not list(tmp_path.iterdir()), "the demo leaves nothing behind"


@pytest.mark.slow
@pytest.mark.kafka
def test_faults_in_either_stage_make_it_fail_and_say_which_predictions_differ(tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    for name in ("processor", "schemas", "connectors"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "topics.yaml", tmp_path)
    for name, right, wrong in (("comparison", LESS_THAN, TURNED_ROUND), ("disagreement", DISAGREES, AGREES)):
        source = tmp_path / "processor" / "operators" / f"{name}.py"
        before = source.read_text(encoding="utf-8")
        assert before.count(right) == 1, f"plant the fault where {name} is now judged"
        source.write_text(before.replace(right, wrong), encoding="utf-8")
    done = demo(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "acme/training/unsure: " in done.stderr
    assert "acme/training/second-opinion: " in done.stderr
    assert " missing: read-" in done.stderr
    assert " too much: read-" in done.stderr
    assert orjson.loads(done.stdout)["predictions"] == COUNT
