"""What a seeded generator does to valid values, so that they are nearly valid: damage to bytes, and to JSON as JSON."""

from __future__ import annotations

import copy
import json
import struct
from typing import TYPE_CHECKING, Any

from tests.support.odd_json import LEVELS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    Damage = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
    Change = Callable[[random.Random, "Place", list["Place"]], dict[bytes, bytes]]
    Place = tuple[Any, Any]  # a container, and a name or position in it

CASE_BYTES_MAX = 200_000
# Often one: what is damaged in four places seldom gets past the first thing that looks at it.
DAMAGES_OF_A_CASE = (1, 1, 1, 2, 3, 4)
CHANGES_OF_A_CASE = (1, 1, 1, 2, 3)

# Numbers as Avro writes them: lengths out of all proportion, negative lengths, union branches and block counts, numbers too long.
NUMBERS = [b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x80\x80\x80\x80\x40", b"\x01", b"\x03", b"\x7f", b"\x80" * 11]
FLOATS = [struct.pack(code, value) for code in ["<f", "<d"] for value in (float("nan"), float("inf"), -0.5, 1.5, -0.0, 1e-45)]
NO_TEXT = [
    b"\xff",
    b"\xc3",
    b"\xa9",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\\ud800",
    b"\\u0000",
]
WORDS = [b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 40, b'""', b"[]", b"{}", b",", b'"', b"/", b"..", b"%00", b"\r\n"]
NESTS = [opening * levels for opening in (b"[", b'{"a":', b"- ", b"!!") for levels in LEVELS]
OTHERS_TO_NEST = 4  # what is nested deep is soon told, and takes readers of YAML a hundred times as long as anything else
TOKENS = [*[*NUMBERS, *FLOATS, *NO_TEXT, *WORDS] * OTHERS_TO_NEST, *NESTS]
ODD: list[Any] = [
    None, True, -1, 0, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, 10**40, 1e308, float("nan"), float("inf"), "", "\x00", "a" * 10_001,
    "\ud800", "é/ü", "../x", "2026-99-99T00:00:00Z", [], {}, [[]], {"": None}, [None], ["x"] * 300, "1", "1e5", "true",
]  # fmt: skip
NAMES = ["", "id", "kind", "status", "a" * 300, "\x00", "\ud800", "references", "next", "$ref", "__class__"]
# What no writer of JSON makes of a value.
NO_VALUES = [
    *(b"1e999", b"-1e999", b"1E-999", b"-0", b"-0.0", b"0.1" + b"0" * 400, b"9" * 400, b"1" * 5_000, b"01", b"1.", b"+1", b"0x1"),
    *(
        b"-NaN",
        b"nan",
        b"'a'",
        b'"\\ud83d"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\\x"',
        b'"\t"',
        b"\xef\xbb\xbf1",
        b"//\n1",
    ),
]
NESTED = [opening * levels + b"1" + closing * levels for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")) for levels in LEVELS]
WRITTEN = [*NO_VALUES * OTHERS_TO_NEST, *NESTED]
MARK, NAME_MARK = "$written", "$again"


def damaged(rng: random.Random, pool: Sequence[bytes], json_at: Callable[[bytes], int] | None) -> bytes:
    """A value of a pool with some damage done to it; now and then none, or nothing but noise."""
    chance = rng.random()
    if chance < 0.02:
        return rng.randbytes(rng.randrange(64))
    case = rng.choice(pool)
    if chance < 0.04:
        return case
    if json_at is not None and rng.random() < 0.7:
        start = json_at(case)
        text = odd_json(rng, case[start:])
        if text is not None and rng.random() < 0.85:
            return case[:start] + text
        case = case[:start] + (text or case[start:])
    for _ in range(rng.choice(DAMAGES_OF_A_CASE)):
        case = rng.choice(DAMAGES)(rng, case, pool)
    return case[:CASE_BYTES_MAX]


def _flip(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    if not case:
        return case
    at = rng.randrange(len(case))
    return case[:at] + bytes([case[at] ^ (1 << rng.randrange(8))]) + case[at + 1 :]


def _set(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(case) + 1)
    return case[:at] + bytes([rng.choice([0, 1, 2, 0x7F, 0x80, 0xFF, rng.randrange(256)])]) + case[at + 1 :]


def _cut_out(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(case) + 1)
    return case[:at] + case[at + rng.choice([1, 1, 2, 4, 8, 64]) :]


def _cut_off(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    return case[: rng.randrange(len(case) + 1)]


def _insert(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(case) + 1)
    return case[:at] + rng.choice(TOKENS) + case[at:]


def _overwrite(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    at, token = rng.randrange(len(case) + 1), rng.choice(TOKENS)
    return case[:at] + token + case[at + len(token) :]


def _double(rng: random.Random, case: bytes, _: Sequence[bytes]) -> bytes:
    start = rng.randrange(len(case) + 1)
    end = min(len(case), start + rng.choice([1, 4, 16, 64, 256]))
    return case[:end] + case[start:end] * rng.choice([1, 1, 2, 50]) + case[end:]


def _splice(rng: random.Random, case: bytes, pool: Sequence[bytes]) -> bytes:
    other = rng.choice(pool)
    return case[: rng.randrange(len(case) + 1)] + other[rng.randrange(len(other) + 1) :]


DAMAGES: list[Damage] = [_flip, _set, _cut_out, _cut_off, _insert, _overwrite, _double, _splice]


def odd_json(rng: random.Random, case: bytes) -> bytes | None:
    """A JSON text in which something somewhere is something else, missing, or there too often; None: it is none that can be read."""
    try:
        value = json.loads(case)
        marks: dict[bytes, bytes] = {}
        for _ in range(rng.choice(CHANGES_OF_A_CASE)):
            places = list(_places(value))
            if not places:
                value = _odd(rng)
                break
            marks |= rng.choice(CHANGES)(rng, rng.choice(places), places)
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None
    for mark, written in marks.items():
        text = text.replace(mark, written)
    return text


def _delete(_rng: random.Random, place: Place, _: list[Place]) -> dict[bytes, bytes]:
    holder, name = place
    del holder[name]
    return {}


def _repeat(rng: random.Random, place: Place, _: list[Place]) -> dict[bytes, bytes]:
    """An item many times, or a name twice."""
    holder, name = place
    if isinstance(holder, list):
        holder += [holder[name]] * rng.choice([1, 2, 100])
        return {}
    holder[NAME_MARK] = rng.choice([_odd(rng), holder[name]])
    return {_quoted(NAME_MARK): _quoted(name)}


def _rename(rng: random.Random, place: Place, _: list[Place]) -> dict[bytes, bytes]:
    """A name that is not known, or the wrong one; an item goes to the end."""
    holder, name = place
    value = holder.pop(name)
    if isinstance(holder, list):
        holder.append(value)
    else:
        holder[rng.choice([*NAMES, name.upper(), f"{name} ", f"{name[:1].upper()}{name[1:]}"])] = value
    return {}


def _add(rng: random.Random, place: Place, _: list[Place]) -> dict[bytes, bytes]:
    """One thing more."""
    holder, name = place
    if isinstance(holder, list):
        holder.insert(name, _odd(rng))
    else:
        holder[rng.choice(NAMES)] = rng.choice([_odd(rng), holder[name]])
    return {}


def _exchange(rng: random.Random, place: Place, places: list[Place]) -> dict[bytes, bytes]:
    """What stands somewhere else, with all that is in it."""
    holder, name = place
    other, other_name = rng.choice(places)
    holder[name] = json.loads(json.dumps(other[other_name]))
    return {}


def _write(rng: random.Random, place: Place, _: list[Place]) -> dict[bytes, bytes]:
    holder, name = place
    holder[name] = MARK
    return {_quoted(MARK): rng.choice(WRITTEN)}


def _replace(rng: random.Random, place: Place, _: list[Place]) -> dict[bytes, bytes]:
    holder, name = place
    holder[name] = _odd(rng)
    return {}


CHANGES: list[Change] = [_delete, _repeat, _rename, _add, _exchange, _write, _replace, _replace]


def _odd(rng: random.Random) -> Any:
    """One of its own: it may be changed further."""
    value = rng.choice(ODD)
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


def _places(value: Any) -> Iterator[Place]:
    """Every (container, name or position) in a JSON value, however deep it is."""
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        here = waiting.pop()
        for name, inner in here.items() if isinstance(here, dict) else enumerate(here):
            yield here, name
            if isinstance(inner, dict | list):
                waiting.append(inner)
