"""``region-threshold``: regions by the values of their concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from processor.operators.content import Content, Output
from processor.operators.threshold import Threshold

if TYPE_CHECKING:
    from processor.operators.base import Rows


class RegionThreshold(Threshold):
    """Gives the regions that keep at least one concept, without the concepts that fail, and nothing else."""

    __slots__ = ()
    model_type_id: ClassVar[str] = "region-threshold"
    doc: ClassVar[str] = (
        "Keeps the regions with at least one concept (of the listed ones, if any) whose value compares so with the threshold."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"regions"})
    gives: ClassVar[frozenset[str]] = frozenset({"regions"})

    def apply(self, rows: Rows, given: Output) -> Output:
        """The regions that keep a concept; empty where none is left."""
        kept = self.limits.kept(given.content.regions, rows.vocabulary)
        return Output(given.present & kept.occupied(), Content(kept.size, regions=lambda: kept))
