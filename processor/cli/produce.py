"""``collectors produce``: predictions as NDJSON onto the topic."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any

import click
import orjson

from processor.cli.options import json_option, with_settings
from processor.codec.ndjson import parse_prediction
from processor.errors import EXIT_FAILED, FixCluster, FixDocuments
from processor.kafka.admin import Admin
from processor.producer import PredictionProducer, Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.errors import Problem
    from processor.settings import Settings

PROGRESS_EVERY_S = 5.0


@dataclass
class Summary:
    """What became of the lines."""

    topic: str
    lines: int = 0
    delivered: int = 0
    bad: list[tuple[int, Problem]] = field(default_factory=list)
    undelivered: list[Undelivered] = field(default_factory=list)

    @property
    def bad_lines(self) -> int:
        """Lines with at least one problem."""
        return len({line for line, _ in self.bad})

    def __str__(self) -> str:
        return f"{self.topic}: {self.lines} lines: {self.delivered} delivered, {self.bad_lines} bad, {len(self.undelivered)} not delivered"


@click.command(name="produce")
@click.argument("file", type=click.File("rb"))
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many a second.")
@json_option
@with_settings
def command(settings: Settings, file: IO[bytes], rate: float | None, as_json: bool) -> None:
    """Publish predictions from FILE ('-': standard input), one JSON object a line.

    Bad lines are reported and left out; the others are published. Exit status 1 when any line was bad or not delivered.
    """
    producer = PredictionProducer(settings, on_error=lambda undelivered: _not_delivered(summary, undelivered))
    summary = Summary(producer.topic)
    with producer:
        _require_topic(settings, producer.topic)
        _publish_lines(file, producer, summary, _pace(rate))
    summary.delivered = producer.delivered
    click.echo(orjson.dumps(_as_json(summary)) if as_json else str(summary))
    if summary.bad or summary.undelivered:
        sys.exit(EXIT_FAILED)


def _publish_lines(file: IO[bytes], producer: PredictionProducer, summary: Summary, pace: Callable[[], None]) -> None:
    shown_s = time.monotonic()
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        summary.lines += 1
        try:
            producer.publish(parse_prediction(line, f"line {number}"), block=True)
            pace()
        except FixDocuments as error:
            summary.bad += [(number, problem) for problem in error.problems]
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
        if time.monotonic() - shown_s >= PROGRESS_EVERY_S:
            shown_s = time.monotonic()
            click.echo(f"{summary.lines} lines read, {producer.delivered} delivered", err=True)


def _not_delivered(summary: Summary, undelivered: Undelivered) -> None:
    summary.undelivered.append(undelivered)
    click.echo(f"error: prediction {undelivered.id} was not delivered: {undelivered.reason}", err=True)


def _pace(rate: float | None) -> Callable[[], None]:
    """Waits after each prediction for as long as the rate says, counted from the first."""
    start, count = time.monotonic(), 0

    def wait() -> None:
        nonlocal count
        count += 1
        if rate is not None:
            time.sleep(max(0.0, start + count / rate - time.monotonic()))

    return wait


def _require_topic(settings: Settings, topic: str) -> None:
    if not Admin(settings).has(topic):
        raise FixCluster(f"there is no topic {topic}: make it with `collectors topics apply`")


def _as_json(summary: Summary) -> dict[str, Any]:
    return {
        "topic": summary.topic,
        "lines": summary.lines,
        "delivered": summary.delivered,
        "bad_lines": summary.bad_lines,
        "bad": [{"line": line, "path": problem.path, "message": problem.message} for line, problem in summary.bad],
        "undelivered": [asdict(each) for each in summary.undelivered],
    }
