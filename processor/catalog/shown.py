"""Documents as people look at them: as they are written, and for collectors what they come to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.catalog.records import Kind
from processor.catalog.values import to_document
from processor.resources import COLLECTOR_ACTIVE, COLLECTOR_INACTIVE

if TYPE_CHECKING:
    from processor.catalog.records import Record
    from processor.catalog.store import Catalog


def shown(catalog: Catalog, key: str, record: Record) -> dict[str, Any]:
    """One document; a collector's status is worked out, and ``status_reason`` says why it is inactive.

    But for keys it can be applied again: what was worked out is never written back.
    """
    document = to_document(record)
    if document["kind"] == Kind.COLLECTOR:
        reason = "; ".join(obstacle.message for obstacle in catalog.obstacles(key))
        status = (COLLECTOR_INACTIVE, "INACTIVE") if reason else (COLLECTOR_ACTIVE, "ACTIVE")
        document |= {"status": dict(zip(("code", "description"), status, strict=True)), "status_reason": reason}
    return document
