"""Writing changes to the catalog topics: all of a call or nothing, with who wrote it, and the inputs topics first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from processor.catalog.audit import entry
from processor.catalog.changes import membership_headers, new_changeset_id
from processor.catalog.records import SCHEMAS, TOPICS, Kind, SpentQuota, kind_of
from processor.catalog.values import to_value
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.errors import FixDocuments, Problem
from processor.kafka.writer import Outgoing, TransactionalWriter
from processor.topics.ensure import ensure_inputs_topics
from processor.topics.names import AUDIT, SPENT_QUOTAS, prefixed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from processor.catalog.changes import Change
    from processor.catalog.records import Record
    from processor.catalog.store import Catalog
    from processor.settings import Settings

VALUE_BYTES_MAX = 8_000_000  # what topics.yaml lets through, less a record's own overhead


@dataclass(frozen=True, slots=True)
class Order:
    """What one call writes.

    Attributes:
        changes: with none only the topics are seen to.
        before: what each of them replaces.
        apps: (user id, app id) of the collectors.
        newest: the version of the catalog that the changes were planned on; the new one is later.
        who: who writes, for the audit log.
        now: the time, with its zone.
    """

    changes: Sequence[Change]
    before: Sequence[Record | None]
    apps: Collection[tuple[str, str]]
    newest: str
    who: str
    now: datetime


def order(catalog: Catalog, changes: Sequence[Change], apps: Collection[tuple[str, str]], who: str, now: datetime) -> Order:
    """What is to be written, on top of a catalog."""
    return Order(changes, [catalog.get(change.kind, change.key) for change in changes], apps, catalog.version, who, now)


class CatalogWriter:
    """Writes to the catalog topics of one cluster. One thread at a time."""

    def __init__(self, settings: Settings, schemas: Schemas) -> None:
        self._settings = settings
        self._schemas = schemas
        self._writer = TransactionalWriter(settings)

    def write(self, given: Order) -> str:
        """Write changes in one transaction.

        A processor never creates topics and stalls on a missing one, so the inputs topics of the apps exist, with a
        leader, before a collector of theirs can be seen.

        Returns:
            The changeset's id, which is the catalog's new version; empty without changes.

        Raises:
            FixDocuments: a record is too large.
            FixUsage: an inputs topic cannot have its name.
            FixCluster: nothing was written, or it is not known whether it was: the text says which.
        """
        changes = given.changes
        changeset = new_changeset_id(int(given.now.timestamp() * 1000), given.newest)
        records = [self._outgoing(change, membership_headers(changeset, i, len(changes))) for i, change in enumerate(changes)]
        too_large = [
            Problem(f"{change.kind} {change.key}", "", _too_large(_size(record)))
            for change, record in zip(changes, records, strict=True)
            if _size(record) > VALUE_BYTES_MAX
        ]
        if too_large:
            raise FixDocuments(tuple(too_large))
        if given.apps:
            ensure_inputs_topics(self._settings, given.apps)
        self._writer.write([*records, *self._forgotten(changes), *self._audit(given, changeset)])
        return changeset if changes else ""

    def _outgoing(self, change: Change, headers: tuple[tuple[str, bytes], ...]) -> Outgoing:
        value = None if change.record is None else encode(self._schemas, SCHEMAS[change.kind], to_value(change.record))
        return Outgoing(prefixed(self._settings, TOPICS[change.kind]), change.key.encode(), value, headers)

    def _forgotten(self, changes: Sequence[Change]) -> list[Outgoing]:
        """What was said of the quotas of deleted collectors must not concern later ones that have their ids."""
        deleted = [change.key for change in changes if change.kind is Kind.COLLECTOR and change.record is None]
        return [Outgoing(prefixed(self._settings, SPENT_QUOTAS), key.encode(), None) for key in deleted]

    def _audit(self, given: Order, changeset: str) -> list[Outgoing]:
        topic, at = prefixed(self._settings, AUDIT), given.now.isoformat(timespec="milliseconds")
        return [
            Outgoing(topic, f"{change.kind}/{change.key}".encode(), entry(change, before, given.who, at, changeset))
            for change, before in zip(given.changes, given.before, strict=True)
        ]


def spent_quota_record(settings: Settings, schemas: Schemas, collector: str, total: int) -> Outgoing:
    """The record that says that a collector has collected all that its quota has in total."""
    user, app, collector_id = collector.split("/")
    value = to_value(SpentQuota(user, app, collector_id, total))
    return Outgoing(prefixed(settings, SPENT_QUOTAS), collector.encode(), encode(schemas, SCHEMAS[Kind.SPENT_QUOTA], value))


def size_problem(record: Record) -> str:
    """Why a record is too large to be written; empty: it is not."""
    size = len(encode(Schemas.checked_in(), SCHEMAS[kind_of(record)], to_value(record)))
    return _too_large(size) if size > VALUE_BYTES_MAX else ""


def _size(record: Outgoing) -> int:
    return len(record.value or b"")


def _too_large(size: int) -> str:
    return f"takes {size} bytes, and at most {VALUE_BYTES_MAX} are allowed: split it"
