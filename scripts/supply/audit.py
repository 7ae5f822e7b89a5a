"""Looks for known vulnerabilities in what is locked. A service that does not answer is said to, and fails nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from scripts.supply.locked import LOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCK = "dev"
TIMEOUT_S = 120
ANSWER_TIMEOUT_S = "10"


def asked(arguments: Sequence[str]) -> tuple[str, str]:
    """What the auditor printed, and what it complained of."""
    lock = str(LOCKS / f"{LOCK}.txt")
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", ANSWER_TIMEOUT_S, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {TIMEOUT_S} s"
    return done.stdout, done.stderr


def verdict(printed: str, complaint: str) -> tuple[str, bool]:
    """What to say of an audit, and whether it fails the check.

    Args:
        printed: JSON of the auditor, or anything else where it gave up.
        complaint: what it wrote to stderr.
    """
    try:
        found: list[dict[str, Any]] = json.loads(printed)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (complaint.strip().splitlines() or ["it said nothing"])[-1]
        return f"vulnerabilities were NOT looked for: the service cannot be asked: {last[:200]}", False
    looked_at = [each for each in found if "vulns" in each]
    if not looked_at:
        return f"vulnerabilities were NOT looked for: the service knows none of {len(found)} packages", False
    bad = [f"{each['name']} {each['version']}: {_told(each['vulns'])}" for each in looked_at if each["vulns"]]
    skipped = f", {len(found) - len(looked_at)} could not be looked up" if len(found) > len(looked_at) else ""
    return "\n".join([*bad, f"{len(looked_at)} packages looked up, {len(bad)} with known vulnerabilities{skipped}"]), bool(bad)


def _told(vulnerabilities: list[dict[str, Any]]) -> str:
    return ", ".join(f"{each['id']} (mended in {', '.join(each['fix_versions']) or 'no version yet'})" for each in vulnerabilities)


def main() -> int:
    """Look, and say what came of it."""
    told, failed = verdict(*asked(sys.argv[1:]))
    print(told)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
