"""A batch and the collectors that watch its models in, decisions out. Pure: no Kafka, no clock, no randomness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from processor.engine import chains, graphs
from processor.engine.columns import Columns
from processor.engine.evaluate import Evaluation
from processor.engine.frame import Frame
from processor.engine.plan import Compiled, Group, Version, compiled
from processor.engine.reasons import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from processor.engine.batch import Coded, PredictionBatch
    from processor.engine.collector import Watchers

_INACTIVE = OUTCOMES.index(Outcome.COLLECTOR_INACTIVE)
_OTHER_CALLER = OUTCOMES.index(Outcome.OTHER_CALLER)
_NOT_SAMPLED = OUTCOMES.index(Outcome.NOT_SAMPLED)
_WORKFLOW_EMPTY = OUTCOMES.index(Outcome.WORKFLOW_EMPTY)


@dataclass(frozen=True, slots=True)
class Emptied:
    """``workflow_empty`` broken down by node. The same slots every time for one :class:`Watchers`; a count may be 0.

    Attributes:
        collectors: int32 [slots], positions in ``watchers.collectors``.
        nodes: node ids, one a slot.
        counts: int64 [slots].
    """

    collectors: np.ndarray
    nodes: tuple[str, ...]
    counts: np.ndarray


@dataclass(frozen=True, slots=True)
class ModelDecisions:
    """What became of one model's predictions.

    Attributes:
        watchers: the collectors.
        counts: int64 [collectors, outcomes]; a row adds up to what the collector saw.
        emptied: ``workflow_empty`` by node.
        collectors: int32 [taken], positions in ``watchers.collectors`` of what is collected or queued.
        rows: int32 [taken], rows of the batch; ordered by (row, collector).
        inclusion: float64 [taken], the probability with which this collector takes this prediction.
    """

    watchers: Watchers
    counts: np.ndarray
    emptied: Emptied
    collectors: np.ndarray
    rows: np.ndarray
    inclusion: np.ndarray


def decide(batch: PredictionBatch, watchers: Mapping[str, Watchers]) -> tuple[ModelDecisions, ...]:
    """Judge a batch.

    Args:
        batch: the predictions.
        watchers: the collectors by model.

    Returns:
        One for each watched model that the batch has predictions of, in order of first appearance.
    """
    if not watchers or not batch.rows:
        return ()
    return tuple(
        _decide_model(batch, rows, watchers[model]) for model, rows in _by_name(batch.models, _outside(batch)) if model in watchers
    )


class _Taken(NamedTuple):
    collectors: np.ndarray
    rows: np.ndarray
    inclusion: np.ndarray


@dataclass(slots=True)
class _Tally:
    """Adds up one model's decisions."""

    plan: Compiled
    counts: np.ndarray
    emptied: np.ndarray
    taken: list[_Taken] = field(default_factory=list)

    def take(self, collectors: np.ndarray, rows: np.ndarray, inclusion: np.ndarray) -> None:
        self.taken.append(_Taken(collectors, rows, inclusion))

    def decisions(self, watchers: Watchers) -> ModelDecisions:
        collectors, rows, inclusion = (np.concatenate(column) for column in zip(*self.taken, strict=True)) if self.taken else _NOTHING
        order = np.lexsort((collectors, rows))
        emptied = Emptied(self.plan.slot_collectors, self.plan.slot_nodes, self.emptied)
        collectors, rows = collectors[order].astype(np.int32), rows[order].astype(np.int32)
        return ModelDecisions(watchers, self.counts, emptied, collectors, rows, inclusion[order])


_NOTHING = _Taken(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _decide_model(batch: PredictionBatch, rows: np.ndarray, watchers: Watchers) -> ModelDecisions:
    plan = compiled(watchers)
    counts = np.zeros((len(OUTCOMES), len(watchers.collectors)), np.int64).T  # a column at a time is written
    tally = _Tally(plan, counts, np.zeros(len(plan.slot_nodes), np.int64))
    for version, seen in _versions(batch, rows, plan):
        _decide_version(batch, seen, version, tally)
    return tally.decisions(watchers)


def _versions(batch: PredictionBatch, rows: np.ndarray, plan: Compiled) -> Iterator[tuple[Version, np.ndarray]]:
    """Each version that somebody watches, with its rows; collectors without a version see them all."""
    if "" in plan.versions:
        yield plan.versions[""], rows
    if len(plan.versions) > ("" in plan.versions):
        for name, seen in _by_name(batch.versions, rows):
            if name and name in plan.versions:
                yield plan.versions[name], seen


def _decide_version(batch: PredictionBatch, rows: np.ndarray, version: Version, tally: _Tally) -> None:
    tally.counts[version.inactive, _INACTIVE] = len(rows)
    tally.counts[version.picky, _OTHER_CALLER] = len(rows)
    if "" in version.groups:
        _decide_group(Frame(batch, rows), version.groups[""], tally)
    if len(version.picky):
        for caller, theirs in _by_name(batch.callers, rows):
            if caller and caller in version.groups:
                tally.counts[version.groups[caller].collectors, _OTHER_CALLER] -= len(theirs)
                _decide_group(Frame(batch, theirs), version.groups[caller], tally)


def _decide_group(frame: Frame, group: Group, tally: _Tally) -> None:
    evaluation = Evaluation(frame, tally.plan.subplans)
    columns = Columns(evaluation, tally.plan.columns)
    for bucket in group.buckets:
        _add_chains(bucket, chains.judge(bucket, columns), frame, tally)
    for graph in group.graphs:
        _add_graph(graph, graphs.judge(graph, evaluation, tally.plan.subplans), frame, tally)


def _add_chains(bucket: chains.Bucket, judged: chains.Judged, frame: Frame, tally: _Tally) -> None:
    passed = np.full(len(bucket.collectors), frame.size)
    for slots, lost in zip(bucket.slots, judged.lost, strict=True):
        passed -= lost
        tally.counts[bucket.collectors, _NOT_SAMPLED if slots is None else _WORKFLOW_EMPTY] += lost
        if slots is not None:
            tally.emptied[slots] += lost
    tally.counts[bucket.collectors, tally.plan.outcomes[bucket.collectors]] = passed
    kept = judged.kept
    tally.take(bucket.collectors[kept.chains], frame.rows[kept.rows], bucket.shares[kept.chains])


def _add_graph(graph: graphs.Graph, judged: graphs.Judged, frame: Frame, tally: _Tally) -> None:
    counts = tally.counts[graph.collector]
    counts[tally.plan.outcomes[graph.collector]] = len(judged.rows)
    counts[_NOT_SAMPLED] = judged.not_sampled
    counts[_WORKFLOW_EMPTY] = sum(judged.emptied)
    for (_, slot), emptied in zip(graph.filters, judged.emptied, strict=True):
        tally.emptied[slot] = emptied
    tally.take(np.full(len(judged.rows), graph.collector), frame.rows[judged.rows], judged.inclusion)


def _outside(batch: PredictionBatch) -> np.ndarray:
    """Rows of predictions made outside of workflows."""
    return np.flatnonzero(~batch.in_workflow)


def _by_name(column: Coded, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Some rows by the name that a column has for them, rows ascending."""
    if len(column.names) == 1 and len(rows):
        yield column.names[0], rows
        return
    codes = column.codes[rows]
    order = np.argsort(codes, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(part):
            yield column.names[codes[part[0]]], rows[part]
