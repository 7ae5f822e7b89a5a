"""A request's query to a page of inputs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from processor.destination.service import Page
from processor.destination.store import Filter
from processor.rest.json_body import has_control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.rest.query import Query

MICROSECONDS = 1_000_000
FILTERS: Mapping[str, str] = {name: name for name in ("collector", "concept", "from", "to", "ids")}


def page_of(query: Query, page_size_max: int) -> Page:
    """The page that is asked for.

    Raises:
        Refused: with everything that is wrong.
    """
    wanted = Filter(
        collector=query.text("collector"),
        concept=query.text("concept"),
        from_us=_time(query, "from"),
        to_us=_time(query, "to"),
        ids=tuple(value for value in query.values("ids") if not has_control(value)),
    )
    page = Page(wanted, *query.paging(page_size_max))
    query.check()
    return page


def _time(query: Query, name: str) -> int | None:
    text = query.text(name)
    try:
        moment = datetime.fromisoformat(text) if text is not None else None
        if moment is None or moment.tzinfo is not None:
            return None if moment is None else round(moment.timestamp() * MICROSECONDS)
    except (ValueError, OverflowError):
        pass
    query.problems.append(f"{name}: an RFC 3339 time with its zone is wanted, as 2026-11-22T02:00:00Z")
    return None
