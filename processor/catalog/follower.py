"""Reading the catalog topics: all of them to their ends first, then following on. A shell around `Catalog`."""

from __future__ import annotations

import gc
import logging
import time
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from processor.catalog.bulk import CollectorColumns
from processor.catalog.changes import Change, membership
from processor.catalog.changesets import Arrived, Changesets
from processor.catalog.parse import parse_change
from processor.catalog.records import SCHEMAS, TOPICS, Kind
from processor.catalog.store import Catalog
from processor.codec.bad import BadRecordError
from processor.codec.records import decode
from processor.kafka.reader import TopicReader
from processor.topics.names import prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from processor.catalog.records import Collector
    from processor.codec.registry import Schemas
    from processor.kafka.reader import Record
    from processor.settings import Settings

log = logging.getLogger("collectors.catalog")

POLL_RECORDS = 1_000
LOADED_AT_ONCE = 10_000
WAIT_S = 0.1
# A changeset older than this at the start lacks records because they were compacted away; a younger one may still be
# arriving. Generous, because the writer's clock need not be ours; it costs changeset_wait_ms at most.
RECENT_MS = 60_000


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """A load makes millions of objects that stay; looking through them for garbage again and again would take most of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _batched(records: Iterable[Record]) -> Iterator[list[Record]]:
    """So many at a time: what is read and not stored yet takes as much memory as the catalog itself."""
    ahead = iter(records)
    while batch := list(islice(ahead, LOADED_AT_ONCE)):
        yield batch


class Reader(Protocol):
    """What `TopicReader` offers, as far as it is needed here."""

    def read_to_end(self) -> Iterable[Record]:
        """All records up to the ends the topics have now."""

    def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        """What has come since."""

    def close(self) -> None:
        """Stop reading."""


class CatalogFollower:
    """The catalog as the topics have it. One thread: the one that calls `poll`.

    Args:
        settings: the cluster, and how long to wait for a changeset.
        schemas: how values are decoded.
        open_reader: makes the reader of some topics.
        clock: seconds since the epoch.
        apply: gives changes to the catalog; whoever shares it with other threads takes a lock there.

    Attributes:
        catalog: what has been applied so far.
        poisoned: records that could not be believed and were skipped.
        torn: changesets applied although they never became whole.
    """

    def __init__(
        self,
        settings: Settings,
        schemas: Schemas,
        open_reader: Callable[[Settings, Sequence[str]], Reader] = TopicReader,
        clock: Callable[[], float] = time.time,
        apply: Callable[[Catalog, Sequence[Change]], object] = Catalog.apply,
    ) -> None:
        self.catalog = Catalog(settings.plans_with_collectors)
        self.poisoned = 0
        self.torn = 0
        self._settings = settings
        self._schemas = schemas
        self._open_reader = open_reader
        self._clock = clock
        self._give = apply
        self._kinds = {prefixed(settings, topic): kind for kind, topic in TOPICS.items()}
        self._changesets = Changesets(settings.changeset_wait_ms / 1000)
        self._reader: Reader | None = None

    def bootstrap(self) -> None:
        """Read everything there is, and wait for a call that is just being written.

        Raises:
            FixCluster: a topic is missing, or the brokers do not answer.
        """
        self._reader = self._open_reader(self._settings, sorted(self._kinds))
        with _no_search_for_cycles(), self.catalog.loading():
            columns = CollectorColumns(self._schemas)
            for records in _batched(self._reader.read_to_end()):
                ours = [place for place, record in enumerate(records) if self._kinds[record.topic] is Kind.COLLECTOR]
                read = columns.read([records[place].key for place in ours], [records[place].value for place in ours])
                known = dict(zip(ours, read, strict=True))
                for place, record in enumerate(records):
                    self._take_in(record, known.get(place))
                self._apply()
            self._changesets.settle(int(self._clock() * 1000) - RECENT_MS)
            self._apply()
        while self._changesets.waiting:
            self.poll(WAIT_S)
        log.info("catalog read: version %s, %d collectors", self.catalog.version or "(empty)", sum(self.catalog.collectors_by_state()))

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Take in what has come since; returns whether the catalog changed. Does not wait unless told to."""
        if self._reader is None:
            raise RuntimeError("bootstrap() comes first")
        for record in self._reader.poll(POLL_RECORDS, timeout_s):
            self._take_in(record)
        return self._apply()

    def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.close()

    def _apply(self) -> bool:
        changes = self._changesets.take(self._clock())
        for changeset in self._changesets.torn:
            log.warning("catalog changeset %s never became whole; applied what there is of it", changeset)
        self.torn += len(self._changesets.torn)
        self._changesets.torn.clear()
        if changes:
            self._give(self.catalog, changes)
        return bool(changes)

    def _take_in(self, record: Record, known: tuple[str, Collector] | None = None) -> None:
        """Take one record; ``known`` is what it says, where that has been read already."""
        member, change = None, None
        try:
            member = membership(record.headers)
            changeset = member.id if member else ""
            if known is None:
                change = parse_change(self._kinds[record.topic], record.key, record.value, changeset, self._decode)
            else:
                change = Change(Kind.COLLECTOR, *known, changeset)
        except (BadRecordError, ValueError) as error:
            self.poisoned += 1
            log.error(  # noqa: TRY400 - the traceback says nothing that the reason does not
                "catalog record skipped: topic %s, partition %d, offset %d, key %.300r: %.2000s",  # either may be megabytes
                record.topic,
                record.partition,
                record.offset,
                record.key,
                error,
            )
        self._changesets.add(Arrived(record.offset, record.timestamp_ms, change, member), self._clock())

    def _decode(self, kind: Kind, value: bytes) -> Mapping[str, Any]:
        return decode(self._schemas, SCHEMAS[kind], value)
