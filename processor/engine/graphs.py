"""Plans that branch: one collector at a time, over sub-plans that collectors share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from processor.engine.inclusion import probabilities

if TYPE_CHECKING:
    from processor.engine.evaluate import Evaluation, Subplans
    from processor.operators.random_sample import RandomSample


@dataclass(frozen=True, slots=True)
class Graph:
    """One collector's workflow.

    Attributes:
        collector: its position.
        gate: ``pre_queue_random_sample``.
        filters: (sub-plan, slot) of each node that is no sampler, in resolved order.
        leaves: sub-plans of the leaves that count.
    """

    collector: int
    gate: RandomSample | None
    filters: tuple[tuple[int, int], ...]
    leaves: tuple[int, ...]


class Judged(NamedTuple):
    """A graph on a frame: rows kept with their probabilities, how many were not sampled, and what each filter emptied."""

    rows: np.ndarray
    inclusion: np.ndarray
    not_sampled: int
    emptied: list[int]


def judge(graph: Graph, evaluation: Evaluation, subplans: Subplans) -> Judged:
    """Which rows a graph keeps, and why the others went."""
    arc = graph.gate.arc() if graph.gate else None
    drawn = arc.holds(evaluation.frame.draws(arc.column.number)) if arc else np.ones(evaluation.frame.size, bool)
    leaves = [evaluation.result(leaf) for leaf in graph.leaves]
    kept = drawn & np.logical_or.reduce([leaf.output.present for leaf in leaves])
    left = drawn & ~kept & np.logical_or.reduce([leaf.blamed for leaf in leaves])
    rows = np.flatnonzero(kept)
    not_sampled = evaluation.frame.size - len(rows) - int(np.count_nonzero(left))
    emptied = []
    for number, _ in graph.filters:
        failed = left & evaluation.result(number).failed
        emptied.append(int(np.count_nonzero(failed)))
        left &= ~failed
    share = graph.gate.share if graph.gate else 1.0
    return Judged(rows, share * probabilities(graph.leaves, evaluation.frame.part(rows), subplans), not_sampled, emptied)
