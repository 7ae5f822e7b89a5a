"""Documents against the catalog: what a write would change, what forbids it, what it would leave unresolved. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from processor.catalog.changes import Change
from processor.catalog.limits import graph_problem
from processor.catalog.records import Collector, Kind, KnowledgeGraph
from processor.catalog.resolve import PAUSED_CODE, Obstacle
from processor.catalog.values import from_document
from processor.errors import Problem
from processor.resources import INVALID_REQUEST
from processor.resources import Collector as CollectorDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.catalog.records import Record
    from processor.catalog.store import Catalog, Moves
    from processor.documents import Located
    from processor.resources import AnyDocument


class Result(StrEnum):
    """What a write does to one document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Planned:
    """One document of a call."""

    where: str
    kind: Kind
    key: str
    result: Result
    record: Record


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call would do.

    Attributes:
        documents: each of them, in order.
        problems: what forbids the call; with one, nothing is written.
        warnings: what does not resolve yet, and collectors that would stop.
    """

    documents: tuple[Planned, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """What is to be written: nothing for a document that is as it was."""
        return [Change(each.kind, each.key, each.record) for each in self.documents if each.result is not Result.UNCHANGED]

    @property
    def apps(self) -> set[tuple[str, str]]:
        """(user, app) of every collector in the call; changed or not, its inputs topic is to exist."""
        return {(each.record.user_id, each.record.app_id) for each in self.documents if isinstance(each.record, Collector)}


def plan_write(catalog: Catalog, located: Sequence[Located], now: str) -> Plan:
    """Plan the write of documents.

    Args:
        catalog: as it is; the same afterwards.
        located: at most one of each document.
        now: the time of the write, RFC 3339.
    """
    documents = tuple(_planned(catalog, each, now) for each in located)
    in_call = {each.key for each in documents if each.kind is Kind.COLLECTOR}
    planned = Plan(documents)
    with catalog.supposing(planned.changes) as moves:
        found = [(each, obstacle) for each in documents for obstacle in _obstacles(catalog, each)]
        others = {key for key in moves if key not in in_call}
        broken = [(each, obstacle) for each in documents if each.kind is Kind.WORKFLOW for obstacle in _as_pre_queue(catalog, each, others)]
    problems = [_problem(*pair) for pair in [*found, *broken] if pair[1].refused]
    warnings = [_problem(*pair) for pair in found if not pair[1].refused and pair[1].code != PAUSED_CODE]
    return replace(planned, problems=tuple(problems), warnings=(*warnings, *stopped(moves, in_call)))


def plan_delete(catalog: Catalog, kind: Kind, key: str) -> tuple[Change, tuple[Problem, ...]]:
    """The change that deletes a document, and the collectors that stop with it."""
    change = Change(kind, key, None)
    with catalog.supposing([change]) as moves:
        return change, stopped(moves, {key} if kind is Kind.COLLECTOR else set())


def stopped(moves: Moves, except_for: set[str]) -> tuple[Problem, ...]:
    """A warning for each collector that was active and no longer is."""
    gone = [
        (key, after.inactive_reason)
        for key, (before, after) in sorted(moves.items())
        if key not in except_for and before is not None and after is not None and after.inactive_reason and not before.inactive_reason
    ]
    return tuple(Problem(f"Collector {key}", "", f"becomes INACTIVE: {reason}") for key, reason in gone)


def _planned(catalog: Catalog, located: Located, now: str) -> Planned:
    document = located.document
    kind = Kind(document.kind)
    stored = catalog.get(kind, document.key)
    record = _kept(from_document(document), stored, document, now)
    result = Result.CREATED if stored is None else Result.UNCHANGED if stored == record else Result.CHANGED
    return Planned(located.where, kind, document.key, result, record)


def _kept(record: Record, stored: Record | None, document: AnyDocument, now: str) -> Record:
    """With what only the catalog knows: the time of the first write, and a pause that the document says nothing about."""
    record = replace(record, created_at=stored.created_at if stored is not None else now)
    if isinstance(record, Collector) and isinstance(document, CollectorDocument):
        paused = document.pause if document.pause is not None else isinstance(stored, Collector) and stored.paused
        record = replace(record, paused=paused)
    return record


def _obstacles(catalog: Catalog, planned: Planned) -> tuple[Obstacle, ...]:
    if planned.kind is Kind.COLLECTOR:
        return catalog.obstacles(planned.key)
    if isinstance(planned.record, KnowledgeGraph) and (message := graph_problem(planned.record)):
        return (Obstacle(message, INVALID_REQUEST, "concept_relations", refused=True),)
    workflow = catalog.workflow(planned.key) if planned.kind is Kind.WORKFLOW else None
    return workflow.obstacles if workflow else ()


def _as_pre_queue(catalog: Catalog, planned: Planned, collectors: set[str]) -> Iterator[Obstacle]:
    """What makes a workflow unfit for collectors that already run it before the queue."""
    for key in sorted(collectors):
        collector = catalog.get(Kind.COLLECTOR, key)
        if isinstance(collector, Collector) and f"{collector.user_id}/{collector.app_id}/{collector.pre_queue_workflow_id}" == planned.key:
            refused = [each for each in catalog.obstacles(key) if each.refused]
            yield from (
                replace(each, message=f"collector {key} runs it before the queue: {each.message}", path="nodes") for each in refused
            )


def _problem(planned: Planned, obstacle: Obstacle) -> Problem:
    return Problem(planned.where, obstacle.path, obstacle.message, obstacle.code)
