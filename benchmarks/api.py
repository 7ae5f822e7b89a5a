"""The REST API's calls in an app with thousands of collectors, beside the same in an empty one and in one with a page full.

One real `collectors serve` on a real broker; the calls take turns, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx

from processor.catalog.changes import Change
from processor.catalog.records import App, Collector, Key, Record, kind_of, record_key
from processor.catalog.store import Catalog
from processor.catalog.write import CatalogWriter, order
from processor.codec.registry import Schemas
from processor.kafka.local import LocalBroker
from processor.resources import SCOPES
from processor.rest.keys import sha256_of
from processor.secrets import new_secret
from processor.settings import Settings
from processor.topics.apply import apply_topics

USER = "bench"
PAGE = 128
SOURCE = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general", "post_inputs_key_id": "ingest"}
WARM_UP = 20
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One call in one app: milliseconds, and the median beside that of the empty app."""

    call: str
    collectors: int
    p50_ms: float
    p99_ms: float
    to_empty: float


@click.command()
@click.option("--collectors", default=5_000, show_default=True, help="In the largest app.")
@click.option("--rounds", default=300, show_default=True, help="Of every call in every app.")
@click.option("--json", "as_json", is_flag=True, help="Rows for programs.")
def main(collectors: int, rounds: int, as_json: bool) -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory(prefix="bench-api-") as folder:
        rows = _measured(Path(folder), (0, PAGE, collectors), rounds)
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print(f"{'call':<8}{'collectors':>12}{'p50 ms':>10}{'p99 ms':>10}{'to empty':>10}")
    for row in rows:
        print(f"{row.call:<8}{row.collectors:>12,}{row.p50_ms:>10.2f}{row.p99_ms:>10.2f}{row.to_empty:>10.2f}")


def _measured(folder: Path, sizes: tuple[int, ...], rounds: int) -> list[Row]:
    broker = LocalBroker(Settings(bootstrap_servers=""), folder / "broker")
    settings = Settings(bootstrap_servers=broker.start().bootstrap_servers)
    try:
        secret = _fill(settings, sizes)
        with _served(settings, folder) as url:
            client = httpx.Client(base_url=url, headers={"authorization": f"Key {secret}"}, trust_env=False, timeout=TIMEOUT_S)
            return _rows(client, sizes, rounds)
    finally:
        broker.stop()


def _fill(settings: Settings, sizes: tuple[int, ...]) -> str:
    """Apps of these sizes, and a key that opens them."""
    apply_topics(settings)
    secret = new_secret()
    token = Key(USER, "", "token", tuple(sorted(SCOPES)), sha256_of(secret))
    apps = [App(USER, f"of-{size}", "professional") for size in sizes]
    keys = [Key(USER, app.id, "ingest", ("PostInputs",), "00") for app in apps]
    many = [_collector(f"of-{size}", number) for size in sizes for number in range(size)]
    records: list[Record] = [token, *apps, *keys, *many]
    changes = [Change(kind_of(record), record_key(record), record) for record in records]
    owners = {(USER, app.id) for app in apps}
    CatalogWriter(settings, Schemas.checked_in()).write(order(Catalog(()), changes, owners, "benchmark", datetime.now(UTC)))
    return secret


def _collector(app: str, number: int) -> Collector:
    return Collector(USER, app, f"c-{number:06d}", "One of many", pre_queue_random_sample=0.1, **SOURCE)


class _served:  # noqa: N801 - reads as what it is in a with statement
    """One `collectors serve`; gives its address."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        command = [sys.executable, "-m", "processor", "serve", "--port", "0"]
        environment = {
            "COLLECTORS_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "COLLECTORS_API_REQUESTS_PER_SECOND": "1000000",
            "COLLECTORS_API_BURST": "1000000",
            "COLLECTORS_LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        self._process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it was asked for
        return self._process.stdout.readline().strip()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT_S)


def _rows(client: httpx.Client, sizes: tuple[int, ...], rounds: int) -> list[Row]:
    times: dict[tuple[str, int], list[float]] = {(name, size): [] for name in CALLS for size in sizes}
    for number in range(rounds + WARM_UP):
        for name, (method, path, body) in CALLS.items():
            if name in WRITES and number % EVERY_WRITE:
                continue
            for size in sizes:
                took = _timed(client, method, path.format(app=f"of-{size}"), body)
                if number >= WARM_UP:
                    times[name, size].append(took)
    empty = {name: statistics.median(times[name, 0]) for name in CALLS}
    return [_row(name, size, found, empty[name]) for (name, size), found in times.items()]


APP = f"/v2/users/{USER}/apps/{{app}}/collectors"
MADE = {"id": "made", "pre_queue_random_sample": 0.1, "collector_source": {"api_post_model_outputs_collector_source": SOURCE}}
CHANGED = {"id": "made", "description": "changed"}
CALLS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "list": ("GET", APP, None),
    "list one": ("GET", f"{APP}?per_page=1", None),
    "get": ("GET", f"{APP}/c-000064", None),
    "post": ("POST", APP, {"collectors": [MADE]}),
    "patch": ("PATCH", APP, {"action": "overwrite", "collectors": [CHANGED]}),
    "delete": ("DELETE", APP, {"ids": ["made"]}),
}
WRITES = frozenset({"post", "patch", "delete"})
EVERY_WRITE = 5  # writes wait for the broker: one in five rounds has them
ANSWERED = frozenset({200, 404})  # an empty app has no collector to get


def _timed(client: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> float:
    began = time.perf_counter()
    answer = client.request(method, path, json=body)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code not in ANSWERED:
        raise click.ClickException(f"{method} {path}: {answer.text[:500]}")
    return took


def _row(call: str, size: int, times: list[float], empty: float) -> Row:
    middle = statistics.median(times)
    return Row(call, size, round(middle, 3), round(statistics.quantiles(times, n=100)[98], 3), round(middle / empty, 2))


if __name__ == "__main__":
    main()
