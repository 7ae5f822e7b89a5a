"""``random-sample``: a share of the predictions, the same ones at every replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import xxhash

from processor.operators.arc import RING, Arc, Column
from processor.operators.base import PassThrough
from processor.operators.content import Output

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Rows
    from processor.operators.output_info import OutputInfo

GROUPS = 16
GROUP_KEYS = tuple(np.uint64(xxhash.xxh3_64_intdigest(f"collectors/group/{group}".encode())) for group in range(GROUPS))
_SHIFT = np.uint64(33)
_FIRST = np.uint64(0xFF51AFD7ED558CCD)
_SECOND = np.uint64(0xC4CEB9FE1A85EC53)


def draws(hashes: np.ndarray, group: int) -> np.ndarray:
    """The hashes of one group, uint64: ``mix(hash XOR group key)``.

    ``mix`` is the 64-bit finalizer of MurmurHash3 (Austin Appleby, public domain), a bijection that spreads every bit.
    """
    mixed = hashes ^ GROUP_KEYS[group]
    mixed ^= mixed >> _SHIFT
    mixed *= _FIRST
    mixed ^= mixed >> _SHIFT
    mixed *= _SECOND
    mixed ^= mixed >> _SHIFT
    return mixed


def salt(key: str) -> int:
    """Where a sampler's arc begins, counted backwards: xxh3_64 of the sampler's key."""
    return xxhash.xxh3_64_intdigest(key.encode())


@dataclass(frozen=True, slots=True)
class RandomSample(PassThrough):
    """Keeps the whole output of ``keep_fraction`` of the predictions.

    Attributes:
        keep_fraction: 0 keeps nothing, 1 everything; rounded to a 32-bit float.
        key: whose sample it is; a workflow gives each of its samplers one.
        group: which hashes it draws from; samplers of different groups are independent.
    """

    model_type_id: ClassVar[str] = "random-sample"
    doc: ClassVar[str] = "Keeps the whole output for a fixed share of the predictions, chosen by a hash of the prediction's id."
    takes: ClassVar[frozenset[str]] = frozenset()
    params: ClassVar[frozenset[str]] = frozenset({"keep_fraction"})

    keep_fraction: float
    key: str = ""
    group: int = 0

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``keep_fraction``."""
        return cls(info.fraction("keep_fraction"))

    @property
    def share(self) -> float:
        """The fraction as it is compared."""
        return float(np.float32(self.keep_fraction))

    def arc(self) -> Arc | None:
        """The hashes it keeps; None when it keeps all."""
        length = int(self.share * RING)
        return None if length >= RING else Arc(Column("hash", self.group), -salt(self.key) % RING, length)

    def apply(self, rows: Rows, given: Output) -> Output:
        """The input, in the rows of the sample."""
        arc = self.arc()
        if arc is None:
            return given
        return Output(given.present & arc.holds(rows.draws(self.group)), given.content)
