"""One Java program in one folder: started in a session of its own, waited for, and ended cleanly or at once by any process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from processor.errors import FixMachine
from processor.kafka.broker_record import is_locked
from processor.kafka.java import java_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

STOP_TIMEOUT_S = 30.0
LOOK_EVERY_S = 0.05
LOG_LINES_SHOWN = 20
OUTPUT = "output.log"


class JavaService:
    """The program of a folder. Whoever holds the folder's lock is it; see :mod:`processor.kafka.broker_record`.

    Args:
        folder: the program's own.
        what: what people call it, as in ``the broker``.
        log: the name of its log in the folder.
    """

    def __init__(self, folder: Path, what: str, log: str) -> None:
        self._folder = folder
        self._what = what
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: Sequence[str], lock: int) -> int:
        """Start it, since an interrupt at the terminal is not for it in a session of its own; it inherits the lock.

        Returns:
            Its process id.
        """
        with (self._folder / OUTPUT).open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(lock,),
                cwd=self._folder,
                env=java_environment(),
            )
        return self._process.pid

    def wait_until_ready(self, answers: Callable[[], bool], timeout_s: float) -> None:
        """Wait until it answers.

        Raises:
            FixMachine: it ended, or the time is over; its last words are shown.
        """
        told = until(lambda: self.has_ended() or answers(), timeout_s)
        if self.has_ended():
            raise FixMachine(f"{self._what} in {self._folder} ended while it started; the last lines of its log:\n{self.last_words()}")
        if not told:
            problem = f"{self._what} in {self._folder} has not answered within {timeout_s:.0f} s"
            raise FixMachine(f"{problem}; the last lines of its log:\n{self.last_words()}")

    def give_up(self) -> None:
        """End the process that was just started; the lock tells nothing about it while we hold it ourselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def has_ended(self) -> bool:
        """Whether it is gone."""
        if self._process is not None:
            return self._process.poll() is not None
        return not is_locked(self._folder)

    def end(self, pid: int | None, by: signal.Signals, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Send a signal and wait; by force when that takes longer than ``timeout_s``. False when none ran.

        Args:
            pid: the process that was found running; None: none.
            by: the signal.
            timeout_s: how long it may take.
        """
        if pid is None:
            self._reap()
            return False
        self._send(pid, by)
        if not until(self._gone, timeout_s):
            self._send(pid, signal.SIGKILL)
            until(self._gone, STOP_TIMEOUT_S)
        return True

    def last_words(self) -> str:
        """The last lines of what it wrote: its log, and what Java itself had to say."""
        lines: deque[str] = deque(maxlen=LOG_LINES_SHOWN)
        for name in (self._log, OUTPUT):
            path = self._folder / name
            if path.is_file():
                lines.extend(path.read_text(encoding="utf-8", errors="replace").splitlines())
        return "\n".join(lines)

    def _send(self, pid: int, by: signal.Signals) -> None:
        try:
            os.kill(pid, by)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise FixMachine(f"{self._what} (process {pid}) is another user's: let them stop it") from error

    def _gone(self) -> bool:
        """Whether it has let go of its folder; a child of ours is waited for as well, so that it leaves no zombie."""
        return self._reap() and not is_locked(self._folder)

    def _reap(self) -> bool:
        if self._process is None:
            return True
        if self._process.poll() is None:
            return False
        self._process = None
        return True


def until(condition: Callable[[], T], timeout_s: float) -> T:
    """Ask until the answer is true, or for ``timeout_s``; the last answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return answer
