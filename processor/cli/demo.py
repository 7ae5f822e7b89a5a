"""``collectors demo``: the whole system on real Kafka and real data, and whether it was right."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from processor.cli.downloads import download_progress
from processor.cli.options import json_option, with_settings
from processor.cli.status import funnel_table, sink_lines, wide_console
from processor.errors import EXIT_FAILED
from processor.kafka.jars import KAFKA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import FrameType

    from processor.demo.run import Outcome
    from processor.kafka.download import Progress as Downloads
    from processor.settings import Settings

LINES = 4  # elsewhere than on a terminal, so many lines tell of one count


@click.command(name="demo")
@click.option(
    "--predictions",
    "count",
    default=1500,
    show_default=True,
    type=click.IntRange(1, 10_000_000),
    help="How many; beyond 1,650 the pictures come again.",
)
@json_option
@with_settings
def command(settings: Settings, count: int, as_json: bool) -> None:
    """Run everything on a broker of its own, in a temporary folder, and compare with an independent evaluation.

    Predictions of a real model on real scans go through real Kafka, both stages of the processor with two processes each, a
    second model that disagrees, and real Kafka Connect into a destination. Exits 1 when a collector has not collected exactly
    what it must, or it did not all arrive as it was.
    """
    from processor.demo.run import run_demo  # noqa: PLC0415 - the engine is loaded only by those who run it

    signal.signal(signal.SIGTERM, _interrupt)
    outcome = run_demo(settings, count, Screen(as_json))
    if outcome.differences:
        click.echo("\n".join(["error: this is not what had to be collected:", *outcome.differences]), err=True)
        sys.exit(EXIT_FAILED)


class Screen:
    """Progress on stderr, bars on a terminal and lines elsewhere; the outcome on stdout.

    Args:
        as_json: the outcome is for programs.
    """

    def __init__(self, as_json: bool = False) -> None:
        self._as_json = as_json
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def step(self, text: str) -> None:
        """A line."""
        self._console.print(text, markup=False)

    def show(self, outcome: Outcome, url: str) -> None:
        """The outcome; somebody at a terminal may look at the images for as long as they like."""
        if self._as_json:
            click.echo(orjson.dumps(outcome.summary, option=orjson.OPT_INDENT_2))
            return
        _print_table(outcome)
        if sys.stdin.isatty() and self._console.is_terminal:
            self.step(f"the collected images are at {url}; Enter ends the demo")
            with suppress(EOFError, KeyboardInterrupt):
                input()

    def downloads(self) -> AbstractContextManager[Downloads]:
        """A bar where something is fetched."""
        return download_progress(f"Apache Kafka {KAFKA_VERSION} with Connect")

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar, or a line for every quarter."""
        if not self._console.is_terminal:
            yield self._lines(what, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)

    def _lines(self, what: str, total: int) -> Callable[[int], None]:
        told = 0

        def report(done: int) -> None:
            nonlocal told
            if done * LINES // total > told:
                told = done * LINES // total
                self.step(f"{what} {done} of {total}")

        return report


def _print_table(outcome: Outcome) -> None:
    console = wide_console()
    for app, rows in groupby(outcome.summary["collectors"], lambda row: row["collector"].rpartition("/")[0]):
        console.print(f"Collectors of {app}:", markup=False)
        named = [{**row, "collector": row["collector"].rpartition("/")[2]} for row in rows]
        console.print(funnel_table(named, ("seen", "collected", "expected", "posted")))
    for line in sink_lines(outcome.summary["sink"]):
        console.print(line, markup=False)
    if not outcome.differences:
        count = outcome.summary["predictions"]
        console.print(
            f"{count} predictions: every collector collected exactly what an independent evaluation of them expects, and the destination\n"
            "has exactly that, every picture byte by byte as it was predicted on.",
            markup=False,
        )


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    """End as Ctrl-C does, so that the broker does not outlive the demo."""
    raise KeyboardInterrupt
