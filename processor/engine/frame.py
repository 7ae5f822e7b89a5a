"""The rows of a batch that one kind of source sees."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from processor.operators.content import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.engine.batch import PredictionBatch
    from processor.operators.content import Vocabulary


class Frame:
    """Some rows of a batch, numbered from 0: what operators are applied to.

    Attributes:
        batch: the batch.
        rows: int64 [size], ascending positions in the batch.
        size: how many rows there are.
    """

    def __init__(self, batch: PredictionBatch, rows: np.ndarray) -> None:
        self.batch = batch
        self.rows = rows
        self.size = len(rows)
        self._is_whole = self.size == batch.rows

    @cached_property
    def output(self) -> Output:
        """The predictions' own outputs: never empty, even where the model returned nothing."""
        content = self.batch.content
        return Output(np.ones(self.size, bool), content if self._is_whole else content.take(self.rows))

    @property
    def vocabulary(self) -> Vocabulary:
        """The batch's numbers of concept ids."""
        return self.batch.vocabulary

    def draws(self, group: int) -> np.ndarray:
        """The hashes of one sampling group, uint64 [size]."""
        draws = self.batch.draws(group)
        return draws if self._is_whole else draws[self.rows]

    @property
    def documents(self) -> tuple[np.ndarray, Callable[[int], Mapping[str, Any]]]:
        """The inputs' metadata: a number for each row, and the document of a number."""
        numbers = self.batch.metadata.codes
        return numbers if self._is_whole else numbers[self.rows], self.batch.document

    def part(self, rows: np.ndarray) -> Frame:
        """Some of the rows, given by their numbers here."""
        return Frame(self.batch, self.rows[rows])
