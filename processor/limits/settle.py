"""One candidate after its workflow: first whether it was collected before, then whether there is quota left. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from processor.limits.memory import Memory
    from processor.limits.rules import Duplicates, Quota
    from processor.limits.seen import Fingerprint

COLLECTED, DUPLICATE, OVER_QUOTA = "collected", "duplicate", "over_quota"


def settle(memory: Memory, limits: tuple[Quota | None, Duplicates | None], print_: Fingerprint, at_us: int) -> str:
    """Decide and remember; what is not collected leaves no trace, so that it does not keep its like away.

    Args:
        memory: changed when it is collected.
        limits: of the collector.
        print_: of the candidate.
        at_us: its time, microseconds since 1970 UTC.
    """
    quota, duplicates = limits
    if duplicates is not None and memory.seen.holds(duplicates, print_, at_us):
        return DUPLICATE
    if quota is not None and not memory.quota.allows(quota, at_us):
        return OVER_QUOTA
    if quota is not None:
        memory.quota.add(quota, at_us)
    if duplicates is not None:
        memory.seen.remember(duplicates, print_, at_us)
    return COLLECTED
