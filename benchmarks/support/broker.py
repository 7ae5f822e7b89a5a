"""A broker of the benchmark's own, in a folder that goes with it."""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.support.cores import Cores, pinned
from processor.kafka.local import LocalBroker
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a topic need not keep goes at once.
PROPERTIES = {"log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "500"}
# As a broker runs that stays: with the second compiler, and with memory for what comes at the speed of a whole core.
JAVA_FLAGS = ("-XX:TieredStopAtLevel=4", "-Xms1g", "-Xmx1g")


@contextmanager
def running_broker(cores: Cores, commit_interval_ms: int) -> Iterator[tuple[Settings, Path]]:
    """A broker while the block lasts, the settings that reach it, and a folder for whatever else there is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as an interrupt: broker and contender must not outlive this process
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        broker = LocalBroker(Settings(bootstrap_servers=""), Path(name) / "kafka", extra_properties=PROPERTIES)
        broker.java_flags = JAVA_FLAGS
        with pinned(cores.broker):
            broker.start()
        try:
            yield (
                Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="bench-", commit_interval_ms=commit_interval_ms),
                Path(name),
            )
        finally:
            broker.kill()
