"""Contenders of the pipeline benchmark do the same work, on a real broker. How fast they are is nobody's business here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.contenders.registry import CONTENDERS
from benchmarks.support.cluster import PARTITIONS, Cluster, Outputs
from benchmarks.support.cores import Cores
from benchmarks.support.meter import Meter
from benchmarks.support.race import Race
from processor.codec.registry import Schemas

if TYPE_CHECKING:
    from pathlib import Path

    from processor.settings import Settings

pytestmark = pytest.mark.kafka

RECORDS = 3_000
COLLECTORS = 30


def outputs(name: str, settings: Settings, folder: Path) -> Outputs:
    """Have a contender do its work once."""
    cluster = Cluster(settings, Schemas.checked_in())
    cluster.publish(RECORDS)
    job = cluster.prepare(COLLECTORS, RECORDS)
    (CONTENDERS[name].prepare or bool)()
    with Race(cluster, Cores(), folder, RECORDS).running(name, job) as process:
        Meter(job, PARTITIONS).follow(process.pid, lambda: process.poll() is None, RECORDS)
    return cluster.outputs(job, [RECORDS // 2, RECORDS])


@pytest.fixture(scope="module")
def plain() -> dict[int, tuple[int, int]]:
    """What the plain loop comes to: number of inputs and hash of their set, of so many predictions."""
    return {}


@pytest.mark.parametrize(
    "name",
    [
        "ours",
        "kafka-streams",
        pytest.param("quix", marks=pytest.mark.large),
        pytest.param("bytewax", marks=pytest.mark.large),
        pytest.param("arroyo", marks=pytest.mark.large),
    ],
)
def test_a_contender_collects_what_a_plain_loop_collects(
    name: str, settings: Settings, tmp_path: Path, plain: dict[int, tuple[int, int]]
) -> None:
    if not plain:
        plain |= outputs("fastavro-loop", settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}plain-"}), tmp_path).sets
    found = outputs(name, settings, tmp_path)
    assert found.sets == plain
    assert found.records == plain[RECORDS][0] > 200
