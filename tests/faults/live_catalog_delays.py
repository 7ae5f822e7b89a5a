"""``scripts/live-catalog``: the run of ``live_catalog`` on a broker of its own, its delays printed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from processor.settings import Settings
from tests.faults.live_catalog import LiveCatalog
from tests.support.brokers import make_broker, remove_broker


def main() -> int:
    """Run once; 0 when every prediction was decided as its catalog says."""
    with tempfile.TemporaryDirectory(prefix="live-catalog-") as folder:
        broker = make_broker("auto", Path(folder))
        try:
            broker.start()
            outcome = LiveCatalog(Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="live-", instance="live-host")).run()
        finally:
            remove_broker(broker)
    for name, delay_ms in outcome.delays_ms.items():
        print(f"{name}: {delay_ms} ms until the last decision with the catalog before it")  # noqa: T201 - the command's output
    print(f"{outcome.predictions} predictions; wrong: {[str(each) for each in outcome.findings[:5]]}")  # noqa: T201 - as above
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
