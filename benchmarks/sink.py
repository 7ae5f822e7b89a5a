"""The sink connector beside a direct asynchronous client: the same inputs in the same batches, as many requests at once, one destination.

Both take turns on one embedded destination, which stores each input with its time; both are measured by these times. What is measured, and
what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from benchmarks.support.cores import choose, pinned
from benchmarks.support.destination import HOST, KEY, SECRET, USER
from processor.codec.inputs import input_id
from processor.connect.worker import LocalConnect
from processor.kafka.admin import Admin
from processor.kafka.local import LocalBroker
from processor.kafka.machine import free_port
from processor.kafka.topic_state import NewTopicState
from processor.kafka.writer import Outgoing, write_transaction
from processor.secrets import SecretStore
from processor.settings import Settings
from processor.topics.names import INPUTS_DEAD_LETTERS, inputs_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.support.cores import Cores

BATCH = 128
PER_TRANSACTION = 500
TIMEOUT_S = 600.0
LOOK_EVERY_S = 1.0  # seldom: looking costs the contender a part of its core
WARM_UP_SHARE = 10  # the first tenth is left out
ANSWERED = 2  # hundreds: every 2xx is one
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
SEED = 20261122


@dataclass(frozen=True, slots=True)
class Turn:
    """How quickly one contender's inputs were stored, and how many requests that would be in full batches."""

    contender: str
    inputs_per_s: float


