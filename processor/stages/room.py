"""How many candidates may be under way: in a process, and of these for one model. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from processor.engine.collector import Served

if TYPE_CHECKING:
    from processor.engine.collector import Second

    Models = tuple[str, ...]


class Room:
    """Places for candidates under way.

    A model may have as many as are still free in the process ("dynamic thresholds" of shared buffers: Choudhury and Hahne, 1998). A
    slow one alone comes to a half, n of them to a share of 1 / (n + 1) each: however many are slow, one such share stays free for the
    rest, and a model that has the process to itself is not kept small.

    Bytes are places of the whole process: while there are none left nothing is begun, whatever it waits for. The last to be begun may
    go beyond them, so that one that is larger than all of them is not in the way for ever.

    Args:
        most: places of the process.
        most_bytes: of the candidates' records under way.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._taken = 0
        self._bytes = 0
        self._by_model: Counter[str] = Counter()

    @property
    def free(self) -> int:
        """Places left; never negative."""
        return max(0, self._most - self._taken) if self._bytes < self._most_bytes else 0

    @property
    def taken(self) -> int:
        """Candidates under way."""
        return self._taken

    def has(self, models: Models) -> bool:
        """Whether one more candidate that waits for these models may be begun."""
        free = self.free
        return self._bytes < self._most_bytes and all(self._by_model[model] < free for model in models)

    def enter(self, models: Models, size: int) -> None:
        """One of so many bytes is begun."""
        self._taken += 1
        self._bytes += size
        self._by_model.update(models)

    def leave(self, models: Models, size: int) -> None:
        """One of so many bytes has ended."""
        self._taken -= 1
        self._bytes -= size
        for model in models:
            self._by_model[model] -= 1
            if not self._by_model[model]:
                del self._by_model[model]


def models_of(second: Second | None) -> Models:
    """The served models of a collector's workflow, as ``user/app/id``."""
    steps = second.workflow.steps if second and second.workflow else ()
    return tuple({step.runs.key: None for step in steps if isinstance(step.runs, Served)})


def united(some: Models, more: Models) -> Models:
    """All of both, each once."""
    return tuple(dict.fromkeys(some + more))
