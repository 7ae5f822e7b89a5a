"""``scripts/kill-test``: the campaign on a broker of its own, from the command line."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from processor.settings import Settings
from tests.faults.campaign import Campaign, Plan
from tests.support.brokers import make_broker, remove_broker


def main() -> int:
    """Run one campaign; 0 when everything was exact and every fault struck."""
    parser = argparse.ArgumentParser(prog="scripts/kill-test", description=__doc__)
    parser.add_argument("--predictions", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=20, help="kill -9 of processes, at random points")
    parser.add_argument("--broker-kills", type=int, default=0, help="kill -9 of the broker, started again after a few seconds")
    parser.add_argument("--storm", action="store_true", help="a third process joins and leaves, again and again")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the predictions and of the schedule")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("collectors").setLevel(logging.WARNING)
    plan = Plan(given.predictions, given.kills, given.broker_kills, given.storm, given.seed)
    logging.getLogger("kill-test").info("seed %d, about %.0f s of publishing", plan.seed, plan.seconds)
    with tempfile.TemporaryDirectory(prefix="kill-test-") as folder:
        broker = make_broker("auto", Path(folder))
        try:
            broker.start()
            # Open for long, so that kills strike transactions and not the moments between them.
            settings = Settings(
                bootstrap_servers=broker.bootstrap_servers, topic_prefix="kill-", instance="kill-host", commit_interval_ms=1000
            )
            report = Campaign(settings, broker, plan).run()
        finally:
            remove_broker(broker)
    print(report.as_json())  # noqa: T201 - the command's output
    struck = report.kills == plan.kills and report.broker_kills == plan.broker_kills
    proven = not plan.kills or report.kills_in_open_transactions > 0
    return 0 if report.exact and struck and proven else 1


if __name__ == "__main__":
    sys.exit(main())
