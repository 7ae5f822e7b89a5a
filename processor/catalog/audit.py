"""Who changed what: a record a change, written in the same transaction as the change itself. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from processor.catalog.values import to_document

if TYPE_CHECKING:
    from processor.catalog.changes import Change
    from processor.catalog.records import Record

DOCUMENT_BYTES_MAX = 4_000_000  # of one document in an entry; the topic takes two and what stands around them


def entry(change: Change, before: Record | None, who: str, at: str, changeset: str) -> bytes:
    """One change as JSON: ``{at, who, action, kind, key, before, after, catalog_version}``; no secret and no hash of one.

    Args:
        change: what is written.
        before: what it replaces.
        who: ``key user/app/id`` of the API's caller, or ``cli <user of the system>``.
        at: RFC 3339.
        changeset: the catalog's version from this change on.
    """
    value = {
        "at": at,
        "who": who,
        "action": "deleted" if change.record is None else "created" if before is None else "changed",
        "kind": change.kind,
        "key": change.key,
        "before": _document(before),
        "after": _document(change.record),
        "catalog_version": changeset,
    }
    return orjson.dumps(value)


def _document(record: Record | None) -> dict[str, Any] | None:
    """The document, or what is left of one that is too large for an entry: its size and its hash."""
    if record is None:
        return None
    document = to_document(record)
    text = orjson.dumps(document)
    if len(text) <= DOCUMENT_BYTES_MAX:
        return document
    return {"kind": document["kind"], "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
