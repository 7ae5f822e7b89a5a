"""This project's own processor, started as people start it."""

from __future__ import annotations

import os
import sys

from benchmarks.support.job import Job


def main() -> None:
    """Become ``collectors run pre-queue``."""
    job = Job.read(sys.argv[1])
    own = {
        "COLLECTORS_BOOTSTRAP_SERVERS": job.bootstrap_servers,
        "COLLECTORS_TOPIC_PREFIX": job.topic_prefix,
        "COLLECTORS_COMMIT_INTERVAL_MS": str(job.commit_interval_ms),
        "COLLECTORS_INSTANCE": "bench",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTORS_")}
    command = [sys.executable, "-m", "processor", "run", "pre-queue"]
    os.execve(command[0], command, inherited | own)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
