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
LESS_THAN = "Comparison.LESS_THAN: (0, bits),"
TURNED_ROUND = "Comparison.LESS_THAN: (bits, VALUES_END),"


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
    assert {reason for row in rows for reason in row["reasons"]} == {"collector_inactive", "other_caller", "not_sampled", "workflow_empty"}
    assert not list(tmp_path.iterdir()), "the demo leaves nothing behind"


@pytest.mark.slow
@pytest.mark.kafka
def test_a_fault_in_the_engine_makes_it_fail_and_say_which_predictions_differ(tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    for name in ("processor", "schemas", "connectors"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "topics.yaml", tmp_path)
    source = tmp_path / "processor" / "operators" / "comparison.py"
    before = source.read_text(encoding="utf-8")
    assert before.count(LESS_THAN) == 1, "plant the fault where the engine now compares"
    source.write_text(before.replace(LESS_THAN, TURNED_ROUND), encoding="utf-8")
    done = demo(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "acme/training/unsure: " in done.stderr
    assert " missing: read-" in done.stderr
    assert " too much: read-" in done.stderr
    assert orjson.loads(done.stdout)["predictions"] == COUNT
