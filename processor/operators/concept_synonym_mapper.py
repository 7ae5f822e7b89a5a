"""``concept-synonym-mapper``: concepts of one model in the words of another, along a knowledge graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import xxhash

from processor.operators.content import Content, Elements, Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processor.operators.base import GraphOf, Relation, Rows
    from processor.operators.content import Vocabulary
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class ConceptSynonymMapper:
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
    passes_through: ClassVar[bool] = False
    params: ClassVar[frozenset[str]] = frozenset({"knowledge_graph_id"})
    takes_concepts: ClassVar[bool] = True

    knowledge_graph_id: str
    targets: tuple[str, ...]
    graph_digest: int
    _broader: Mapping[str, frozenset[str]] = field(compare=False, repr=False)
    _images: dict[str, tuple[str, ...]] = field(compare=False, repr=False, default_factory=dict)

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:
        """Read ``knowledge_graph_id`` and ``data.concepts``."""
        targets, graph_id = tuple(sorted(info.concepts())), info.text("knowledge_graph_id")
        relations = graph_of(graph_id) if graph_id else ()
        if relations is None:
            info.problem("params.knowledge_graph_id", f"there is no knowledge graph {graph_id!r} in the model's app")
        return cls(graph_id, targets, digest(relations or ()), broader(relations or ()))

    def arc(self) -> None:
        """No arc: the output is another one."""

    def images(self, concept_id: str) -> tuple[str, ...]:
        """What a concept maps to; kept, since models repeat their concepts."""
        images = self._images.get(concept_id)
        if images is None:
            reached = _reachable(self._broader, concept_id)
            kept = reached & frozenset(self.targets) if self.targets else reached - {concept_id}
            images = self._images[concept_id] = tuple(sorted(kept))
        return images

    def apply(self, rows: Rows, given: Output) -> Output:
        """The images of the concepts, each with the largest value that it got; empty where there is none."""
        mapped = self._map(given.content.concepts, rows.vocabulary)
        return Output(given.present & mapped.occupied(), Content(mapped.size, concepts=lambda: mapped))

    def _map(self, concepts: Elements, vocabulary: Vocabulary) -> Elements:
        distinct, place = np.unique(concepts.codes, return_inverse=True)
        images = [[vocabulary.code(i) for i in self.images(vocabulary.id_of(code))] if code >= 0 else [] for code in distinct.tolist()]
        lengths = np.array([len(image) for image in images], np.int64)
        starts = np.cumsum(lengths) - lengths
        copies = lengths[place]
        of = np.repeat(np.arange(len(place)), copies)
        within = np.arange(len(of)) - np.repeat(np.cumsum(copies) - copies, copies)
        codes = np.fromiter((code for image in images for code in image), np.int64)[starts[place][of] + within]
        return _largest(concepts.size, concepts.rows[of], codes, concepts.values[of])


def _largest(size: int, rows: np.ndarray, codes: np.ndarray, values: np.ndarray) -> Elements:
    """One element for each (row, code): the largest."""
    order = np.lexsort((codes, rows))
    rows, codes, values = rows[order], codes[order], values[order]
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])
    firsts = np.flatnonzero(new)
    largest = np.maximum.reduceat(values, firsts) if len(firsts) else values
    return Elements(size, largest, lambda: rows[firsts], lambda: codes[firsts])


def broader(relations: Iterable[Relation]) -> dict[str, frozenset[str]]:
    """One step along the graph: synonyms both ways, hyponyms upwards; other predicates lead nowhere."""
    steps: dict[str, set[str]] = {}
    for subject, predicate, target in relations:
        if predicate in {"synonym", "hyponym"}:
            steps.setdefault(subject, set()).add(target)
        if predicate in {"synonym", "hypernym"}:
            steps.setdefault(target, set()).add(subject)
    return {concept_id: frozenset(targets) for concept_id, targets in steps.items()}


def digest(relations: Iterable[Relation]) -> int:
    """A number that differs where relations differ, whatever their order."""
    return xxhash.xxh3_128_intdigest(repr(sorted(tuple(relation) for relation in relations)).encode())


def _reachable(steps: Mapping[str, frozenset[str]], start: str) -> frozenset[str]:
    """``start`` and everything reachable from it; cycles are fine."""
    seen, frontier = {start}, [start]
    while frontier:
        for target in steps.get(frontier.pop(), frozenset()) - seen:
            seen.add(target)
            frontier.append(target)
    return frozenset(seen)
