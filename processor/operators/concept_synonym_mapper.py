"""``concept-synonym-mapper``: concepts of one model in the words of another, along a knowledge graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np

from processor.operators.base import Reducing
from processor.operators.concept_graph import concept_graph
from processor.operators.content import Content, Elements, Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.operators.base import GraphOf, Rows
    from processor.operators.concept_graph import ConceptGraph
    from processor.operators.content import Vocabulary
    from processor.operators.output_info import OutputInfo

COPIES_AT_ONCE = 1_000_000
"""Images that are held before the largest of each row's are chosen."""


@dataclass(frozen=True)
class ConceptSynonymMapper(Reducing):
    """Gives the images of the top-level concepts, and nothing else.

    Attributes:
        knowledge_graph_id: which graph.
        targets: the concepts that may come out, sorted; empty: all but the concept itself.
        graph_digest: of the relations, so that mappers over the same graph are equal.
    """

    model_type_id: ClassVar[str] = "concept-synonym-mapper"
    doc: ClassVar[str] = (
        "Replaces each top-level concept by its synonyms and broader concepts in a knowledge graph; what maps to nothing is dropped."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"concepts"})
    gives: ClassVar[frozenset[str]] = frozenset({"concepts"})
    params: ClassVar[frozenset[str]] = frozenset({"knowledge_graph_id"})
    takes_concepts: ClassVar[bool] = True

    knowledge_graph_id: str
    targets: tuple[str, ...]
    graph_digest: int
    _graph: ConceptGraph = field(compare=False, repr=False)

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:
        """Read ``knowledge_graph_id`` and ``data.concepts``."""
        targets, graph_id = tuple(sorted(info.concepts())), info.text("knowledge_graph_id")
        relations = graph_of(graph_id) if graph_id else ()
        if relations is None:
            info.problem("params.knowledge_graph_id", f"there is no knowledge graph {graph_id!r} in the model's app")
        graph = concept_graph(tuple(relations or ()))
        if graph.problem:
            info.problem("params.knowledge_graph_id", f"knowledge graph {graph_id!r} is too large for a mapper: {graph.problem}")
        return cls(graph_id, targets, graph.digest, graph)

    def images(self, concept_id: str) -> tuple[str, ...]:
        """What a concept maps to."""
        reached = self._graph.reached(concept_id)
        if self.targets:
            return tuple(image for image in reached if image in self._wanted)
        return tuple(image for image in reached if image != concept_id)

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(self.targets)

    def apply(self, rows: Rows, given: Output) -> Output:
        """The images of the concepts, each with the largest value that it got; empty where there is none."""
        mapped = self._map(given.content.concepts, rows.vocabulary)
        return Output(given.present & mapped.occupied(), Content(mapped.size, concepts=lambda: mapped))

    def _map(self, concepts: Elements, vocabulary: Vocabulary) -> Elements:
        distinct, place = np.unique(concepts.codes, return_inverse=True)
        images = [[vocabulary.code(i) for i in self.images(vocabulary.id_of(code))] if code >= 0 else [] for code in distinct.tolist()]
        lengths = np.array([len(image) for image in images], np.int64)
        codes = np.fromiter((code for image in images for code in image), np.int64)
        within = _Images(codes, np.cumsum(lengths) - lengths, lengths, place)
        parts = [within.of(concepts, start, end) for start, end in _slices(concepts, lengths[place])]
        rows, codes, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Elements(concepts.size, values, lambda: rows, lambda: codes)


class _Images(NamedTuple):
    """The images of a batch's distinct concepts, and which of these each element is."""

    codes: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    place: np.ndarray

    def of(self, concepts: Elements, start: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rows, codes, values) of the images of some elements, each image once a row."""
        place = self.place[start:end]
        copies = self.lengths[place]
        of = np.repeat(np.arange(len(place)), copies)
        within = np.arange(len(of)) - np.repeat(np.cumsum(copies) - copies, copies)
        return _largest(concepts.rows[start:end][of], self.codes[self.starts[place][of] + within], concepts.values[start:end][of])


def _slices(concepts: Elements, copies: np.ndarray) -> Iterator[tuple[int, int]]:
    """Elements from and to, cut between rows so that their images are not too many to hold."""
    ends = np.append(0, np.cumsum(copies))[concepts.offsets[1:]]
    last_rows = np.flatnonzero(np.diff(ends // COPIES_AT_ONCE))
    cuts = [0, *concepts.offsets[1:][last_rows].tolist(), len(copies)]
    return pairwise(cuts)


def _largest(rows: np.ndarray, codes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One element for each (row, code): the largest."""
    order = np.lexsort((codes, rows))
    rows, codes, values = rows[order], codes[order], values[order]
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])
    firsts = np.flatnonzero(new)
    return rows[firsts], codes[firsts], np.maximum.reduceat(values, firsts) if len(firsts) else values
