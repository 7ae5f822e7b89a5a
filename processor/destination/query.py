"""A request's query to a page of inputs: everything that is wrong with it at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from processor.destination.service import Page
from processor.destination.store import Filter
from processor.rest.json_body import has_control
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PER_PAGE_DEFAULT = 128
PAGE_MAX = 1_000_000_000
MICROSECONDS = 1_000_000
# How a parameter may be spelt -> its name here. The published client names the app in the query as well.
NAMES: Mapping[str, str] = {
    "page": "page",
    "per_page": "per_page",
    "perPage": "per_page",
    "collector": "collector",
    "concept": "concept",
    "from": "from",
    "to": "to",
    "ids": "ids",
    "user_app_id.user_id": "user_id",
    "userAppId.userId": "user_id",
    "user_app_id.app_id": "app_id",
    "userAppId.appId": "app_id",
}


class Query:
    """The parameters of a request, by name.

    Raises:
        Refused: one is unknown: a filter that is misspelt must not find everything.
    """

    def __init__(self, parameters: Iterable[tuple[str, str]]) -> None:
        given = list(parameters)
        if unknown := sorted({name for name, _ in given if name not in NAMES}):
            raise Refused(Code.INVALID_REQUEST, f"unknown in the query: {', '.join(unknown)[:200]}; known are {', '.join(NAMES)}")
        self._given = [(NAMES[name], value) for name, value in given]
        self._problems: list[str] = []

    @property
    def named_app(self) -> Mapping[str, str]:
        """The app that the query names, if it does."""
        return {name: value for name, value in self._given if name in {"user_id", "app_id"}}

    def page(self, page_size_max: int) -> Page:
        """The page that is asked for.

        Raises:
            Refused: with everything that is wrong.
        """
        wanted = Filter(
            collector=self._text("collector"),
            concept=self._text("concept"),
            from_us=self._time("from"),
            to_us=self._time("to"),
            ids=tuple(value for name, value in self._given if name == "ids" and not has_control(value)),
        )
        page = Page(wanted, self._number("page", 1, PAGE_MAX), self._number("per_page", PER_PAGE_DEFAULT, page_size_max))
        if self._problems:
            raise Refused(Code.INVALID_REQUEST, "; ".join(self._problems))
        return page

    def _text(self, name: str) -> str | None:
        values = [value for given, value in self._given if given == name]
        if len(values) > 1 or any(has_control(value) for value in values):
            self._problems.append(f"{name}: one value without control characters is wanted")
        return values[0] if values else None

    def _number(self, name: str, default: int, largest: int) -> int:
        text = self._text(name)
        if text is None:
            return default
        number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(largest)) else 0
        if not 1 <= number <= largest:
            self._problems.append(f"{name}: a number from 1 to {largest} is wanted")
        return number

    def _time(self, name: str) -> int | None:
        text = self._text(name)
        try:
            moment = datetime.fromisoformat(text) if text is not None else None
            if moment is None or moment.tzinfo is not None:
                return None if moment is None else round(moment.timestamp() * MICROSECONDS)
        except (ValueError, OverflowError):
            pass
        self._problems.append(f"{name}: an RFC 3339 time with its zone is wanted, as 2026-11-22T02:00:00Z")
        return None
