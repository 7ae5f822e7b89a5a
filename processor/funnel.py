"""The funnel of every collector: what it saw, and what became of it. Counts of all partitions and stages added up; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from processor.engine.reasons import REASONS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.state.counters import Slot


def funnel(states: Iterable[tuple[str, bool, str]], counts: Iterable[tuple[Slot, int]]) -> list[dict[str, Any]]:
    """One row a collector, as `status --json` has it.

    Args:
        states: (collector, active, reason) of every collector that there is.
        counts: what was counted, of any partition and stage, in any order.
    """
    totals: dict[str, Counter[tuple[str, str]]] = {}
    for slot, count in counts:
        totals.setdefault(slot.collector, Counter())[slot.outcome, slot.node] += count
    return [_row(key, active, reason, totals.get(key, Counter())) for key, active, reason in sorted(states)]


def _row(key: str, active: bool, reason: str, counts: Counter[tuple[str, str]]) -> dict[str, Any]:
    reasons = {r.value: counts[r.value, ""] for r in REASONS if counts[r.value, ""]}
    collected, queued = counts[Outcome.COLLECTED.value, ""], counts[Outcome.QUEUED.value, ""]
    return {
        "collector": key,
        "status": "ACTIVE" if active else "INACTIVE",
        "status_reason": reason,
        "seen": collected + queued + sum(reasons.values()),
        "collected": collected,
        "queued": queued,
        "reasons": reasons,
        "emptied_by": {node: count for (_, node), count in sorted(counts.items()) if node and count},
    }
