"""``scripts/fuzz``: hostile input at every boundary, for as long as you like.

The REST API as its own description has it is asked by ``scripts/fuzz-api``, over a real socket; here are the bodies that it reads.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import json
import logging
import secrets
import sys
from typing import TYPE_CHECKING, Any

from tests.fuzz.boundaries import BOUNDARIES
from tests.fuzz.machine import CORPUS, Totals, keep, run

if TYPE_CHECKING:
    from collections.abc import Sequence

if importlib.util.find_spec("sniffio") is None:
    # httpcore looks for it five times a request, which takes longer than all else; that it was not found nobody remembers.
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # what Python takes for a module that is not there

LONG = 100_000
CHECK_S_MAX = 30.0
OUTCOMES_SHOWN = 6


def main(arguments: Sequence[str]) -> int:
    """Try them all; 0 when nothing was found. What was found is kept in the corpus, for the ordinary tests to try again."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--boundary", action="append", choices=sorted(BOUNDARIES), help="only this one; may be given several times")
    parser.add_argument("--cases", type=int, default=LONG, help=f"of each boundary ({LONG:,})")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="the same seed tries the same")
    parser.add_argument("--json", action="store_true", help="totals as JSON")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # every bad record is logged, and all of them are
    faulthandler.enable()  # a library that takes the process down with it
    print(f"seed {given.seed}", file=sys.stderr, flush=True)  # noqa: T201 - the command's output
    totals = {}
    for name in given.boundary or BOUNDARIES:
        totals[name] = run(BOUNDARIES[name], given.cases, given.seed, CHECK_S_MAX)
        print(line(name, totals[name]), file=sys.stderr, flush=True)  # noqa: T201 - as above
    found = {name: [described(name, *each) for each in found.findings.items()] for name, found in totals.items() if found.findings}
    if given.json:
        print(json.dumps({"seed": given.seed, "boundaries": {n: summary(t) for n, t in totals.items()}, "findings": found}, indent=1))  # noqa: T201 - as above
    for each in () if given.json else [text for texts in found.values() for text in texts]:
        print(each)  # noqa: T201 - as above
    return 1 if found else 0


def line(name: str, totals: Totals) -> str:
    """One boundary, for people."""
    common = ", ".join(f"{outcome} {count}" for outcome, count in totals.outcomes.most_common(OUTCOMES_SHOWN))
    rate = totals.cases / max(totals.cpu_s, 1e-9)
    return (
        f"{name}: {totals.cases} cases in {totals.seconds:.0f} s ({totals.cpu_s:.0f} s of the processor, {rate:.0f}/s), "
        f"{len(totals.findings)} findings, slowest {totals.slowest_s:.2f} s, "
        f"{totals.peak_mib} MiB; {len(totals.outcomes)} outcomes: {common}"
    )


def summary(totals: Totals) -> dict[str, Any]:
    """One boundary, for programs."""
    return {
        "cases": totals.cases,
        "seconds": round(totals.seconds, 1),
        "cpu_s": round(totals.cpu_s, 1),
        "findings": len(totals.findings),
        "slowest_s": round(totals.slowest_s, 3),
        "peak_mib": totals.peak_mib,
        "outcomes": dict(totals.outcomes.most_common()),
    }


def described(name: str, place: str, found: tuple[bytes, str]) -> str:
    """A finding, which is kept."""
    case, told = found
    return f"{name}: {place}: {told}; kept as {keep(BOUNDARIES[name], case).relative_to(CORPUS.parents[2])}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
