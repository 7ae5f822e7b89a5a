"""`collectors serve` as it is run: a process on a free port, that says where."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Self

from tests.support.processes import environment, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from processor.settings import Settings

STOP_TIMEOUT_S = 30


class Serving:
    """The REST API, its log kept for the failure message.

    Args:
        settings: the cluster, with its topics.
        folder: where it runs: its secret store and its destination's database are there.
        port: where it listens; 0: a free one.

    Attributes:
        url: where it answers.
        process: to stop or to kill.
    """

    url: str
    process: subprocess.Popen[str]

    def __init__(self, settings: Settings, folder: Path, port: int = 0) -> None:
        self._settings = settings
        self._folder = folder
        self._port = port
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - lives as long as the process
        self._output: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start it, and wait until it answers; again after it was killed, with the same log."""
        command = [sys.executable, "-m", "processor", "serve", "--port", str(self._port)]
        pipe = subprocess.PIPE
        self._let_go()
        self.process = subprocess.Popen(
            command, env=environment(self._settings), cwd=self._folder, stdout=pipe, stderr=self._log, text=True
        )
        self._output = self.process.stdout
        self.url = first_line(self.process)
        assert self.url, self.log()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)
        self._let_go()
        self._log.close()

    def _let_go(self) -> None:
        """Close what the process that ran before wrote to."""
        if self._output is not None:
            self._output.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)

    def log(self) -> str:
        """All it said on stderr."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")
