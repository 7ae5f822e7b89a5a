"""Resident memory of processes while something goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MB = 1_000_000
EVERY_S = 0.25


class Memory:
    """Looks at some processes together, in a thread, until it is left.

    Args:
        processes: gives those that there are now.

    Attributes:
        megabytes: what they had, look by look; a look at processes that are just being replaced is left out.
    """

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        self._processes = processes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self.megabytes: list[float] = []

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _follow(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        try:
            found = [process.memory_info().rss / MB for process in self._processes()]
        except psutil.NoSuchProcess:
            return
        if found:
            self.megabytes.append(sum(found))
