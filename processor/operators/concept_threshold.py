"""``concept-threshold``: top-level concepts by their value."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from processor.operators.content import Content, Output
from processor.operators.threshold import Threshold

if TYPE_CHECKING:
    from processor.operators.base import Rows


class ConceptThreshold(Threshold):
    """Gives the top-level concepts that compare so, and nothing else."""

    __slots__ = ()
    model_type_id: ClassVar[str] = "concept-threshold"
    doc: ClassVar[str] = "Keeps the listed top-level concepts (without a list: all) whose value compares so with the threshold."
    takes: ClassVar[frozenset[str]] = frozenset({"concepts"})
    gives: ClassVar[frozenset[str]] = frozenset({"concepts"})

    def apply(self, rows: Rows, given: Output) -> Output:
        """The concepts that compare so; empty where none is left."""
        kept = self.limits.kept(given.content.concepts, rows.vocabulary)
        return Output(given.present & kept.occupied(), Content(kept.size, concepts=lambda: kept))
