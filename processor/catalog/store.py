"""The catalog: the join table in memory. Pure: changes in, collectors resolved, nothing read or written.

Each resolution remembers all it looked up, found or not; a change resolves again only what looked at the changed record.
So the order in which records come does not matter, and a change costs what depends on it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from processor.catalog.changes import Change
from processor.catalog.dependencies import Dependencies
from processor.catalog.records import Collector, Kind
from processor.catalog.resolve import (
    ResolvedWorkflow,
    Wanted,
    active,
    is_plain,
    resolve_collector,
    resolve_surroundings,
    resolve_workflow,
)
from processor.engine.collector import Watchers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from processor.catalog.records import App, Key, KnowledgeGraph, Model, Record, Ref, SpentQuota, Workflow
    from processor.catalog.resolve import Obstacle, Surroundings
    from processor.engine import collector as engine

if TYPE_CHECKING:
    Move = tuple[engine.Collector | None, engine.Collector | None]
    Moves = dict[str, Move]
    """Collector key -> how it was resolved before and is now; None: it did not, or does not, exist."""

# Collectors with equal wishes have equal `Wanted`, which takes longer to make and to compare.
_wish = attrgetter(*(name for name in Wanted._fields if name != "is_sampled"), "pre_queue_random_sample")
RESOLVED = "resolved workflow"
SURROUNDINGS = "surroundings"
TOPIC = "inputs topic"


@dataclass(slots=True)
class _Tables:
    """What is written and known, and what was worked out on the way."""

    plans: frozenset[str]
    records: dict[Ref, Record] = field(default_factory=dict)
    topics: frozenset[str] | None = None
    workflows: dict[str, ResolvedWorkflow | None] = field(default_factory=dict)
    surroundings: dict[Wanted, tuple[Ref, Surroundings]] = field(default_factory=dict)
    dependencies: Dependencies = field(default_factory=Dependencies)

    def remember(self, user: Ref, used: set[Ref]) -> None:
        """Note what a user looked at; what was worked out for users that are no more is forgotten."""
        for ref in self.dependencies.remember(user, used):
            if self.forget(ref):
                self.remember(ref, set())

    def forget(self, ref: Ref) -> bool:
        """Whether something was worked out under this ref; it no longer is."""
        kind, key = ref
        if kind == RESOLVED:
            self.workflows.pop(key, None)
        elif kind == SURROUNDINGS:
            self.surroundings.pop(key, None)
        else:
            return False
        return True


class Catalog:
    """Everything that was written, and what it comes to.

    Args:
        plans: the plans that include collectors.

    Attributes:
        version: the newest changeset applied.
    """

    def __init__(self, plans: Collection[str]) -> None:
        self.version = ""
        self._watchers: dict[str, Watchers] = {}
        self._stale: set[str] = set()
        self._tables = _Tables(frozenset(plans))
        self._is_loading = False
        self._collectors: dict[str, engine.Collector] = {}
        self._obstacles: dict[str, tuple[Obstacle, ...]] = {}
        self._of_model: dict[str, dict[str, engine.Collector]] = {}

    @property
    def watchers(self) -> dict[str, Watchers]:
        """Source model -> its collectors; a new object only when one of them changed.

        Made when somebody asks: thousands of collectors of one model are not put in order for every write that is only supposed.
        """
        for model in self._stale:
            if members := self._of_model.get(model):
                self._watchers[model] = Watchers(model, tuple(members[key] for key in sorted(members)))
            else:
                self._watchers.pop(model, None)
        self._stale.clear()
        return self._watchers

    def apply(self, changes: Sequence[Change]) -> Moves:
        """Take changes, the last one of a document last; resolve again what depends on them.

        Returns:
            The collectors that are different now.
        """
        records = self._tables.records
        changed: set[Ref] = set()
        for change in changes:
            ref: Ref = (change.kind, change.key)
            changed.add(ref)
            if change.record is None:
                records.pop(ref, None)
            else:
                records[ref] = change.record
        self.version = max([self.version, *(change.changeset for change in changes)])
        return {} if self._is_loading else self._refresh(changed)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """A first load, in as many calls of `apply` as it takes: everything is resolved once, when the block ends."""
        self._is_loading = True
        try:
            yield
        finally:
            self._is_loading = False
            for alike in self._alike():
                self._resolve_alike(alike)
            self._stale |= self._of_model.keys()

    def set_topics(self, existing: frozenset[str]) -> None:
        """Say which inputs topics (names without prefix) can be written to; until then all are taken to exist."""
        before = self._tables.topics
        if before is None:
            before = frozenset(self._tables.dependencies.looked_at(TOPIC))
        self._tables.topics = existing
        self._refresh({(TOPIC, name) for name in before ^ existing})

    @contextmanager
    def supposing(self, changes: Sequence[Change]) -> Iterator[Moves]:
        """The catalog as it would be with these changes, and then again as it was; yields what would be different."""
        version = self.version
        undo = [Change(change.kind, change.key, self.get(change.kind, change.key)) for change in changes]
        moves = self.apply(changes)
        try:
            yield moves
        finally:
            self.apply(undo)
            self.version = version

    def get(self, kind: Kind, key: str) -> Record | None:
        """One record as it was written."""
        return self._tables.records.get((kind, key))

    def records(self, kind: Kind) -> list[tuple[str, Record]]:
        """All records of a kind, by key."""
        found = [(key, record) for (of, key), record in self._tables.records.items() if of == kind]
        return sorted(found, key=lambda pair: pair[0])

    def collector_states(self) -> Iterator[tuple[str, bool, str]]:
        """(key, active, reason why not) of every collector."""
        return ((key, not collector.inactive_reason, collector.inactive_reason) for key, collector in self._collectors.items())

    def collector(self, key: str) -> engine.Collector | None:
        """A collector as the engine sees it; None: there is no such collector."""
        return self._collectors.get(key)

    def collectors_by_state(self) -> tuple[int, int]:
        """How many are active, how many inactive."""
        return len(self._collectors) - len(self._obstacles), len(self._obstacles)

    def obstacles(self, key: str) -> tuple[Obstacle, ...]:
        """All that keeps a collector inactive."""
        return self._obstacles.get(key, ())

    def workflow(self, key: str) -> ResolvedWorkflow | None:
        """A workflow with its models, whether or not a collector runs it; None: there is no such workflow."""
        return self._tables.workflows.get(key) or _Looking(self._tables).resolve(key)

    def _refresh(self, changed: set[Ref]) -> Moves:
        moves = {ref[1]: move for ref in self._concerned(changed) if (move := self._resolve(ref)) is not None}
        for model in {collector.source.model for move in moves.values() for collector in move if collector is not None}:
            self._stale.add(model)
            if not self._of_model[model]:
                del self._of_model[model]
        return moves

    def _concerned(self, changed: set[Ref]) -> list[Ref]:
        """The collectors to resolve again; what was worked out in between is forgotten on the way."""
        reached, ahead = set(changed), list(changed)
        while ahead:
            ref = ahead.pop()
            self._tables.forget(ref)
            new = self._tables.dependencies.users(ref) - reached
            reached |= new
            ahead.extend(new)
        return [ref for ref in reached if ref[0] == Kind.COLLECTOR]

    def _resolve(self, ref: Ref) -> Move | None:
        """Resolve one collector; None when it is as it was."""
        key = ref[1]
        record = self._tables.records.get(ref)
        looking = _Looking(self._tables)
        before = self._collectors.pop(key, None)
        after: engine.Collector | None = None
        obstacles: tuple[Obstacle, ...] = ()
        if record is not None:
            after, obstacles = resolve_collector(cast("Collector", record), looking)
            self._collectors[after.key] = after
        self._obstacles.pop(key, None)
        if obstacles:
            self._obstacles[key] = obstacles
        self._tables.remember(ref, looking.seen)
        return None if before == after else self._moved(before, after)

    def _alike(self) -> Iterable[list[tuple[Ref, Collector]]]:
        """All collectors, by what they want."""
        groups: dict[tuple[object, ...], list[tuple[Ref, Collector]]] = {}
        for ref, record in self._tables.records.items():
            if ref[0] == Kind.COLLECTOR:
                collector = cast("Collector", record)
                groups.setdefault(_wish(collector), []).append((ref, collector))
        return groups.values()

    def _resolve_alike(self, alike: list[tuple[Ref, Collector]]) -> None:
        """Resolve collectors that want the same, in a third of the time that each would take by itself; none was resolved before."""
        looking = _Looking(self._tables)
        around = looking.surroundings(Wanted.by(alike[0][1]))
        plain = [] if around.obstacles else [(ref, collector) for ref, collector in alike if is_plain(collector)]
        keys = [key for (_, key), _ in plain]
        resolved = dict(zip(keys, active(keys, [collector for _, collector in plain], around), strict=True))
        if resolved:
            self._collectors |= resolved
            self._of_model.setdefault(around.source.model, {}).update(resolved)
            self._tables.dependencies.remember_new([ref for ref, _ in plain], tuple(looking.seen))
        for ref, _ in alike:
            if ref[1] not in resolved:
                self._resolve(ref)

    def _moved(self, before: engine.Collector | None, after: engine.Collector | None) -> Move:
        if before is not None:
            del self._of_model[before.source.model][before.key]
        if after is not None:
            self._of_model.setdefault(after.source.model, {})[after.key] = after
        return before, after


class _Looking:
    """Lookups in the tables, remembered."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self.seen: set[Ref] = set()

    def _record(self, kind: Kind, key: str) -> Record | None:
        self.seen.add((kind, key))
        return self._tables.records.get((kind, key))

    def app(self, key: str) -> App | None:
        return cast("App | None", self._record(Kind.APP, key))

    def key(self, key: str) -> Key | None:
        return cast("Key | None", self._record(Kind.KEY, key))

    def model(self, key: str) -> Model | None:
        return cast("Model | None", self._record(Kind.MODEL, key))

    def workflow(self, key: str) -> Workflow | None:
        return cast("Workflow | None", self._record(Kind.WORKFLOW, key))

    def knowledge_graph(self, key: str) -> KnowledgeGraph | None:
        return cast("KnowledgeGraph | None", self._record(Kind.KNOWLEDGE_GRAPH, key))

    def spent_quota(self, key: str) -> SpentQuota | None:
        return cast("SpentQuota | None", self._record(Kind.SPENT_QUOTA, key))

    def resolved(self, key: str) -> ResolvedWorkflow | None:
        self.seen.add((RESOLVED, key))
        if key not in self._tables.workflows:
            looking = _Looking(self._tables)
            self._tables.workflows[key] = looking.resolve(key)
            self._tables.remember((RESOLVED, key), looking.seen)
        return self._tables.workflows[key]

    def surroundings(self, wanted: Wanted) -> Surroundings:
        known = self._tables.surroundings.get(wanted)
        if known is None:
            looking = _Looking(self._tables)
            # One ref for all who share it: each of them remembers it.
            known = self._tables.surroundings[wanted] = (SURROUNDINGS, wanted), resolve_surroundings(wanted, looking, self._tables.plans)
            self._tables.remember(known[0], looking.seen)
        self.seen.add(known[0])
        return known[1]

    def resolve(self, key: str) -> ResolvedWorkflow | None:
        workflow = self.workflow(key)
        return resolve_workflow(workflow, self) if workflow is not None else None

    def topic_exists(self, name: str) -> bool:
        self.seen.add((TOPIC, name))
        return self._tables.topics is None or name in self._tables.topics
