"""``scripts/model-trouble``: the stretches of `model_trouble` on a broker of its own, from the command line."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import orjson

from processor.settings import Settings
from tests.faults.model_trouble import Models, Stream, Trouble, Watch, as_text, set_up
from tests.support.brokers import make_broker, remove_broker
from tests.support.processes import Processor

SLOW_S = 2.0


def main() -> int:
    """Run once; 0 when every candidate is accounted for and the process stopped cleanly."""
    parser = argparse.ArgumentParser(prog="scripts/model-trouble", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each stretch")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of text")
    given = parser.parse_args()
    os.environ["COLLECTORS_ALLOWED_NETWORKS"] = '["127.0.0.0/8"]'  # the models are on this machine
    with tempfile.TemporaryDirectory(prefix="model-trouble-") as folder:
        broker = make_broker("auto", Path(folder))
        try:
            broker.start()
            settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="trouble-", instance="trouble-host")
            rows = _rows(settings, given.minutes * 60)
        finally:
            remove_broker(broker)
    print(orjson.dumps(rows).decode() if given.json else "\n".join(as_text(rows)))  # noqa: T201 - the command's output
    return 0


def _rows(settings: Settings, seconds: float) -> list[dict[str, object]]:
    with Models(SLOW_S) as models:
        set_up(settings, models)
        with Watch(settings) as watch, Processor(settings, 1, "post-queue") as processor:
            rows = [asdict(row) for row in Trouble(Stream(settings), watch, processor).rows(seconds)]
            assert processor.terminate() == 0, processor.log()[-5000:]
    return rows


if __name__ == "__main__":
    sys.exit(main())
