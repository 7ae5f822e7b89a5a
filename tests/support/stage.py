"""The first stage, run until it has processed everything, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor import app
from processor.catalog.changes import ID_HEADER
from processor.catalog.records import TOPICS
from processor.kafka.lag import progress
from processor.kafka.reader import TopicReader
from processor.topics.names import PREDICTIONS, QUEUE, prefixed
from tests.support.processes import Processor
from tests.support.waiting import wait_until
from tests.support.world import expectation

if TYPE_CHECKING:
    from processor.kafka.reader import Record
    from processor.settings import Settings


def records(settings: Settings, topic: str) -> list[Record]:
    """A whole topic, named without its prefix, read committed."""
    reader = TopicReader(settings, [prefixed(settings, topic)])
    try:
        return list(reader.read_to_end())
    finally:
        reader.close()


def newest_changeset(settings: Settings) -> tuple[str, int]:
    """The newest version of the catalog, and when it was written."""
    reader = TopicReader(settings, [prefixed(settings, topic) for topic in TOPICS.values()])
    try:
        return max((dict(record.headers).get(ID_HEADER, b"").decode(), record.timestamp_ms) for record in reader.read_to_end())
    finally:
        reader.close()


def funnel(settings: Settings) -> dict[str, dict[str, Any]]:
    """Rows of ``status`` by collector."""
    return {row["collector"]: row for row in app.status(settings)["collectors"]}


def behind(settings: Settings, stage: str = "pre-queue") -> int:
    """How many records a stage has not committed yet. Whoever waits for that asks again and again, and ``status`` reads a dozen topics."""
    topic = {"pre-queue": PREDICTIONS, "post-queue": QUEUE}[stage]
    return progress(settings, app.group_id(settings, stage), prefixed(settings, topic)).lag


def process_all(settings: Settings, processes: int = 1) -> None:
    """Run the processor until it has processed everything, and stop it cleanly."""
    with Processor(settings, processes) as processor:
        try:
            wait_until(lambda: not behind(settings), "everything to be processed", 60, 0.3)
        except AssertionError as error:
            error.add_note(processor.log())
            raise
        assert processor.terminate() == 0, processor.log()


def assert_as_expected(settings: Settings, stream: list[dict[str, Any]]) -> None:
    """Status counts what the oracle counts."""
    rows = funnel(settings)
    for key, wanted in expectation(stream).funnel.items():
        assert {name: rows[key][name] for name in wanted} == wanted
