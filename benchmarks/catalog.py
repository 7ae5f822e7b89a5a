"""A catalog of a million collectors: how long a process takes to load it, what it holds, and how soon it sees a change.

One broker, one process that reads: the follower that every stage has, in a process of its own, as a stage is. What is measured, and
what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from benchmarks.support.broker import running_broker
from benchmarks.support.cores import choose
from processor.catalog.changes import membership_headers, new_changeset_id
from processor.catalog.follower import CatalogFollower
from processor.catalog.records import (
    SCHEMAS,
    TOPICS,
    App,
    Collector,
    Key,
    Model,
    Record,
    Workflow,
    WorkflowNode,
    kind_of,
    record_key,
)
from processor.catalog.values import to_value
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.engine.decide import decide
from processor.kafka.client import producer
from processor.resources import POST_INPUTS
from processor.settings import Settings
from processor.stages.garbage import spare_garbage_collector
from processor.topics.apply import apply_topics
from processor.topics.names import prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

COLLECTORS_PER_APP = 1_000
CHANGES = 20
SETTLE_S = 0.3
WAIT_S = 0.05
TIMEOUT_S = 600.0
WATCHED = "vision/main"
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """What one load came to; sizes in MiB, times in seconds and milliseconds."""

    collectors: int
    models: int
    load_s: float
    resident_mb: float
    bytes_per_collector: float
    first_decision_ms: float
    change_ms_p50: float
    change_ms_max: float


def documents(collectors: int, models: int) -> Iterator[Record]:
    """Apps of a thousand collectors each, with a key and a workflow of two operators; collectors spread over the models."""
    apps = max(1, collectors // COLLECTORS_PER_APP)
    for number in range(apps):
        owner = (f"user-{number}", "quality")
        yield App(*owner, plan="enterprise")
        yield Key(*owner, "ingest", (POST_INPUTS,), f"{number:064x}")
        yield Model(*owner, "unsure", "max-probability", '{"params":{"value":0.95}}')
        yield Model(*owner, "some", "random-sample", '{"params":{"keep_fraction":0.01}}')
        yield Workflow(*owner, "interesting", (WorkflowNode("n1", "", "", "unsure"), WorkflowNode("n2", "", "", "some", inputs=("n1",))))
    for number in range(models):
        yield Model(*WATCHED.split("/"), model_name(number), "visual-classifier", visibility="PUBLIC")
    yield from (collector(number, apps, models) for number in range(collectors))


def collector(number: int, apps: int, models: int) -> Collector:
    """One of them."""
    user, app = WATCHED.split("/")
    return Collector(
        f"user-{number % apps}",
        "quality",
        f"collector-{number}",
        pre_queue_workflow_id="interesting",
        model_user_id=user,
        model_app_id=app,
        model_id=model_name(number % models),
        post_inputs_key_id="ingest",
        created_at="2026-01-01T00:00:00Z",
    )


def model_name(number: int) -> str:
    """Id of a model."""
    return f"model-{number}"


class Publisher:
    """Writes documents as they stand in the topics, without the checks of a writer, which are not what is measured here."""

    def __init__(self, settings: Settings, schemas: Schemas) -> None:
        self._settings = settings
        self._schemas = schemas
        self._producer = producer(settings)
        self._headers = list(membership_headers(new_changeset_id(int(time.time() * 1000), ""), 0, 1))

    def publish(self, record: Record) -> None:
        """Hand one document to the client."""
        kind = kind_of(record)
        value = encode(self._schemas, SCHEMAS[kind], to_value(record))
        topic, key = prefixed(self._settings, TOPICS[kind]), record_key(record).encode()
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, headers=self._headers)
            except BufferError:
                self._producer.poll(WAIT_S)
            else:
                return

    def flush(self) -> None:
        """Have all of it written."""
        self._producer.flush(TIMEOUT_S)


def follow(settings: Settings, prediction: bytes, model: str, channel: Connection) -> None:
    """What a stage does: load, decide, follow. Says how it went, then the moment at which each change is part of its decisions."""
    before = _resident()
    follower = CatalogFollower(settings, Schemas.checked_in())
    began = time.perf_counter()
    follower.bootstrap()
    spare_garbage_collector()
    loaded = time.perf_counter()
    batch = PredictionDecoder(Schemas.checked_in()).decode([prediction]).batch
    (decided,) = decide(batch, follower.catalog.watchers)
    first_ms = (time.perf_counter() - loaded) * 1000
    active, _ = follower.catalog.collectors_by_state()
    told = {"before": before, "peak": _resident(), "active": active, "saw": len(decided.counts)}
    channel.send(told | {"load_s": loaded - began, "first_ms": first_ms})
    while not channel.poll():
        if follower.poll(WAIT_S):
            decide(batch, follower.catalog.watchers)
            channel.send((time.time(), follower.catalog.watchers[model].collectors[0].inactive_reason))
    follower.close()


def measure(settings: Settings, collectors: int, models: int) -> Row:
    """Write a catalog, have a new process load it, and change one collector now and then."""
    schemas = Schemas.checked_in()
    publisher = Publisher(settings, schemas)
    began = time.monotonic()
    for record in documents(collectors, models):
        publisher.publish(record)
    publisher.flush()
    click.echo(f"{collectors:,} collectors published in {time.monotonic() - began:.0f} s", err=True)
    model = f"{WATCHED}/{model_name(0)}"
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=follow, args=(settings, _prediction(schemas, model), model, theirs))
    process.start()
    try:
        loaded = _receive(ours)
        delays = [_change(publisher, ours, collectors, models, paused=number % 2 == 0) for number in range(CHANGES)]
    finally:
        ours.send("stop")
        process.join(TIMEOUT_S)
    if loaded["active"] != collectors or loaded["saw"] != -(-collectors // models):
        raise click.ClickException(f"{loaded['active']} of {collectors} collectors are active, {loaded['saw']} watch the first model")
    return Row(
        collectors,
        models,
        round(loaded["load_s"], 1),
        round(loaded["peak"] / MB, 1),
        round((loaded["peak"] - loaded["before"]) / collectors),
        round(loaded["first_ms"], 1),
        round(statistics.median(delays), 1),
        round(max(delays), 1),
    )


def _change(publisher: Publisher, channel: Connection, collectors: int, models: int, *, paused: bool) -> float:
    """Milliseconds from the writing of a change until decisions follow it."""
    time.sleep(SETTLE_S)
    first = collector(0, max(1, collectors // COLLECTORS_PER_APP), models)
    written = time.time()
    publisher.publish(replace(first, paused=paused))
    publisher.flush()
    seen, reason = _receive(channel)
    if bool(reason) is not paused:
        raise click.ClickException(f"the collector is {reason or 'active'}, which it should not be")
    return float(seen - written) * 1000


def _receive(channel: Connection) -> Any:
    if not channel.poll(TIMEOUT_S):
        raise click.ClickException(f"nothing came of the process that loads within {TIMEOUT_S:g} s")
    return channel.recv()


def _prediction(schemas: Schemas, model: str) -> bytes:
    user, app, name = model.split("/")
    named = {"user_id": user, "app_id": app, "id": name}
    return encode(schemas, "prediction", {"id": "p", "model": named, "input": {"data": {}}, "output": {"data": {}}})


def _resident() -> int:
    """The most bytes that this process ever had resident: the system tells kilobytes, but on a Mac."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@click.command()
@click.option("--collectors", default=1_000_000, help="How many collectors.")
@click.option("--models", default=10_000, help="Over how many models they are spread.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def main(collectors: int, models: int, *, as_json: bool) -> None:
    """Measure how a catalog is loaded and followed, on a broker that is started for it."""
    with running_broker(choose(), Settings().commit_interval_ms) as (settings, _):
        apply_topics(settings)
        row = measure(settings, collectors, models)
    if as_json:
        click.echo(json.dumps(asdict(row)))
        return
    for name, value in asdict(row).items():
        click.echo(f"{name:<22}{value:>14,}")


if __name__ == "__main__":
    main()
