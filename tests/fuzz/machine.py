"""Hostile input, made quickly: valid values of a boundary, damaged by a seeded generator, and what is found when that does harm.

A case is bytes, whatever the boundary. Its own check says what must hold and gives the outcome a name; a case with a new outcome is
damaged further, so that the search goes where it has not been.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import struct
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.odd_json import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CORPUS = Path(__file__).parent / "corpus"
POOL_MAX = 400
CASE_BYTES_MAX = 200_000
FINDINGS_MAX = 20
SHRINK_TRIES = 300
DAMAGES_MAX = 4
KIB = 1024

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
TOKENS = [*NUMBERS, *FLOATS, *NO_TEXT, *WORDS, *NESTS]
ODD: list[Any] = [
    None, True, -1, 0, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, 10**40, 1e308, float("nan"), float("inf"), "", "\x00", "a" * 10_001,
    "\ud800", "é/ü", "../x", "2026-99-99T00:00:00Z", [], {}, [[]], {"": None}, [None], ["x"] * 300, "1", "1e5", "true",
]  # fmt: skip


@dataclass(frozen=True)
class Boundary:
    """One place where bytes of others come in.

    Attributes:
        name: as people write it.
        seeds: makes valid values, and some that are nearly.
        check: takes cases and names each one's outcome; raises whatever goes wrong. All that must hold is asserted there.
        at_once: how many cases a check takes together.
        is_json: values are JSON texts, and are damaged as such too.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    check: Callable[[Sequence[bytes]], Sequence[str]]
    at_once: int = 1
    is_json: bool = False


@dataclass
class Totals:
    """What came of many cases of a boundary.

    Attributes:
        findings: place in the code → the smallest case that fails there, and the last line of its traceback.
        slowest_s: the longest that a check took, for ``at_once`` cases.
        peak_mib: the most memory that this process ever had.
    """

    cases: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    slowest_s: float = 0.0
    peak_mib: int = 0


def tellable(error: Exception | str) -> str:
    """The text of an error or of a problem, which has to be one that can be written anywhere."""
    text = str(error)
    assert text
    assert text.encode()
    return text


def one_by_one(check: Callable[[bytes], str]) -> Callable[[Sequence[bytes]], list[str]]:
    """A check of one case as a check of several."""
    return lambda cases: [check(case) for case in cases]


def corpus(boundary: Boundary) -> list[bytes]:
    """What was ever found at a boundary."""
    return [path.read_bytes() for path in sorted((CORPUS / boundary.name).glob("*"))]


def keep(boundary: Boundary, case: bytes) -> Path:
    """Put a case into the corpus."""
    folder = CORPUS / boundary.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(case).hexdigest()[:12]
    path.write_bytes(case)
    return path


def run(boundary: Boundary, cases: int, seed: int) -> Totals:
    """Try that many cases; the same seed tries the same."""
    rng = random.Random(f"{boundary.name}/{seed}")  # noqa: S311 - replayable, which secrets must not be
    pool, totals, began = [*boundary.seeds(), *corpus(boundary)], Totals(), time.perf_counter()
    while totals.cases < cases and len(totals.findings) < FINDINGS_MAX:
        batch = [damaged(rng, pool, is_json=boundary.is_json) for _ in range(min(boundary.at_once, cases - totals.cases))]
        started = time.perf_counter()
        for case, outcome in zip(batch, _outcomes(boundary, batch, totals), strict=True):
            if outcome and outcome not in totals.outcomes and len(pool) < POOL_MAX:
                pool.append(case)
            totals.outcomes[outcome or "found"] += 1
        totals.slowest_s = max(totals.slowest_s, time.perf_counter() - started)
        totals.cases += len(batch)
    totals.seconds = time.perf_counter() - began
    totals.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // KIB
    return totals


def _outcomes(boundary: Boundary, batch: list[bytes], totals: Totals) -> Sequence[str]:
    """The outcome of each case; empty for one that does harm, which is noted."""
    try:
        return boundary.check(batch)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        if len(batch) > 1:
            found = [_outcomes(boundary, [case], totals)[0] for case in batch]
            if all(found):  # it takes several of them together
                totals.findings.setdefault(_place(error), (b"\n--\n".join(batch), f"several together: {_told(error)}"))
            return found
        place = _place(error)
        if place not in totals.findings:
            totals.findings[place] = (_shrunk(boundary, batch[0], place), _told(error))
        return [""]


def _place(error: BaseException) -> str:
    """Where something went wrong: the kind of error and the innermost line of ours."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/processor/" in frame.filename or "/tests/" in frame.filename]
    where = f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {where}"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:200]!r}"


def _shrunk(boundary: Boundary, case: bytes, place: str) -> bytes:
    """A smaller case that fails at the same place, as far as few tries lead."""
    tries, size = 0, max(1, len(case) // 2)
    while size and tries < SHRINK_TRIES:
        start = 0
        while start < len(case) and tries < SHRINK_TRIES:
            smaller, tries = case[:start] + case[start + size :], tries + 1
            if _fails(boundary, smaller, place):
                case = smaller
            else:
                start += size
        size //= 2
    return case


def _fails(boundary: Boundary, case: bytes, place: str) -> bool:
    try:
        boundary.check([case])
    except Exception as error:  # noqa: BLE001 - as above
        return _place(error) == place
    return False


def damaged(rng: random.Random, pool: Sequence[bytes], *, is_json: bool) -> bytes:
    """A value of a pool with some damage done to it; now and then none, or nothing but noise."""
    chance = rng.random()
    if chance < 0.03:
        return rng.randbytes(rng.randrange(64))
    case = rng.choice(pool)
    if chance < 0.06:
        return case
    if is_json and rng.random() < 0.6:
        case = _odd_json(rng, case)
        if rng.random() < 0.8:
            return case
    for _ in range(rng.randint(1, DAMAGES_MAX)):
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


DAMAGES = [_flip, _set, _cut_out, _cut_off, _insert, _overwrite, _double, _splice]


def _odd_json(rng: random.Random, case: bytes) -> bytes:
    """A JSON text in which one thing somewhere is something else, missing, or there too often."""
    try:
        value = json.loads(case)
    except (ValueError, RecursionError):
        return case
    places = list(_places(value))
    if not places:
        return json.dumps(rng.choice(ODD)).encode()
    holder, name = rng.choice(places)
    match rng.randrange(6):
        case 0:
            del holder[name]
        case 1 if isinstance(holder, list):
            holder += [holder[name]] * rng.choice([1, 2, 100])
        case 2 if isinstance(holder, dict):
            holder[rng.choice(["", "id", "kind", "status", "a" * 300, "\x00", name.upper()])] = holder.pop(name)
        case 3:
            other, other_name = rng.choice(places)
            holder[name] = json.loads(json.dumps(other[other_name])) if _is_there(other, other_name) else None
        case 4:
            levels = rng.choice(LEVELS)
            holder[name] = "$nest"
            nest = rng.choice([b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels])
            return json.dumps(value).encode().replace(b'"$nest"', nest)
        case _:
            holder[name] = rng.choice(ODD)
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    """Every (container, name or position) in a JSON value."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, name
        yield from _places(inner)


def _is_there(holder: Any, name: Any) -> bool:
    return name in holder if isinstance(holder, dict) else name < len(holder)
