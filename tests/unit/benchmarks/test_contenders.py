"""Who takes part in the pipeline benchmark, and what each is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from benchmarks import pipeline
from benchmarks.contenders.kafka_streams import document
from benchmarks.contenders.registry import CONTENDERS, RECORDS_MIN
from benchmarks.support.environment import ROOT, python_with
from benchmarks.support.job import Job, Watch
from benchmarks.support.loop import LoopPlan
from processor.errors import FixMachine
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

WATCH = Watch(LoopPlan("acme/app0/c0", 3, 2**64 - 1, 2**63 + 5, 0.5), "inputs.acme.app0", 0.25)


@pytest.mark.parametrize("name", list(CONTENDERS))
def test_a_contender_is_a_module(name: str) -> None:
    assert (ROOT / "benchmarks" / "contenders" / f"{CONTENDERS[name].module}.py").is_file()


def test_everyone_reads_everything_with_few_collectors() -> None:
    assert {contender.records(1_000_000, 20) for contender in CONTENDERS.values()} == {1_000_000}


def test_slow_ones_get_less_with_many_collectors_and_never_nothing() -> None:
    given = {name: contender.records(1_000_000, 10_000) for name, contender in CONTENDERS.items()}
    assert given["ours"] == given["floor"] == 1_000_000
    assert given["fastavro-loop"] == RECORDS_MIN < given["kafka-streams"] < 1_000_000
    assert CONTENDERS["fastavro-loop"].records(100, 10_000) == 100


def test_those_without_transactions_are_known() -> None:
    assert {name for name, contender in CONTENDERS.items() if not contender.exactly_once} == {"bytewax", "arroyo"}


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    job = Job("localhost:1", "p-", "p-predictions", "p-group", "p-tx", 500, ("p-a", "p-b"), (WATCH,))
    job.write(tmp_path / "job.json")
    assert Job.read(str(tmp_path / "job.json")) == job


def test_a_collectors_document_is_a_workflow_of_two_operators() -> None:
    unsure, sample = document(WATCH)["workflow"]  # type: ignore[misc]  # a list of two
    assert unsure == {"type": "max-probability", "below": 0.5}
    assert sample == {"type": "random-sample", "group": 3, "salt": 2**64 - 1, "limit": 2**63 + 5}


def test_an_unknown_contender_is_named() -> None:
    result = CliRunner().invoke(pipeline.main, ["--contenders", "ours,flonk"])
    assert result.exit_code == 2
    assert "flonk" in result.output
    assert "kafka-streams" in result.output


def test_an_environment_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(FixMachine, match="cannot be installed here"):
        python_with(Settings(bootstrap_servers="", cache_dir=tmp_path), ["nothing==1"])
    assert not list((tmp_path / "benchmarks").glob("*/installed"))
