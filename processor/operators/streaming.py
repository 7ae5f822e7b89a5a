"""What samplers have in common that judge a candidate by those before it.

Whether they keep one depends on what came before, so they decide only where there is an order: after the queue, when it is a
candidate's turn among those of its collector (`processor.second.tree`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import xxhash

from processor.operators.base import PassThrough

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from processor.limits.stream import Stream
    from processor.operators.base import Rows
    from processor.operators.content import Output
    from processor.operators.output_info import OutputInfo

WINDOW, WINDOW_MAX = 1_000, 10_000
WARM_UP = 100
UNIT = 2**53
SAMPLER_PARAMS = frozenset({"window", "warm_up"})


@dataclass(frozen=True, slots=True)
class Span:
    """How many candidates count.

    Attributes:
        window: the newest so many are compared with.
        warm_up: before so many there is nothing to compare with; at most the window.
    """

    window: int = WINDOW
    warm_up: int = WARM_UP


USUAL = Span()


class Streaming(PassThrough):
    """A sampler with a memory of its own for each collector and node. Frozen dataclasses, so that equal parameters are one memory.

    Attributes:
        reads: what of an output it measures: ``concepts`` or ``embeddings``.
        span: how many candidates it remembers.
    """

    __slots__ = ()
    takes: ClassVar[frozenset[str]] = frozenset()  # where nothing of it reaches the node, the prediction's own counts
    before_queue: ClassVar[bool] = False
    reads: ClassVar[str]
    model_type_id: ClassVar[str]
    span: Span

    def part(self, node: str) -> str:
        """The name of its memory; with other parameters it begins anew."""
        return f"{self.model_type_id}.{node}.{xxhash.xxh3_64_hexdigest(repr(self).encode())}"

    @abstractmethod
    def measure(self, found: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
        """What it is that is compared, float64; None: there is none.

        Args:
            found: the concepts or embeddings of an output, fields as in the contract.
        """

    @abstractmethod
    def probability(self, before: Stream, measured: np.ndarray | None) -> float:
        """With which it keeps a candidate; nothing changes.

        Args:
            before: what came before it.
            measured: of it.
        """

    @abstractmethod
    def remember(self, before: Stream, measured: np.ndarray | None, probability: float) -> None:
        """Take a candidate into the memory, whether it is kept or not."""

    def apply(self, rows: Rows, given: Output) -> Output:
        """Nothing is known here of what came before."""
        raise NotImplementedError("a streaming sampler decides when it is a candidate's turn")


def read_span(info: OutputInfo) -> Span:
    """Read ``params.window`` and ``params.warm_up``."""
    window = info.whole("window", least=1) if "window" in info.params else WINDOW
    if window > WINDOW_MAX:
        info.problem("params.window", f"{window:,} is more than {WINDOW_MAX:,}, the longest window there is")
    warm_up = info.whole("warm_up", least=1) if "warm_up" in info.params else min(WARM_UP, window)
    if warm_up > window:
        info.problem("params.warm_up", f"{warm_up:,} is more than the window, {window:,}: so many are never remembered")
    return Span(window, warm_up)


def draw(key: str, prediction_id: str) -> float:
    """What a sampler draws for a prediction, from 0 up to but not 1, the same at every replay.

    A hash of both together, so that no two samplers' draws depend on each other.
    """
    return (xxhash.xxh3_64_intdigest(f"{key}\0{prediction_id}".encode()) >> 11) / UNIT
