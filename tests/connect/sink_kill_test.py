"""``scripts/sink-kill-test``: the campaign on a broker of its own, from the command line."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from processor.settings import Settings
from tests.connect.sink_campaign import Campaign, Plan
from tests.support.brokers import make_broker, remove_broker


def main() -> int:
    """Run one campaign; 0 when the destination holds exactly the set and every kill struck while inputs were posted."""
    parser = argparse.ArgumentParser(prog="scripts/sink-kill-test", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="kill -9 of the worker")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the moments to strike")
    given = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    for noisy in ("collectors", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="sink-kill-test-") as name:
        broker = make_broker("auto", Path(name) / "broker")
        try:
            broker.start()
            settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="kill-", instance="kill-host")
            report = Campaign(settings, Path(name), Plan(given.inputs, given.kills, given.seed)).run()
        finally:
            remove_broker(broker)
    print(report.as_json())  # noqa: T201 - the command's output
    struck = report.kills_while_posting == given.kills
    return 0 if report.exact and struck and (report.posted_again or not given.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