class Destination:
    """The embedded destination in a process of its own, on a SQLite file.

    Args:
        folder: where the file goes.
        cores: where it runs.
    """

    def __init__(self, folder: Path, cores: frozenset[int]) -> None:
        self._file = folder / "destination.db"
        self.url = f"http://{HOST}:{free_port()}"
        command = [sys.executable, "-m", "benchmarks.support.destination", f"sqlite:///{self._file}", self.url.rsplit(":", 1)[1]]
        with pinned(cores):
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._process.stdout is not None, "asked for above"  # noqa: S101 - for the type checker
        if not self._process.stdout.readline():
            raise click.ClickException("the destination did not start; what it said stands above")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)

    def stored(self, app: str) -> int:
        """How many inputs an app has."""
        return int(self._ask("select count(*) from inputs where app_id = ?", app)[0][0])

    def wait(self, app: str, inputs: int, alive: Callable[[], bool]) -> None:
        """Wait until an app has that many."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.stored(app) < inputs:
            if time.monotonic() > deadline or not alive():
                raise click.ClickException(f"{self.stored(app)} of {inputs} inputs arrived for {app}, and no more")
            time.sleep(LOOK_EVERY_S)

    def speed(self, app: str) -> float:
        """Inputs a second between the first tenth and the last one, by the times that they were stored with."""
        times = [row[0] for row in self._ask("select created_at_us from inputs where app_id = ? order by created_at_us", app)]
        first = len(times) // WARM_UP_SHARE
        return (len(times) - first) / (times[-1] - times[first]) * 1e6

    def _ask(self, question: str, app: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as database:
            return database.execute(question, (app,)).fetchall()


class Race:
    """Contenders in turns on one destination.

    Args:
        settings: the cluster.
        worker: where connectors run.
        destination: where inputs go.
        inputs: their JSON.
        in_flight: requests at once.
    """

    def __init__(self, settings: Settings, worker: LocalConnect, destination: Destination, inputs: Sequence[bytes], in_flight: int) -> None:
        self._settings = settings
        self._worker = worker
        self._destination = destination
        self._inputs = inputs
        self._in_flight = in_flight

    def direct(self, app: str, cores: frozenset[int]) -> Turn:
        """A client that has the batches in memory and posts them as fast as they are answered."""
        with pinned(cores):
            asyncio.run(self._post_all(app))
        return self._turn("direct", app)

    def sink(self, app: str, secrets: Path) -> Turn:
        """The connector, from a topic that holds the inputs before it starts."""
        topic = inputs_topic(USER, app)
        Admin(self._settings).create([NewTopicState(name, 1, 1) for name in (topic, INPUTS_DEAD_LETTERS)])
        Admin(self._settings).wait_for_topics([topic])
        for start in range(0, len(self._inputs), PER_TRANSACTION):
            write_transaction(self._settings, [Outgoing(topic, None, each) for each in self._inputs[start : start + PER_TRANSACTION]])
        with httpx.Client(base_url=self._worker.url, timeout=60, trust_env=False) as rest:
            rest.put(f"/connectors/{topic}/config", json=self._config(app, topic, secrets)).raise_for_status()
            self._destination.wait(app, len(self._inputs), lambda: "FAILED" not in rest.get(f"/connectors/{topic}/status").text)
            rest.delete(f"/connectors/{topic}").raise_for_status()
        return self._turn("sink", app)

    def _turn(self, contender: str, app: str) -> Turn:
        self._destination.wait(app, len(self._inputs), lambda: False)
        return Turn(contender, self._destination.speed(app))

    async def _post_all(self, app: str) -> None:
        parts = (self._inputs[start : start + BATCH] for start in range(0, len(self._inputs), BATCH))
        batches = iter([b'{"inputs":[' + b",".join(part) + b"]}" for part in parts])
        headers = {"Authorization": f"Key {SECRET}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=self._destination.url, headers=headers, timeout=60, trust_env=False) as client:

            async def post() -> None:
                for batch in batches:
                    answer = await client.post(f"/v2/users/{USER}/apps/{app}/inputs", content=batch)
                    if answer.status_code // 100 != ANSWERED:
                        raise click.ClickException(f"the destination answers {answer.status_code}: {answer.text[:500]}")

            await asyncio.gather(*(post() for _ in range(self._in_flight)))

    def _config(self, app: str, topic: str, secrets: Path) -> dict[str, str]:
        return {
            "connector.class": "collectors.connect.InputsSinkConnector",
            "topics": topic,
            "tasks.max": "1",
            "destination.url": self._destination.url,
            "destination.user.id": USER,
            "destination.app.id": app,
            "destination.key.id": KEY,
            "destination.key": f"${{directory:{secrets}:{USER}..{KEY}}}",
            "requests.in.flight.max": str(self._in_flight),
            "batch.inputs.max": str(BATCH),
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": INPUTS_DEAD_LETTERS,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "consumer.override.isolation.level": "read_committed",
            **{f"{part}.converter": BYTES for part in ("key", "value", "header")},
        }


def make_inputs(count: int, image_bytes: int) -> list[bytes]:
    """Inputs as the processor writes them, each with an image of random bytes."""
    rng = random.Random(SEED)  # noqa: S311 - reproducible inputs
    return [_input(number, base64.b64encode(b"\x89PNG\r\n\x1a\n" + rng.randbytes(image_bytes)).decode()) for number in range(count)]


def _input(number: int, image: str) -> bytes:
    collector, prediction = f"{USER}/app/everything", f"p-{number}"
    collected = {"collector": collector, "prediction_id": prediction, "model": "clarifai/main/general", "inclusion_probability": 1.0}
    data = {"image": {"base64": image}, "metadata": {"camera": number % 7, "collected": collected}}
    return json.dumps({"id": input_id(collector, prediction), "data": data}).encode()


@contextmanager
def _system(folder: Path, cores: Cores) -> Iterator[tuple[Settings, LocalConnect, Destination]]:
    """Broker and worker on one core, the destination on another."""
    broker = LocalBroker(Settings(bootstrap_servers=""), folder / "kafka")
    with pinned(cores.contender):
        broker.start()
        settings = Settings(bootstrap_servers=broker.bootstrap_servers)
        worker = LocalConnect(settings, broker.bootstrap_servers, folder / "connect", secrets=folder / "secrets")
        SecretStore(folder / "secrets").put(USER, "", KEY, SECRET)
        worker.start()
    destination = Destination(folder, cores.broker)
    try:
        yield settings, worker, destination
    finally:
        destination.close()
        worker.kill()
        broker.kill()


@click.command()
@click.option("--inputs", default=20_000, help="Inputs a turn.")
@click.option("--image-bytes", default=1_000, help="Size of each input's image.")
@click.option("--in-flight", default=4, help="Requests at once, of both.")
@click.option("--rounds", default=3, help="Rounds; the best of each contender counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def main(inputs: int, image_bytes: int, in_flight: int, rounds: int, as_json: bool) -> None:
    """Measure the sink beside a direct client, on a broker, a worker and a destination that are started for it."""
    cores, given = choose(), make_inputs(inputs, image_bytes)
    click.echo("the destination has one core, the contenders (with broker and worker) another" if cores.broker else str(cores), err=True)
    turns: list[Turn] = []
    with tempfile.TemporaryDirectory(prefix="bench-sink-") as folder, _system(Path(folder), cores) as (settings, worker, destination):
        race = Race(settings, worker, destination, given, in_flight)
        # A round that does not count: a Java program is slow until its code is compiled, and a connector runs for months.
        for number in range(rounds + 1):
            for turn in (race.direct(f"direct-{number}", cores.contender), race.sink(f"sink-{number}", Path(folder) / "secrets")):
                name = f"round {number} of {rounds}" if number else "warming up"
                click.echo(f"{name}, {turn.contender}: {turn.inputs_per_s:,.0f} inputs/s", err=True)
                turns += [turn] if number else []
    with contextlib.suppress(OSError):
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        click.echo(f"load averages of this machine at the end: {load}", err=True)
    speeds = {name: [turn.inputs_per_s for turn in turns if turn.contender == name] for name in ("direct", "sink")}
    ratios = [sink / direct for direct, sink in zip(speeds["direct"], speeds["sink"], strict=True)]
    row: dict[str, Any] = {f"{name}_inputs_per_s": round(max(values)) for name, values in speeds.items()}
    row |= {"sink_to_direct": round(max(speeds["sink"]) / max(speeds["direct"]), 2), "by_round": [round(ratio, 2) for ratio in ratios]}
    click.echo(json.dumps(row) if as_json else "\n".join(f"{name:<22}{value!s:>20}" for name, value in row.items()))


if __name__ == "__main__":
    main()
