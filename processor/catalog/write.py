"""Writing changes to the catalog topics: all of a call or nothing, and the inputs topics first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.catalog.changes import membership_headers, new_changeset_id
from processor.catalog.records import SCHEMAS, TOPICS
from processor.catalog.values import to_value
from processor.codec.records import encode
from processor.errors import FixDocuments, Problem
from processor.kafka.writer import Outgoing, write_transaction
from processor.topics.ensure import ensure_inputs_topics
from processor.topics.names import prefixed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from processor.catalog.changes import Change
    from processor.codec.registry import Schemas
    from processor.settings import Settings

VALUE_BYTES_MAX = 8_000_000  # what topics.yaml lets through, less a record's own overhead


class CatalogWriter:
    """Writes to the catalog topics of one cluster."""

    def __init__(self, settings: Settings, schemas: Schemas) -> None:
        self._settings = settings
        self._schemas = schemas

    def write(self, changes: Sequence[Change], apps: Collection[tuple[str, str]], newest: str, now_ms: int) -> str:
        """Write changes in one transaction.

        A processor never creates topics and stalls on a missing one, so the inputs topics of ``apps`` exist, with a
        leader, before a collector of theirs can be seen.

        Args:
            changes: what to write; with none only the topics are seen to.
            apps: (user id, app id) of the collectors.
            newest: the version of the catalog that the changes were planned on; the new one is later.
            now_ms: the time, ms since the epoch.

        Returns:
            The changeset's id, which is the catalog's new version; empty without changes.

        Raises:
            FixDocuments: a record is too large.
            FixUsage: an inputs topic cannot have its name.
            FixCluster: nothing was written.
        """
        changeset = new_changeset_id(now_ms, newest)
        records = [self._outgoing(change, membership_headers(changeset, i, len(changes))) for i, change in enumerate(changes)]
        too_large = [_too_large(change, record) for change, record in zip(changes, records, strict=True) if _size(record) > VALUE_BYTES_MAX]
        if too_large:
            raise FixDocuments(tuple(too_large))
        if apps:
            ensure_inputs_topics(self._settings, apps)
        write_transaction(self._settings, records)
        return changeset if changes else ""

    def _outgoing(self, change: Change, headers: tuple[tuple[str, bytes], ...]) -> Outgoing:
        value = None if change.record is None else encode(self._schemas, SCHEMAS[change.kind], to_value(change.record))
        return Outgoing(prefixed(self._settings, TOPICS[change.kind]), change.key.encode(), value, headers)


def _size(record: Outgoing) -> int:
    return len(record.value or b"")


def _too_large(change: Change, record: Outgoing) -> Problem:
    return Problem(f"{change.kind} {change.key}", "", f"takes {_size(record)} bytes, and at most {VALUE_BYTES_MAX} are allowed: split it")
