"""A knowledge graph as the mapper walks it: what each concept leads to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from processor.operators.base import Relation

    Steps = dict[str, dict[str, None]]
    """Concept -> the next ones; a dict keeps their order, so that the same graph always has the same problem."""

# Every concept of every prediction is replaced by all that it leads to, and that is kept for the next batch.
REACH_MAX = 1_000
PAIRS_MAX = 1_000_000
GRAPHS_KEPT = 32
TO_DO = "take out relations, or split the graph by subject"


class ConceptGraph:
    """Concepts and what they lead to.

    Attributes:
        digest: a number that differs where relations differ, whatever their order.
        problem: why no mapper may use it, and what to do; empty: one may.
    """

    def __init__(self, relations: Iterable[Relation]) -> None:
        ordered = sorted({tuple(relation) for relation in relations})
        self.digest = xxhash.xxh3_128_intdigest(repr(ordered).encode())
        self._reached: dict[str, tuple[str, ...]] = {}
        self.problem = self._walk(_steps(ordered))

    def reached(self, concept_id: str) -> tuple[str, ...]:
        """The concept and everything it leads to, sorted."""
        return self._reached.get(concept_id) or (concept_id,)

    def _walk(self, steps: Steps) -> str:
        """Fill in what concepts lead to, no further than the first problem."""
        pairs = 0
        for concept_id in _ends_first(steps):
            reached = self._reached[concept_id] = tuple(sorted(_reachable(steps, concept_id, self._reached)))
            pairs += len(reached) - 1
            if len(reached) - 1 > REACH_MAX:
                return f"concept {concept_id!r} leads to more than {REACH_MAX:,} others: {TO_DO}"
            if pairs > PAIRS_MAX:
                return f"its concepts lead to more than {PAIRS_MAX:,} others altogether: {TO_DO}"
        return ""


@lru_cache(GRAPHS_KEPT)
def concept_graph(relations: tuple[Relation, ...]) -> ConceptGraph:
    """The graph of these relations; many mappers share one, and looking through a large one takes a second."""
    return ConceptGraph(relations)


def _steps(relations: Iterable[tuple[str, ...]]) -> Steps:
    """One step along the graph: synonyms both ways, hyponyms upwards; other predicates lead nowhere."""
    steps: Steps = {}
    for subject, predicate, target in relations:
        if predicate in {"synonym", "hyponym"}:
            steps.setdefault(subject, {})[target] = None
        if predicate in {"synonym", "hypernym"}:
            steps.setdefault(target, {})[subject] = None
    return steps


def _ends_first(steps: Steps) -> Iterator[str]:
    """Concepts that lead anywhere, each after those it leads to as far as circles allow (depth first)."""
    met: set[str] = set()
    for start in steps:
        path = [] if start in met else [(start, iter(steps[start]))]
        met.add(start)
        while path:
            ahead = next((concept_id for concept_id in path[-1][1] if concept_id in steps and concept_id not in met), None)
            if ahead is None:
                yield path.pop()[0]
            else:
                met.add(ahead)
                path.append((ahead, iter(steps[ahead])))


def _reachable(steps: Steps, start: str, known: Mapping[str, tuple[str, ...]]) -> set[str]:
    """``start`` and what is reachable from it, all of it or more than `REACH_MAX` others. What is known is not walked again."""
    seen, frontier = {start}, list(steps[start])
    while frontier and len(seen) <= REACH_MAX + 1:
        concept_id = frontier.pop()
        if concept_id not in seen:
            seen.add(concept_id)
            seen.update(known.get(concept_id, ()))
            if concept_id not in known:
                frontier.extend(steps.get(concept_id, ()))
    return seen
