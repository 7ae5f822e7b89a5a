"""A request's query: everything that is wrong with it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.rest.json_body import has_control
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PER_PAGE_DEFAULT = 128
PAGE_MAX = 1_000_000_000
# How a parameter may be spelt -> its name here. The published client names the app in the query as well.
COMMON: Mapping[str, str] = {
    "page": "page",
    "per_page": "per_page",
    "perPage": "per_page",
    "user_app_id.user_id": "user_id",
    "userAppId.userId": "user_id",
    "user_app_id.app_id": "app_id",
    "userAppId.appId": "app_id",
}


class Query:
    """The parameters of a request, by name.

    Args:
        parameters: name and value of each, as they came.
        more: how further parameters may be spelt -> their names.

    Raises:
        Refused: one is unknown: a filter that is misspelt must not find everything.
    """

    def __init__(self, parameters: Iterable[tuple[str, str]], more: Mapping[str, str] | None = None) -> None:
        given = list(parameters)
        names = {**COMMON, **(more or {})}
        if unknown := sorted({name for name, _ in given if name not in names}):
            raise Refused(Code.INVALID_REQUEST, f"unknown in the query: {', '.join(unknown)[:200]}; known are {', '.join(names)}")
        self._given = [(names[name], value) for name, value in given]
        self.problems: list[str] = []

    @property
    def named_app(self) -> Mapping[str, str]:
        """The app that the query names, if it does."""
        return {name: value for name, value in self._given if name in {"user_id", "app_id"}}

    def paging(self, page_size_max: int) -> tuple[int, int]:
        """Which page, from 1, and how many items one has."""
        return self._number("page", 1, PAGE_MAX), self._number("per_page", PER_PAGE_DEFAULT, page_size_max)

    def values(self, name: str) -> list[str]:
        """All values of a parameter that may be given several times."""
        return [value for given, value in self._given if given == name]

    def text(self, name: str) -> str | None:
        """The value of a parameter; None when it is not given."""
        values = self.values(name)
        if len(values) > 1 or any(has_control(value) for value in values):
            self.problems.append(f"{name}: one value without control characters is wanted")
        return values[0] if values else None

    def check(self) -> None:
        """Refuse what was noted.

        Raises:
            Refused: with everything that is wrong.
        """
        if self.problems:
            raise Refused(Code.INVALID_REQUEST, "; ".join(self.problems))

    def _number(self, name: str, default: int, largest: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(largest)) else 0
        if not 1 <= number <= largest:
            self.problems.append(f"{name}: a number from 1 to {largest} is wanted")
        return number
