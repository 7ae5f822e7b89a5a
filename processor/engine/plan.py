"""Compiles the collectors of a model once, so that judging a batch looks nothing up.

A collector's plan is a *chain* where one path leads to its only leaf (whatever stands on it), and a *graph* otherwise. Chains of all
collectors with the same version and caller are judged together (:mod:`processor.engine.chains`), graphs one by one
(:mod:`processor.engine.graphs`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from processor.engine.chains import Bucket, Chain, Step, buckets
from processor.engine.evaluate import ROOT, Subplans
from processor.engine.graphs import Graph
from processor.engine.reasons import OUTCOMES, Outcome
from processor.operators.arc import Arc, Column
from processor.operators.random_sample import GROUPS, RandomSample, salt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.engine.collector import Collector, Node, Watchers, Workflow
    from processor.operators.base import Operator

NO_SLOT = -1
_OUTCOME_COLUMNS = {outcome: column for column, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True)
class Group:
    """The active collectors of one version and caller.

    Attributes:
        collectors: their positions, int64.
        buckets: those whose plan is a chain.
        graphs: the others.
    """

    collectors: np.ndarray
    buckets: tuple[Bucket, ...]
    graphs: tuple[Graph, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """The collectors of one model version (empty: any), by caller (empty: any).

    Attributes:
        inactive: positions of those that are not active, int64.
        groups: the active ones.
        picky: positions of the active ones that want one caller, int64.
    """

    inactive: np.ndarray
    groups: dict[str, Group]
    picky: np.ndarray


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the engine keeps of one :class:`Watchers`.

    Attributes:
        versions: by version id.
        subplans: shared by all its plans.
        columns: what a chain's steps look at, by number.
        outcomes: int64 [collectors], the outcome column of what passes.
        slot_collectors: int32 [slots], the collector of each slot of ``emptied``.
        slot_nodes: the node of each slot.
    """

    versions: dict[str, Version]
    subplans: Subplans
    columns: tuple[Column, ...]
    outcomes: np.ndarray
    slot_collectors: np.ndarray
    slot_nodes: tuple[str, ...]


def compiled(watchers: Watchers) -> Compiled:
    """The compiled collectors, kept on ``watchers`` for as long as it lives."""
    kept: Compiled | None = watchers.__dict__.get("_compiled")
    if kept is None:
        kept = watchers.__dict__["_compiled"] = _Compiler().compile(watchers)
    return kept


def path_of(workflow: Workflow) -> tuple[int, ...] | None:
    """Positions of the nodes that lead to the only leaf, None where the workflow branches."""
    if len(workflow.leaves) != 1:
        return None
    path = [workflow.leaves[0]]
    while inputs := workflow.nodes[path[0]].inputs:
        if len(inputs) > 1:
            return None
        path.insert(0, inputs[0])
    return tuple(path)


def relevant(workflow: Workflow) -> tuple[int, ...]:
    """Positions of the leaves that count and of everything they read, in resolved order."""
    found: set[int] = set()
    frontier = list(workflow.leaves)
    while frontier:
        position = frontier.pop()
        if position not in found:
            found.add(position)
            frontier.extend(workflow.nodes[position].inputs)
    return tuple(sorted(found))


def bound(collector: Collector) -> tuple[RandomSample | None, tuple[tuple[Operator, ...], ...]]:
    """The random sample and each node's parts, every sampler with a key of its own and a group no other has.

    Raises:
        ValueError: more samplers than groups, which the catalog never lets through.
    """
    taken: set[int] = set()

    def seat(share: float, key: str) -> RandomSample:
        if len(taken) == GROUPS:
            raise ValueError(f"{collector.key} has more than {GROUPS} samplers")
        group = salt(key) % GROUPS
        while group in taken:
            group = (group + 1) % GROUPS
        taken.add(group)
        return RandomSample(share, key, group)

    def seated(node: Node) -> tuple[Operator, ...]:
        key = f"{collector.key}/pre-queue/{node.id}"
        return tuple(part if part.share is None else seat(part.share, key) for part in node.operator.parts())

    gate = None if collector.random_sample is None else seat(collector.random_sample, collector.key)
    return gate, tuple(seated(node) for node in (collector.workflow.nodes if collector.workflow else ()))


