"""``scripts/queue-kill-test``: the second stage's campaign on a broker of its own, from the command line."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from processor.settings import Settings
from tests.faults.queue_campaign import campaign
from tests.support.brokers import make_broker, remove_broker


def main() -> int:
    """Run one campaign; 0 when everything was exact and every fault struck."""
    parser = argparse.ArgumentParser(prog="scripts/queue-kill-test", description=__doc__)
    parser.add_argument("--candidates", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=20, help="kill -9 of processes, at random points")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the candidates and of the schedule")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("collectors").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="queue-kill-test-") as folder:
        broker = make_broker("auto", Path(folder))
        try:
            broker.start()
            # Open for long, so that kills strike transactions and not the moments between them.
            settings = Settings(
                bootstrap_servers=broker.bootstrap_servers, topic_prefix="kill-", instance="kill-host", commit_interval_ms=1000
            )
            report = campaign(settings, given.candidates, given.kills, given.seed)
        finally:
            remove_broker(broker)
    print(report.as_json())  # noqa: T201 - the command's output
    return 0 if report.kills == given.kills and (not report.kills or report.aborted_inputs) else 1


if __name__ == "__main__":
    sys.exit(main())
