"""One core for the broker, one for the contender: what they cost is then not mixed up."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cores(NamedTuple):
    """Where each side runs; empty: wherever the system likes."""

    broker: frozenset[int] = frozenset()
    contender: frozenset[int] = frozenset()

    def __str__(self) -> str:
        if not self.broker:
            return "nothing is pinned: this machine has one core or no way to pin, so broker and contender take turns on the same cores"
        return f"broker and benchmark pinned to core {min(self.broker)}, contenders to core {min(self.contender)}"


def choose() -> Cores:
    """Two of the cores that this process may use, where there are two and the system can pin."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores()
    usable = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(usable[:1]), frozenset(usable[1:2])) if len(usable) > 1 else Cores()


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Run this thread, and every process it starts, on these cores while the block lasts."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
