"""What a campaign left behind, as a history that can be checked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from processor.codec.records import decode
from processor.codec.registry import Schemas
from processor.kafka.reader import TopicReader
from processor.topics.names import PREDICTIONS, QUEUE, prefixed
from tests.faults.scene import WITH_DESTINATION, judges, outputs, refused_topic
from tests.history.history import History, Place, Produced, Taken
from tests.support.stage import funnel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processor.kafka.reader import Record
    from processor.settings import Settings
    from tests.faults.load import Follower, Load
    from tests.faults.rewriter import Rewriter

EPOCH = datetime.fromtimestamp(0, UTC)
STALENESS_MS = 15_000


def history_of(settings: Settings, load: Load, follower: Follower, rewriter: Rewriter, folder: Path) -> History:
    """Read everything once more, now that nothing happens any more."""
    schemas = Schemas.checked_in(folder / "settings" / "schemas")
    committed = [_taken(settings, schemas, record) for record in _read(settings, outputs(settings))]
    there = {taken.place for taken in committed}
    everything = (_taken(settings, schemas, record) for record in _read(settings, outputs(settings), committed=False))
    return History(
        produced=list(_produced(settings, schemas, load)),
        catalog=rewriter.states,
        committed=committed,
        aborted=[taken for taken in everything if taken.place not in there],
        queue=prefixed(settings, QUEUE),
        read_live=follower.places,
        second=judges(),
        counters={key: {"collected": row["collected"], "queued": row["queued"], **row["reasons"]} for key, row in funnel(settings).items()},
        stored=stored(folder),
        refused={_text(record.key) for record in _read(settings, [refused_topic(settings)])},
        staleness_ms=STALENESS_MS,
    )


def stored(folder: Path) -> dict[str, set[str]]:
    """Ids of the inputs that the destination has, by app."""
    with closing(sqlite3.connect(f"file:{folder / '.collectors' / 'destination.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT user_id || '/' || app_id, id FROM inputs").fetchall()
    return {f"acme/{app}": {key for of, key in rows if of == f"acme/{app}"} for app in WITH_DESTINATION}


def to_be_stored(settings: Settings) -> int:
    """How many inputs destinations have to hold, or to have refused."""
    topics = [topic for topic in outputs(settings) if topic.rpartition(".")[2] in WITH_DESTINATION]
    return sum(1 for _ in _read(settings, topics))


def _produced(settings: Settings, schemas: Schemas, load: Load) -> Iterator[Produced]:
    for record in _read(settings, [prefixed(settings, PREDICTIONS)]):
        prediction = decode(schemas, "prediction", record.value)
        prediction["predicted_at"] = (prediction["predicted_at"] - EPOCH) // timedelta(microseconds=1)
        yield Produced(prediction, record.partition, record.offset, load.sent_ms[prediction["id"]])


def _taken(settings: Settings, schemas: Schemas, record: Record) -> Taken:
    place = Place(record.topic, record.partition, record.offset)
    if record.topic == prefixed(settings, QUEUE):
        candidate: dict[str, Any] = decode(schemas, "candidate", record.value)
        version = candidate["catalog_version"]
        return Taken(place, candidate["collector"], candidate["prediction"]["id"], version, record.timestamp_ms, _text(record.key))
    headers = {name: value.decode() for name, value in record.headers}
    return Taken(place, headers["collector"], headers["prediction-id"], headers["catalog-version"], record.timestamp_ms, _text(record.key))


def _read(settings: Settings, topics: list[str], *, committed: bool = True) -> Iterator[Record]:
    reader = TopicReader(settings, topics, committed=committed)
    try:
        yield from reader.read_to_end()
    finally:
        reader.close()


def _text(key: bytes | None) -> str:
    return (key or b"").decode()
