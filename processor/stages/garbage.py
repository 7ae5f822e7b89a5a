"""When to look for reference cycles: between turns, and not again and again while thousands of records are being made."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FULL_EVERY_TURNS = 1_000
_YOUNG = 1
_ALL = 2


def spare_garbage_collector() -> None:
    """Call when what stays for good is loaded: it is not looked at any more."""
    gc.collect()
    gc.freeze()


@contextmanager
def collected_between_turns() -> Iterator[Callable[[], None]]:
    """For a loop that says when a turn is over: its records are gone then, and its columns, which refer to one another, can go.

    Left to itself Python looks after every 700 objects that were made, and walks each record of a poll twice while they are.
    """
    turns = 0

    def turn_is_over() -> None:
        nonlocal turns
        turns += 1
        gc.collect(_YOUNG if turns % FULL_EVERY_TURNS else _ALL)

    gc.disable()
    try:
        yield turn_is_over
    finally:
        gc.enable()
