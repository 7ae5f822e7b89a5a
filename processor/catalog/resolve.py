"""References to what they stand for: collector -> workflow -> models -> knowledge graphs, app, key, source model, inputs topic.

Pure. Whatever is looked up goes through `Lookups`, which remembers it, found or not: that is how the catalog knows whom
a later record concerns.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from processor.catalog.chain import chain_problems
from processor.catalog.graph import GraphNode, running_order
from processor.catalog.limits import beyond_limits, beyond_post_queue_limits, relations_of
from processor.catalog.records import made_of
from processor.catalog.rules import WORKFLOW_INVALID
from processor.catalog.values import json_object, json_text
from processor.engine import collector as engine
from processor.operators import OPERATORS, OperatorProblems, merge_output_info, parse_operator
from processor.resources import INVALID_REQUEST, PAUSED, POST_INPUTS, POST_INPUTS_SCOPES
from processor.topics.names import inputs_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from processor.catalog.records import App, Collector, Key, KnowledgeGraph, Model, SpentQuota, Workflow, WorkflowNode
    from processor.operators.base import Operator, Relation

APP_PLAN = 11000
KEY_SCOPES = 11007
KEY_MISSING = 11009
MODEL_MISSING = 21200
MODEL_DENIED = 21201
WORKFLOW_MISSING = 22102
PAUSED_CODE = 52002
NOT_POSTABLE = 52003

TOTAL = "quota.total"
VERSIONS_SHOWN = 10
PUBLIC_APP = ("clarifai", "main")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps a collector, or a workflow, from running.

    Attributes:
        message: for people.
        code: the contract's status code.
        path: the field of the document, as in a `Problem`.
        refused: wrong in itself, whatever is written later: a write of the document is refused, not warned about.
    """

    message: str
    code: int
    path: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedWorkflow:
    """A workflow with its models.

    Attributes:
        nodes: in running order; empty where something is missing or a model is served elsewhere.
        obstacles: what is missing or does not fit.
        served: (node id, model key, model type, path) of models that are no operators.
        steps: as the second stage runs them; empty where something is missing.
    """

    nodes: tuple[engine.Node, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    served: tuple[tuple[str, str, str, str], ...] = ()
    steps: tuple[engine.Step, ...] = ()


class KeyLookup(Protocol):
    """Where keys are looked up."""

    def key(self, key: str) -> Key | None:
        """The key ``user/app/id``."""


class Lookups(KeyLookup, Protocol):
    """Where records are looked up; every look is remembered."""

    def app(self, key: str) -> App | None:
        """The app ``user/app``."""

    def model(self, key: str) -> Model | None:
        """The model ``user/app/id``."""

    def workflow(self, key: str) -> Workflow | None:
        """The workflow ``user/app/id`` as it was written."""

    def knowledge_graph(self, key: str) -> KnowledgeGraph | None:
        """The knowledge graph ``user/app/id``."""

    def spent_quota(self, key: str) -> SpentQuota | None:
        """What the second stage said of the quota of collector ``user/app/id``."""

    def resolved(self, key: str) -> ResolvedWorkflow | None:
        """The workflow ``user/app/id`` with its models; None: there is no such workflow."""

    def surroundings(self, wanted: Wanted) -> Surroundings:
        """What collectors that want this meet."""

    def topic_exists(self, name: str) -> bool:
        """Whether an inputs topic (without prefix) is there; True as long as nobody has looked."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a collector meets that many others meet too: its app, key, source model, workflows and inputs topic.

    Attributes:
        source: what it watches.
        obstacles: what is missing or does not fit.
        workflow: its pre-queue workflow; None where it has none, or an obstacle.
        steps: its post-queue workflow, as above.
    """

    source: engine.Source
    obstacles: tuple[Obstacle, ...] = ()
    workflow: engine.Workflow | None = None
    steps: engine.PostWorkflow | None = None


class Wanted(NamedTuple):
    """What decides a collector's surroundings; collectors that want the same share them."""

    user_id: str
    app_id: str
    model_user_id: str
    model_app_id: str
    model_id: str
    model_version_id: str
    caller_user_id: str
    post_inputs_key_id: str
    pre_queue_workflow_id: str
    is_sampled: bool
    post_queue_workflow_id: str

    @classmethod
    def by(cls, collector: Collector) -> Wanted:
        """What a collector wants."""
        return cls(
            collector.user_id,
            collector.app_id,
            collector.model_user_id,
            collector.model_app_id,
            collector.model_id,
            collector.model_version_id,
            collector.caller_user_id,
            collector.post_inputs_key_id,
            collector.pre_queue_workflow_id,
            collector.pre_queue_random_sample is not None,
            collector.post_queue_workflow_id,
        )


def resolve_collector(collector: Collector, look: Lookups) -> tuple[engine.Collector, tuple[Obstacle, ...]]:
    """The collector as the engine sees it, and everything that makes it inactive."""
    around = look.surroundings(Wanted.by(collector))
    obstacles = (*_own_obstacles(collector, look), *around.obstacles)
    key = _own(collector, collector.id)
    if obstacles:
        reason = "; ".join(obstacle.message for obstacle in obstacles)
        # Whose quota is used up goes on being told what comes too late from what was there before.
        second = _second(collector, around) if all(obstacle.path == TOTAL for obstacle in obstacles) else None
        return engine.Collector(key, around.source, inactive_reason=reason, second=second), obstacles
    return active([key], [collector], around)[0], ()


def is_plain(collector: Collector) -> bool:
    """Whether its surroundings alone say if it is active."""
    return not collector.paused and collector.quota is None


def active(keys: Sequence[str], collectors: Sequence[Collector], around: Surroundings) -> list[engine.Collector]:
    """Collectors that meet the same, and that nothing keeps inactive, as the engine sees them."""
    columns: dict[str, Iterable[object]] = {
        "key": keys,
        "source": repeat(around.source),
        "inactive_reason": repeat(""),
        "random_sample": [collector.pre_queue_random_sample for collector in collectors],
        "workflow": repeat(around.workflow),
        "second": [_second(collector, around) for collector in collectors],
    }
    columns |= {name: map(attrgetter(name), collectors) for name in ("collect_outputs", "tags", "dataset_ids")}
    return made_of(engine.Collector, len(keys), columns)


def resolve_surroundings(wanted: Wanted, look: Lookups, plans: Collection[str]) -> Surroundings:
    """What a collector that wants this meets."""
    source = engine.Source(
        f"{wanted.model_user_id}/{wanted.model_app_id}/{wanted.model_id}", wanted.model_version_id, wanted.caller_user_id
    )
    if obstacles := tuple(_obstacles(wanted, look, plans)):
        return Surroundings(source, obstacles)
    before = look.resolved(_own(wanted, wanted.pre_queue_workflow_id)) if wanted.pre_queue_workflow_id else None
    after = look.resolved(_own(wanted, wanted.post_queue_workflow_id)) if wanted.post_queue_workflow_id else None
    return Surroundings(source, (), engine.Workflow(before.nodes) if before else None, engine.PostWorkflow(after.steps) if after else None)


def _second(collector: Collector, around: Surroundings) -> engine.Second | None:
    """What the second stage is to do; None where the first one is all there is."""
    if not (collector.post_queue_workflow_id or collector.quota or collector.duplicates):
        return None
    return engine.Second(around.steps, collector.quota, collector.duplicates, collector.queue_shards)


def _own(owner: Collector | Wanted, own_id: str) -> str:
    return f"{owner.user_id}/{owner.app_id}/{own_id}"


def _own_obstacles(collector: Collector, look: Lookups) -> Iterator[Obstacle]:
    if collector.paused:
        yield Obstacle(PAUSED, PAUSED_CODE, "status")
    yield from _spent_quota(collector, look)


def _obstacles(collector: Wanted, look: Lookups, plans: Collection[str]) -> Iterator[Obstacle]:
    yield from _app(collector, look, plans)
    yield from _source(collector, look)
    yield from _post_inputs_key(collector, look)
    yield from _pre_queue(collector, look)
    yield from _post_queue(collector, look)
    if not look.topic_exists(name := inputs_topic(collector.user_id, collector.app_id)):
        yield Obstacle(f"inputs topic {name} does not exist: apply the collector again, which creates it", NOT_POSTABLE, "app_id")


def _spent_quota(collector: Collector, look: Lookups) -> Iterator[Obstacle]:
    total = collector.quota.total if collector.quota else None
    spent = look.spent_quota(_own(collector, collector.id)) if total is not None else None
    if total is not None and spent is not None and spent.total >= total:
        yield Obstacle(f"its quota of {total} inputs in total is used up: raise quota.total", PAUSED_CODE, TOTAL)


def _app(collector: Wanted, look: Lookups, plans: Collection[str]) -> Iterator[Obstacle]:
    name = f"{collector.user_id}/{collector.app_id}"
    app = look.app(name)
    if app is None:
        yield Obstacle(f"app {name} does not exist", INVALID_REQUEST, "app_id")
    elif app.plan not in plans:
        what = f"plan {app.plan} does not include collectors" if app.plan else f"app {name} has no plan"
        yield Obstacle(f"{what}; these do: {', '.join(sorted(plans))}", APP_PLAN, "app_id")


def _source(collector: Wanted, look: Lookups) -> Iterator[Obstacle]:
    path = "collector_source.api_post_model_outputs_collector_source.model_id"
    user, app = collector.model_user_id, collector.model_app_id
    name = f"{user}/{app}/{collector.model_id}"
    if (user, app) == PUBLIC_APP:
        return
    model = look.model(name)
    if model is None:
        yield Obstacle(f"model {name} does not exist", MODEL_MISSING, path)
    elif model.visibility != "PUBLIC" and user != collector.user_id:
        owner = look.app(f"{user}/{app}")
        if owner is None or collector.user_id not in owner.collaborators:
            yield Obstacle(f"model {name} is private, and {collector.user_id} is no collaborator of app {user}/{app}", MODEL_DENIED, path)


def post_inputs_key(collector: Collector | Wanted, look: KeyLookup) -> Key | None:
    """The key a collector posts with: the app's own, else its owner's personal access token."""
    own = look.key(_own(collector, collector.post_inputs_key_id))
    return own or look.key(f"{collector.user_id}//{collector.post_inputs_key_id}")


def _post_inputs_key(collector: Wanted, look: Lookups) -> Iterator[Obstacle]:
    path = "collector_source.api_post_model_outputs_collector_source.post_inputs_key_id"
    key = post_inputs_key(collector, look)
    name = _own(collector, collector.post_inputs_key_id)
    if key is None:
        yield Obstacle(f"key {name} does not exist: create it with `collectors keys create`", KEY_MISSING, path)
    elif missing := missing_scopes(key.scopes):
        yield Obstacle(f"key {key.user_id}/{key.app_id}/{key.id} lacks scopes {', '.join(missing)}", KEY_SCOPES, path)


def missing_scopes(scopes: Collection[str]) -> list[str]:
    """What a key lacks to post inputs."""
    return [] if POST_INPUTS in scopes else [scope for scope in POST_INPUTS_SCOPES if scope not in scopes]


def _pre_queue(collector: Wanted, look: Lookups) -> Iterator[Obstacle]:
    if not collector.pre_queue_workflow_id:
        return
    path = "pre_queue_workflow_id"
    name = _own(collector, collector.pre_queue_workflow_id)
    workflow = look.resolved(name)
    yield from _within(name, workflow, path)
    for node, model, model_type, _ in workflow.served if workflow else ():
        message = f"workflow {name}: node {node} runs model {model} of type {model_type}, which is served elsewhere; {OPERATORS_ONLY}"
        yield Obstacle(message, WORKFLOW_INVALID, path, refused=True)
    if workflow and workflow.nodes and (message := beyond_limits(engine.Workflow(workflow.nodes), sampled_before=collector.is_sampled)):
        yield Obstacle(f"workflow {name}: {message}", WORKFLOW_INVALID, path, refused=True)


QUICK = sorted(name for name, operator in OPERATORS.items() if operator.before_queue)
OPERATORS_ONLY = f"a pre-queue workflow may hold only {', '.join(QUICK)}: move the model to a post-queue workflow"


def _post_queue(collector: Wanted, look: Lookups) -> Iterator[Obstacle]:
    if collector.post_queue_workflow_id:
        name = _own(collector, collector.post_queue_workflow_id)
        workflow, path = look.resolved(name), "post_queue_workflow_id"
        yield from _within(name, workflow, path)
        if workflow and workflow.steps and (message := beyond_post_queue_limits(engine.PostWorkflow(workflow.steps))):
            yield Obstacle(f"workflow {name}: {message}", WORKFLOW_INVALID, path, refused=True)


def _within(name: str, workflow: ResolvedWorkflow | None, path: str) -> Iterator[Obstacle]:
    if workflow is None:
        yield Obstacle(f"workflow {name} does not exist", WORKFLOW_MISSING, path)
    else:
        yield from (Obstacle(f"workflow {name}: {found.message}", found.code, path) for found in workflow.obstacles)


def resolve_workflow(workflow: Workflow, look: Lookups) -> ResolvedWorkflow:
    """The workflow with its models looked up and their parameters parsed."""
    nodes = [_Node(workflow, position, look) for position in range(len(workflow.nodes))]
    obstacles = [obstacle for node in nodes for obstacle in node.obstacles]
    served = tuple(node.served for node in nodes if node.served)
    operators = {node.id: node.operator for node in nodes if node.operator}
    graph = [GraphNode(node.id, node.inputs, node.suppress_output) for node in workflow.nodes]
    chained = [Obstacle(message, WORKFLOW_INVALID, path, refused=True) for path, message in chain_problems(graph, operators)]
    if obstacles or chained:
        return ResolvedWorkflow((), (*obstacles, *chained), served)
    steps = _steps(graph, {node.id: node.operator or node.asked for node in nodes})
    return ResolvedWorkflow(() if served else _in_order(graph, operators), (), served, steps)


def _steps(graph: list[GraphNode], runs: Mapping[str, Operator | engine.Served | None]) -> tuple[engine.Step, ...]:
    order = [graph[position] for position in running_order(graph)]
    position = {node.id: i for i, node in enumerate(order)}
    return tuple(
        engine.Step(node.id, found, tuple(dict.fromkeys(position[name] for name in node.inputs)), node.suppressed)
        for node in order
        if (found := runs[node.id]) is not None
    )


def _in_order(graph: list[GraphNode], operators: dict[str, Operator]) -> tuple[engine.Node, ...]:
    order = [graph[position] for position in running_order(graph)]
    position = {node.id: i for i, node in enumerate(order)}
    return tuple(
        engine.Node(node.id, operators[node.id], tuple(dict.fromkeys(position[name] for name in node.inputs)), node.suppressed)
        for node in order
    )


class _Node:
    """One node with its model: an operator, or the name of one served elsewhere, or obstacles."""

    def __init__(self, workflow: Workflow, position: int, look: Lookups) -> None:
        node = workflow.nodes[position]
        self.id = node.id
        self.operator: Operator | None = None
        self.served: tuple[str, str, str, str] | None = None
        self.asked: engine.Served | None = None
        self.obstacles: list[Obstacle] = []
        self._path = f"nodes[{position}]"
        self._look = look
        name = f"{node.model_user_id or workflow.user_id}/{node.model_app_id or workflow.app_id}/{node.model_id}"
        model = look.model(name)
        if model is None:
            self._note(f"model {name} does not exist", MODEL_MISSING, "model.id")
        elif model.output_info_of(node.model_version_id) is None:
            there = [*(version.id for version in model.versions), model.model_version_id]
            known = f"it has {', '.join(filter(None, there[-VERSIONS_SHOWN:]))}" if any(there) else "it names no version"
            self._note(f"model {name} has no version {node.model_version_id}: {known}", MODEL_MISSING, "model.model_version.id")
        elif model.model_type_id in OPERATORS:
            self._parse(name, model, node)
        else:
            self.served = (node.id, name, model.model_type_id, f"{self._path}.model.id")
            version = json_object(model.output_info_of(node.model_version_id))
            output_info = json_text(merge_output_info(version, json_object(node.output_info_override))) or ""
            self.asked = engine.Served(model.user_id, model.app_id, model.id, model.endpoint, output_info)

    def _parse(self, name: str, model: Model, node: WorkflowNode) -> None:
        missing: list[str] = []
        override = json_object(node.output_info_override)
        output_info = merge_output_info(json_object(model.output_info_of(node.model_version_id)), override)
        try:
            self.operator = parse_operator(model.model_type_id, output_info, self._graphs(model, missing))
        except OperatorProblems as error:
            problems = error.problems
        else:
            problems = []
        for graph in missing:
            self.operator = None
            self._note(f"knowledge graph {graph} does not exist", INVALID_REQUEST, "model.id")
        for path, message in problems:
            where = "output_info_override" if override else "model.id"
            self._note(f"model {name}: {path}: {message}", WORKFLOW_INVALID, where, refused=bool(override))

    def _graphs(self, model: Model, missing: list[str]) -> Callable[[str], tuple[Relation, ...] | None]:
        def relations(graph_id: str) -> tuple[Relation, ...]:
            name = f"{model.user_id}/{model.app_id}/{graph_id}"
            graph = self._look.knowledge_graph(name)
            if graph is None:
                missing.append(name)
                return ()
            return relations_of(graph)

        return relations

    def _note(self, message: str, code: int, path: str, *, refused: bool = False) -> None:
        self.obstacles.append(Obstacle(f"node {self.id}: {message}", code, f"{self._path}.{path}", refused))
