"""Waiting for something that another process or thread brings about."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_NEVER = threading.Event()
PATIENCE = 3


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 30.0, every_s: float = 0.02) -> T:
    """Ask until the answer is true and return it; fail the test, naming ``what``, when that takes longer than ``timeout_s``.

    The time is that of a quiet machine; a busy one is given PATIENCE times as much, which costs nothing where the test passes.
    """
    timeout_s *= PATIENCE
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:.0f} s for {what}; the last answer was {answer!r}")
        _NEVER.wait(every_s)
    return answer
