"""``scripts/stalls``: the parts of `stalls`, one after another, on a broker of their own, from the command line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from processor.connect.worker import LocalConnect
from processor.kafka.local import LocalBroker
from processor.settings import Settings
from tests.faults import stalls

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("stalls")


def main() -> int:
    """Print a row a part; 0 when everything got done and memory stayed within its limits."""
    parser = argparse.ArgumentParser(prog="scripts/stalls", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each stands still")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of text")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    for noisy in ("collectors", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    os.environ["COLLECTORS_ALLOWED_NETWORKS"] = '["127.0.0.0/8"]'  # the model is on this machine
    os.environ["COLLECTORS_QUEUE_IN_FLIGHT_BYTES"] = str(stalls.IN_FLIGHT_BYTES)
    os.environ["COLLECTORS_MODEL_ATTEMPT_TIMEOUT_MS"] = os.environ["COLLECTORS_MODEL_TIMEOUT_MS"] = "3600000"
    with tempfile.TemporaryDirectory(prefix="stalls-") as folder:
        rows = []
        for row in _rows(Path(folder), given.seconds):
            log.info("%s", _text(row))
            rows.append(row)
    print(orjson.dumps([asdict(row) for row in rows]).decode() if given.json else "\n".join(map(_text, rows)))  # noqa: T201 - the output
    return 0 if all(row.holds for row in rows) else 1


def _rows(folder: Path, seconds: float) -> Iterator[stalls.Row]:
    # A lone broker that its own controller takes for dead forgets transactions (docs/operations.md, "A broker went away").
    broker = LocalBroker(Settings(bootstrap_servers=""), folder / "broker", extra_properties={"broker.session.timeout.ms": "600000"})
    secrets = folder / "secrets"
    secrets.mkdir()
    try:
        record = broker.start()
        usual = Settings(bootstrap_servers=broker.bootstrap_servers, instance="stalls")
        worker = LocalConnect(usual, broker.bootstrap_servers, folder / "worker", secrets=secrets)
        yield stalls.model(usual.model_copy(update={"topic_prefix": "model-"}), 400, seconds)
        try:
            yield stalls.sink(usual.model_copy(update={"topic_prefix": "sink-"}), worker, secrets, 100_000, seconds)
        finally:
            worker.kill()
        yield stalls.broker(usual.model_copy(update={"topic_prefix": "broker-"}), record.pid, 150_000, seconds)
    finally:
        broker.kill()


def _text(row: stalls.Row) -> str:
    """One line."""
    stood = f"{row.stalled} stood still for {row.seconds:.0f} s, with {row.waiting:,} records of {row.waiting_mb:,.0f} MB to be done"
    memory = f"{row.before_mb:.0f} MB before, {row.most_mb:.0f} at most, {row.after_mb:.0f} after"
    return f"{stood}: {row.part} had {memory}; it may rise by {row.allowed_mb:.0f}"


if __name__ == "__main__":
    sys.exit(main())
