"""A number that each prediction has, and operators that compare it with bounds.

Such a comparison is an arc, so the index looks it up for all collectors at once; the number is derived once a batch, however many
ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from processor.operators.arc import Column
from processor.operators.base import PassThrough
from processor.operators.content import Output

if TYPE_CHECKING:
    from processor.operators.arc import Arc
    from processor.operators.base import Rows
    from processor.operators.bounds import Bounds
    from processor.operators.content import Content, Values, Vocabulary


class Measure(Protocol):
    """What is measured. Hashable; equal ones are one column."""

    def of(self, content: Content, vocabulary: Vocabulary) -> Values:
        """Each row's number, float32 and 0 or more; not finite where it has none."""


@dataclass(frozen=True, slots=True)
class Measured(PassThrough):
    """Keeps the whole output when its measure is within the bounds; a prediction without that number is not kept."""

    measure: Measure
    bounds: Bounds

    def arc(self) -> Arc:
        """The numbers it keeps."""
        return self.bounds.arc(Column("measure", measure=self.measure))

    def apply(self, rows: Rows, given: Output) -> Output:
        """The input, where its number is within the bounds."""
        keys = given.content.keys(self.measure, rows.vocabulary)
        return Output(given.present & self.arc().holds(keys), given.content)
