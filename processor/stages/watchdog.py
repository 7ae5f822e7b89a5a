"""Ends a process whose loop no longer turns, or whose supervisor is gone.

A client call can hang for ever although it was given a time-out (a broker that goes away inside a commit does it), so the only
safe judge of progress stands outside the loop.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from processor.errors import EXIT_RESTART

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("collectors.watchdog")
CHECKS_IN_LIMIT = 10


class Watchdog:
    """Kills the process when ``beat`` has not been called for ``limit_ms``.

    Args:
        limit_ms: the longest a loop may take for one turn.
        die: what to do then; does not return in earnest, and is replaced only in tests.
        clock: seconds, monotonic.
    """

    def __init__(self, limit_ms: int, die: Callable[[], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_ms / 1000
        self._die = die or (lambda: os._exit(EXIT_RESTART))
        self._clock = clock
        self._last_s = clock()
        self._stopped = threading.Event()

    def beat(self) -> None:
        """The loop has turned."""
        self._last_s = self._clock()

    def start(self) -> None:
        """Watch from now on, in a thread of its own."""
        self.beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def check(self) -> None:
        """Look once."""
        silent_s = self._clock() - self._last_s
        if silent_s > self._limit_s:
            log.critical("no progress for %.1f s: ending the process; its supervisor starts it again under the same id", silent_s)
            self._die()

    def _watch(self) -> None:
        while not self._stopped.wait(self._limit_s / CHECKS_IN_LIMIT):
            self.check()


class StopFlag:
    """Asks a loop to stop; may be set by a signal handler, which must not take a lock that the thread it interrupts may hold."""

    def __init__(self) -> None:
        self._set = False

    def set(self, *_: object) -> None:
        """Ask, from wherever."""
        self._set = True

    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._set


def stop_with_supervisor(stop: Callable[[], None]) -> None:
    """Call ``stop`` when standard input ends: the supervisor holds its other end, and has died when it closes."""

    def wait() -> None:
        # Not through sys.stdin: a thread that holds its lock would stop the interpreter from ending.
        while os.read(0, 1024):
            pass
        log.warning("the supervisor is gone: stopping")
        stop()

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
