"""Downloads as people see them on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as RichProgress

from processor.kafka.download import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.kafka.jars import Jar

# Elsewhere than on a terminal, so many lines at most tell of one download.
LINES = 5


@contextmanager
def download_progress(what: str) -> Iterator[Progress]:
    """Show what is fetched while the block runs; nothing is shown when nothing is."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield _Lines(console, what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console) as bar:
        yield _Bar(bar, what)


class _Bar(Progress):
    """A bar; rich's own locks make it safe for the threads that download."""

    def __init__(self, bar: RichProgress, what: str) -> None:
        self._bar = bar
        self._task = bar.add_task(f"downloading {what}", visible=False)

    def begin(self, jars: int, total_bytes: int) -> None:  # noqa: ARG002 - the bar counts bytes
        self._bar.update(self._task, total=total_bytes, visible=True)

    def fetched(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False)


class _Lines(Progress):
    """A line at the beginning and one for every fifth of the jars."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        self._jars = self._finished = 0
        self._lock = threading.Lock()

    def begin(self, jars: int, total_bytes: int) -> None:
        self._jars = jars
        self.note(f"downloading {self._what}: {total_bytes / 1e6:.0f} MB")

    def finished(self, jar: Jar) -> None:  # noqa: ARG002 - only their number is told
        with self._lock:
            before, self._finished = self._finished, self._finished + 1
            if self._finished * LINES // self._jars > before * LINES // self._jars:
                self.note(f"downloading {self._what}: jar {self._finished} of {self._jars}")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False)
