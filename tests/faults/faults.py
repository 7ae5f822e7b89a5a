"""``scripts/faults``: the campaign of all faults on a cluster of its own, from the command line."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.fault_campaign import FaultCampaign
from tests.faults.schedule import Plan
from tests.support.brokers import clear_environment

RATE = 300


def main() -> int:
    """Run one campaign; 0 when nothing is wrong with its history, every kind of fault is proven and everything came back by itself."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults strike")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the predictions and of the schedule")
    parser.add_argument("--rate", type=int, default=RATE, help="predictions a second")
    parser.add_argument("--json", action="store_true", help="the summary as one JSON object")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    for noisy in ("collectors", "httpx"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    logging.getLogger("faults").info("seed %d, %g minutes", given.seed, given.minutes)
    clear_environment()
    # Whoever stops it early finds nothing left behind: no process, and no small disk.
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        os.chdir(name)
        os.environ["COLLECTORS_CONFIG_FOLDER"] = str(Path(name) / "settings")
        report = FaultCampaign(Path(name), Plan.by_seed(given.seed, given.minutes, given.rate)).run()
        os.chdir("/")
    print(report.as_json() if given.json else report.as_text())  # noqa: T201 - the command's output
    return 0 if report.good else 1


def _end(number: int, _: object) -> None:
    """Leave by the way out, whoever asks again meanwhile."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
