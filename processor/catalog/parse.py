"""A record of the catalog topics to a change; what cannot be believed is refused here, so that nothing behind has to doubt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from processor.catalog.changes import Change
from processor.catalog.records import Kind, key_parts, record_key
from processor.catalog.rules import broken_rules
from processor.catalog.values import from_value, with_objects
from processor.resources import ID_LENGTH_MAX, ID_PATTERN, id_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Decode = Callable[[Kind, bytes], Mapping[str, Any]]
    """A value by its schema; raises BadRecordError for what is none."""


def parse_change(kind: Kind, key: bytes | None, value: bytes | None, changeset: str, decode: Decode) -> Change:
    """What one record says.

    Raises:
        ValueError: it makes no sense; the text says why, without the value.
        BadRecordError: its bytes are no value of the kind.
    """
    name = _key(kind, key)
    if value is None:
        return Change(kind, name, None, changeset)
    decoded = decode(kind, value)
    broken = broken_rules(kind, with_objects(kind, decoded))
    if broken:
        raise ValueError("; ".join(f"{rule.path}: {rule.message}" if rule.path else rule.message for rule in broken))
    record = from_value(kind, decoded)
    if record_key(record) != name:
        raise ValueError(f"the value is of {record_key(record)!r}, and the key says otherwise")
    return Change(kind, name, record, changeset)


_ID = rf"(?=[^/]{{1,{ID_LENGTH_MAX}}}(?:/|$)){ID_PATTERN.pattern}"
# What nearly every key is, seen at one look; whatever is not is taken apart, to be told or to be a token's.
_PLAIN = {kind: re.compile("/".join([_ID] * key_parts(kind))) for kind in Kind}


def _key(kind: Kind, key: bytes | None) -> str:
    if key is None:
        raise ValueError("it has no key")
    name = key.decode()
    if _PLAIN[kind].fullmatch(name):
        return name
    parts = name.split("/")
    if len(parts) != key_parts(kind):
        raise ValueError(f"a key of this topic is {key_parts(kind)} ids with '/' between them")
    if kind is Kind.KEY and not parts[1]:  # a personal access token belongs to no app
        del parts[1]
    for part in parts:
        if problem := id_problem(part):
            raise ValueError(f"key part {part!r}: {problem}")
    return name
