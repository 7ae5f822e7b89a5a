"""``scripts/sink-ten-apps``: ten apps on one worker, one of whose destinations is away or never answers, beside a run where all are well.

Measured is what the other nine get: from the first input that any of them stores to the last one.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from processor.connect.worker import LocalConnect
from processor.settings import Settings
from tests.support.brokers import make_broker, remove_broker
from tests.support.destination import FakeDestination, Reply
from tests.support.sink import Sink, input_body
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("sink-ten-apps")

APPS = 10
SECRET = "7e4" * 16
TIMEOUT_S = 300
WARM_UP_INPUTS = 256
STATES = ("well", "away", "silent")
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """What nine apps got while the tenth was in a state."""

    state: str
    inputs_per_s: float
    worker_mib: int


class TenApps:
    """Runs on one worker.

    Args:
        settings: the cluster.
        folder: the worker's and the secret store's.
        inputs: for each app.
    """

    def __init__(self, settings: Settings, folder: Path, inputs: int) -> None:
        self._settings = settings
        self._secrets = folder / "secrets"
        self._secrets.mkdir()
        self._inputs = inputs
        self._worker = LocalConnect(settings, settings.bootstrap_servers, folder / "worker", secrets=self._secrets)

    def runs(self, rounds: int) -> Iterator[Run]:
        """Every state in turn, so many times."""
        try:
            self._worker.start()
            for number in range(rounds):
                for state in STATES:
                    run = self._run(f"round{number}-{state}-", state)
                    log.info(
                        "tenth destination %s: %.0f inputs/s for the other nine, worker %d MiB", state, run.inputs_per_s, run.worker_mib
                    )
                    yield run
        finally:
            self._worker.kill()

    def _run(self, prefix: str, state: str) -> Run:
        settings = self._settings.model_copy(update={"topic_prefix": prefix})
        with FakeDestination(SECRET) as destination, FakeDestination(SECRET) as tenth:
            sinks = [Sink(self._worker, settings, self._secrets, destination.url, f"app{number}") for number in range(APPS - 1)]
            sinks.append(Sink(self._worker, settings, self._secrets, tenth.url, f"app{APPS - 1}"))
            for sink in sinks:
                sink.make_topics()
                sink.store_secret(SECRET)
                sink.publish(input_body(f"warm-up {number}") for number in range(WARM_UP_INPUTS))
                sink.start(request_timeout_ms=60_000)
            wait_until(
                lambda: sum(len(destination.ids(sink.app)) for sink in sinks[:-1]) == WARM_UP_INPUTS * (APPS - 1), "the warm-up", TIMEOUT_S
            )
            self._lame(tenth, state)
            speed = self._measure(destination, sinks)
            memory = psutil.Process(self._worker.start().pid).memory_info().rss // MIB
            for sink in sinks:
                sink.delete()
        return Run(state, speed, memory)

    def _lame(self, tenth: FakeDestination, state: str) -> None:
        if state == "away":
            tenth.down()
        elif state == "silent":
            tenth.rule = lambda _: Reply(200, {}, delay_s=TIMEOUT_S)

    def _measure(self, destination: FakeDestination, sinks: list[Sink]) -> float:
        """Everybody's inputs are published while nobody reads; then all read at once."""
        for sink in sinks:
            sink.rest("PUT", f"/connectors/{sink.topic}/pause")
        for sink in reversed(sinks):
            sink.publish(input_body(number) for number in range(self._inputs))
        seen = len(destination.requests)
        for sink in reversed(sinks):
            sink.rest("PUT", f"/connectors/{sink.topic}/resume")
        wanted = (WARM_UP_INPUTS + self._inputs) * (APPS - 1)
        wait_until(lambda: sum(len(destination.ids(sink.app)) for sink in sinks[:-1]) == wanted, "the inputs of nine apps", TIMEOUT_S)
        return self._inputs * (APPS - 1) / (time.monotonic() - destination.requests[seen].at)


def main() -> int:
    """Print a table: the tenth destination's state, what the other nine got, and that in relation to when all are well."""
    parser = argparse.ArgumentParser(prog="scripts/sink-ten-apps", description=__doc__)
    parser.add_argument("--inputs", type=int, default=5_000, help="for each app")
    parser.add_argument("--rounds", type=int, default=2, help="the best of each state counts")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    for noisy in ("collectors", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="sink-ten-apps-") as name:
        broker = make_broker("auto", Path(name) / "broker")
        try:
            broker.start()
            settings = Settings(bootstrap_servers=broker.bootstrap_servers, instance="ten-apps")
            runs = list(TenApps(settings, Path(name), given.inputs).runs(given.rounds))
        finally:
            remove_broker(broker)
    best = {state: max(run.inputs_per_s for run in runs if run.state == state) for state in STATES}
    print(f"{'tenth destination':<18}{'inputs/s of nine':>17}{'to all well':>12}{'worker MiB':>11}")  # noqa: T201 - the command's output
    for state in STATES:
        memory = max(run.worker_mib for run in runs if run.state == state)
        print(f"{state:<18}{best[state]:>17,.0f}{best[state] / best['well']:>12.2f}{memory:>11}")  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main())
