"""The processor as it runs in production: a supervisor and its processes, started by the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson
import psutil
from click.testing import CliRunner
from pydantic import SecretStr

from processor.cli.main import cli

if TYPE_CHECKING:
    from processor.settings import Settings

REPOSITORY = Path(__file__).parents[2]
STOP_TIMEOUT_S = 60
START_TIMEOUT_S = 180
PASSED_ON = ("bootstrap_servers", "topic_prefix", "instance", "commit_interval_ms", "transaction_timeout_ms", "group_protocol",
             "bad_records_in_a_row", "watchdog_ms", "record_bytes_max", "batch_records", "schema_registry_url")  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a command these settings."""
    values = {f"COLLECTORS_{name.upper()}": str(getattr(settings, name)) for name in PASSED_ON}
    if settings.kafka:
        values["COLLECTORS_KAFKA"] = orjson.dumps(settings.kafka, default=SecretStr.get_secret_value).decode()
    return os.environ | values | {"PYTHONPATH": str(REPOSITORY)}


def collectors(settings: Settings, *arguments: str, cwd: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command = [sys.executable, "-m", "processor", *arguments]
    return subprocess.run(command, env=environment(settings), cwd=cwd, capture_output=True, text=True, timeout=120, check=False, **options)


def give(settings: Settings, *arguments: str, text: str | None = None) -> None:
    """Run one command to its end inside this process: a second quicker than one of its own, where all that counts is what it did."""
    given = {name: value for name, value in environment(settings).items() if name.startswith("COLLECTORS_")}
    done = CliRunner().invoke(cli, list(arguments), input=text, env=given)
    assert done.exit_code == 0, f"{arguments}: {done.output}{done.exception!r}"


def first_line(process: subprocess.Popen[str]) -> str:
    """What a process prints first; empty when it ended before, or said nothing for so long that it was ended."""
    assert process.stdout is not None
    limit = threading.Timer(START_TIMEOUT_S, process.kill)
    limit.start()
    try:
        line = process.stdout.readline().strip()
    finally:
        limit.cancel()
    if not line:
        process.wait(STOP_TIMEOUT_S)
    return line


class Processor:
    """`collectors run`, its log kept for the failure message."""

    def __init__(self, settings: Settings, processes: int = 1, stage: str = "pre-queue") -> None:
        self._settings = settings
        self._command = [sys.executable, "-m", "processor", "run", stage, "--processes", str(processes)]
        self._log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - lives as long as the process
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start it; again after it was killed, as a service manager would, with the same log."""
        self._process = subprocess.Popen(self._command, env=environment(self._settings), stdin=subprocess.DEVNULL, stderr=self._log)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [*self.workers(), psutil.Process(self.pid)]:
                process.kill()
        self.wait()
        self._log.close()

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def workers(self) -> list[psutil.Process]:
        """The processes that the supervisor runs now."""
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []

    def terminate(self) -> int:
        """Ask for a clean stop; its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; its exit status."""
        assert self._process is not None, "not started"
        return self._process.wait(STOP_TIMEOUT_S)

    def running(self) -> bool:
        """Whether the supervisor is alive."""
        assert self._process is not None, "not started"
        return self._process.poll() is None

    def log(self) -> str:
        """Everything it said so far; any thread may ask."""
        number = self._log.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode("utf-8", "replace")
