"""``regex-classifier``: concepts for predictions whose text an expression is found in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.base import Reducing
from processor.operators.content import Content, Elements, Output
from processor.operators.text_match import matching, pattern_problem

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Rows
    from processor.operators.content import Vocabulary
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class RegexClassifier(Reducing):
    """Gives the listed concepts, and nothing else, when the expression is found in the text.

    Attributes:
        pattern: RE2, unanchored.
        concepts: (id, value), in document order.
    """

    model_type_id: ClassVar[str] = "regex-classifier"
    doc: ClassVar[str] = "Gives the listed concepts when the RE2 expression is found in the text, anywhere."
    takes: ClassVar[frozenset[str]] = frozenset({"text"})
    gives: ClassVar[frozenset[str]] = frozenset({"concepts"})
    params: ClassVar[frozenset[str]] = frozenset({"pattern"})
    takes_concepts: ClassVar[bool] = True

    pattern: str
    concepts: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``params.pattern`` and ``data.concepts``, whose value is 1 where it is left out."""
        concepts = tuple((concept_id, 1.0 if value is None else value) for concept_id, value in info.concepts().items())
        if not concepts:
            info.problem("data.concepts", "list the concepts that it gives where the expression is found")
        pattern = info.text("pattern")
        if problem := pattern_problem(pattern):
            info.problem("params.pattern", problem)
        return cls(pattern, concepts)

    def apply(self, rows: Rows, given: Output) -> Output:
        """The concepts, where the expression is found."""
        matched = matching(given.content.texts, given.present, [self.pattern])
        return Output(matched, Content(len(matched), lambda: self._given(matched, rows.vocabulary)))

    def _given(self, matched: np.ndarray, vocabulary: Vocabulary) -> Elements:
        rows, count = np.flatnonzero(matched), len(self.concepts)
        values = np.tile(np.array([value for _, value in self.concepts], np.float32), len(rows))
        codes = np.tile([vocabulary.code(concept_id) for concept_id, _ in self.concepts], len(rows))
        return Elements(len(matched), values, lambda: np.repeat(rows, count), lambda: codes)
