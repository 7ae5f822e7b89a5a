"""Changes of the catalog, and the changesets they arrive in.

All records of one call carry a changeset in their headers. Its id begins with its time, so ids sort as they were made;
whoever writes one takes an id after the newest it has seen, whatever the clock says.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.catalog.records import Kind, Record

ID_HEADER = "changeset-id"
INDEX_HEADER = "changeset-index"
COUNT_HEADER = "changeset-count"
_TIME_DIGITS = 16
_ID_DIGITS_MAX = 64
_ID = re.compile(rf"[0-9a-f]{{1,{_ID_DIGITS_MAX}}}")


class Change(NamedTuple):
    """One document written, or deleted (``record`` is None). A tuple, because a catalog's load makes a million of them."""

    kind: Kind
    key: str
    record: Record | None
    changeset: str = ""


class Membership(NamedTuple):
    """Which record of which changeset one is. A tuple, as above."""

    id: str
    number: int
    of: int


def new_changeset_id(now_ms: int, newest: str) -> str:
    """An id later than ``newest``: time in ms as 16 hex digits, and 32 random bits."""
    known_ms = int(newest[:_TIME_DIGITS], 16) if newest else 0
    return f"{max(now_ms, known_ms + 1):0{_TIME_DIGITS}x}{secrets.token_hex(4)}"


def membership_headers(changeset: str, index: int, count: int) -> tuple[tuple[str, bytes], ...]:
    """The headers of one record of a changeset."""
    return ((ID_HEADER, changeset.encode()), (INDEX_HEADER, str(index).encode()), (COUNT_HEADER, str(count).encode()))


def membership(headers: Iterable[tuple[str, bytes]]) -> Membership | None:
    """The changeset that headers tell of; None for a record that was written without one.

    Raises:
        ValueError: the headers make no sense.
    """
    found = dict(headers)
    if ID_HEADER not in found:
        return None
    changeset = found[ID_HEADER].decode()
    if not _ID.fullmatch(changeset):  # it goes into a header of every input
        raise ValueError(f"a changeset's id is up to {_ID_DIGITS_MAX} hex digits, not {changeset[:_ID_DIGITS_MAX]!r}")
    member = Membership(changeset, int(found.get(INDEX_HEADER, b"0")), int(found.get(COUNT_HEADER, b"1")))
    if not 0 <= member.number < member.of:
        raise ValueError(f"changeset {changeset} has {member.of} records, and this is number {member.number}")
    return member