@dataclass(slots=True)
class _Compiler:
    """Numbers sub-plans, columns and slots while it goes through the collectors."""

    subplans: Subplans = field(default_factory=Subplans)
    columns: dict[Column, int] = field(default_factory=dict)
    slot_collectors: list[int] = field(default_factory=list)
    slot_nodes: list[str] = field(default_factory=list)

    def compile(self, watchers: Watchers) -> Compiled:
        by_version: dict[str, list[int]] = {}
        for position, collector in enumerate(watchers.collectors):
            by_version.setdefault(collector.source.version_id, []).append(position)
        versions = {version: self._version(watchers.collectors, positions) for version, positions in by_version.items()}
        outcome = [_OUTCOME_COLUMNS[Outcome.QUEUED if collector.second_stage else Outcome.COLLECTED] for collector in watchers.collectors]
        slot_collectors = np.array(self.slot_collectors, np.int32)
        return Compiled(versions, self.subplans, tuple(self.columns), np.array(outcome), slot_collectors, tuple(self.slot_nodes))

    def _version(self, collectors: tuple[Collector, ...], positions: list[int]) -> Version:
        inactive = [position for position in positions if collectors[position].inactive_reason]
        active = [position for position in positions if not collectors[position].inactive_reason]
        by_caller: dict[str, list[int]] = {}
        for position in active:
            by_caller.setdefault(collectors[position].source.caller_user_id, []).append(position)
        picky = [position for position in active if collectors[position].source.caller_user_id]
        groups = {caller: self._group(collectors, members) for caller, members in by_caller.items()}
        return Version(np.array(inactive, np.int64), groups, np.array(picky, np.int64))

    def _group(self, collectors: tuple[Collector, ...], positions: list[int]) -> Group:
        chains, graphs = [], []
        for position in positions:
            plan = self._plan(position, collectors[position])
            if isinstance(plan, Chain):
                chains.append(plan)
            else:
                graphs.append(plan)
        return Group(np.array(positions, np.int64), buckets(chains), tuple(graphs))

    def _plan(self, position: int, collector: Collector) -> Chain | Graph:
        gate, operators = bound(collector)
        if collector.workflow is None:
            return self._chain(position, gate, ())
        path = path_of(collector.workflow)
        if path is None:
            return self._graph(position, gate, collector.workflow, operators)
        return self._chain(position, gate, tuple((collector.workflow.nodes[i].id, part) for i in path for part in operators[i]))

    def _chain(self, position: int, gate: RandomSample | None, path: tuple[tuple[str, Operator], ...]) -> Chain:
        shares = [part.share for part in ([gate] if gate else []) + [part for _, part in path] if part.share is not None]
        share = math.prod(shares)
        steps = [*([self._sampler(gate)] if gate else []), *self._path_steps(position, path)]
        return Chain(position, tuple(step for step in steps if step.arc is not None), share, self._column)

    def _path_steps(self, position: int, path: tuple[tuple[str, Operator], ...]) -> Iterator[Step]:
        filters, whole = ROOT, True
        for node_id, part in path:
            if part.share is not None:
                yield self._sampler(part)
                continue
            filters = self.subplans.number(part, (filters,))
            mask = Arc(Column("mask", filters), 1, 1)
            yield Step((part.arc() if whole else None) or mask, mask, self._slot(position, node_id))
            whole = whole and part.passes_through

    def _graph(self, position: int, gate: RandomSample | None, workflow: Workflow, operators: tuple[tuple[Operator, ...], ...]) -> Graph:
        numbers: dict[int, int] = {}
        slots: list[tuple[int, int]] = []
        for i in relevant(workflow):
            inputs = tuple(numbers[j] for j in workflow.nodes[i].inputs) or (ROOT,)
            for part in operators[i]:
                numbers[i] = self.subplans.number(part, inputs)
                inputs = (numbers[i],)
                if part.share is None:
                    slots.append((numbers[i], self._slot(position, workflow.nodes[i].id)))
        return Graph(position, gate, tuple(slots), tuple(numbers[leaf] for leaf in workflow.leaves))

    def _sampler(self, sampler: Operator) -> Step:
        return Step(sampler.arc(), None, NO_SLOT)

    def _slot(self, position: int, node_id: str) -> int:
        self.slot_collectors.append(position)
        self.slot_nodes.append(node_id)
        return len(self.slot_nodes) - 1

    def _column(self, column: Column) -> int:
        return self.columns.setdefault(column, len(self.columns))
