"""Hostile input, made quickly: valid values of a boundary are damaged by a seeded generator, and what does harm is made small.

A case is bytes, whatever the boundary. Its own check says what must hold and gives the outcome a name; a case with a new outcome is
damaged further, so that the search goes where it has not been.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import resource
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.damage import damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CORPUS = Path(__file__).parent / "corpus"
POOL_MAX = 400
POOLED_BYTES_MAX = 4_096  # damage makes a case larger again; one that starts large is large, and slow, for ever
FINDINGS_MAX = 20
SHRINK_TRIES = 300
KIB = 1024


@dataclass(frozen=True)
class Boundary:
    """One place where bytes of others come in.

    Attributes:
        name: as people write it.
        seeds: makes valid values, and some that are nearly.
        check: takes cases and names each one's outcome; raises whatever goes wrong. All that must hold is asserted there.
        at_once: how many cases a check takes together.
        json_at: where in a case a JSON text begins, which is damaged as such too; None: there is none.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    check: Callable[[Sequence[bytes]], Sequence[str]]
    at_once: int = 1
    json_at: Callable[[bytes], int] | None = None


@dataclass
class Totals:
    """What came of many cases of a boundary.

    Attributes:
        findings: place in the code → the smallest case that fails there, and the last line of its traceback.
        seconds: of the clock; ``cpu_s``: of the processor, which others on the machine do not make more.
        slowest_s: the longest that a check took, of the processor, for ``at_once`` cases.
        peak_mib: the most memory that this process ever had.
    """

    cases: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    slowest_s: float = 0.0
    peak_mib: int = 0


class Endless(BaseException):
    """A check took far too long. Nothing that is there for other errors catches it."""


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


def from_the_start(_: bytes) -> int:
    """Where JSON begins in a case that is nothing else."""
    return 0


def run(boundary: Boundary, cases: int, seed: int, check_s_max: float = 0) -> Totals:
    """Try that many cases; the same seed tries the same.

    Args:
        boundary: what is tried.
        cases: how many.
        seed: what makes the damage.
        check_s_max: a check that takes longer, of the processor, is a finding; 0: it is waited for.
    """
    rng = random.Random(f"{boundary.name}/{seed}")  # noqa: S311 - replayable, which secrets must not be
    pool, totals, began = [*boundary.seeds(), *corpus(boundary)], Totals(), (time.perf_counter(), time.process_time())
    with _limited(check_s_max) as limited:
        while totals.cases < cases and len(totals.findings) < FINDINGS_MAX:
            batch = [damaged(rng, pool, boundary.json_at) for _ in range(min(boundary.at_once, cases - totals.cases))]
            started = time.process_time()
            for case, outcome in zip(batch, _outcomes(limited(boundary), batch, totals), strict=True):
                if outcome and outcome not in totals.outcomes and len(pool) < POOL_MAX and len(case) <= POOLED_BYTES_MAX:
                    pool.append(case)
                totals.outcomes[outcome or "found"] += 1
            totals.slowest_s = max(totals.slowest_s, time.process_time() - started)
            totals.cases += len(batch)
    totals.seconds, totals.cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
    totals.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // KIB
    return totals


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[Callable[[Boundary], Boundary]]:
    """What makes a boundary whose checks end in `Endless` when they take longer."""
    if not seconds:
        yield lambda boundary: boundary
        return

    def give_up(*_: object) -> None:
        raise Endless(f"not done after {seconds:g} s of the processor")

    def limited(boundary: Boundary) -> Boundary:
        def check(cases: Sequence[bytes]) -> Sequence[str]:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            try:
                return boundary.check(cases)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)

        return replace(boundary, check=check)

    before = signal.signal(signal.SIGPROF, give_up)
    try:
        yield limited
    finally:
        signal.signal(signal.SIGPROF, before)


def _outcomes(boundary: Boundary, batch: list[bytes], totals: Totals) -> Sequence[str]:
    """The outcome of each case; empty for one that does harm, which is noted."""
    try:
        return boundary.check(batch)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - that is what is looked for; a panic of a library is no Exception
        place = _place(error)
        if len(batch) > 1:
            found = [_outcomes(boundary, [case], totals)[0] for case in batch]
            if all(found) and place not in totals.findings:  # it takes several of them together
                totals.findings[place] = (b"\n--\n".join(batch), f"several together: {_told(error)}")
            return found
        if place not in totals.findings:
            shrunk = batch[0] if isinstance(error, Endless) else _shrunk(boundary, batch[0], place)
            totals.findings[place] = (shrunk, _told(error))
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
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - as above
        return _place(error) == place
    return False
