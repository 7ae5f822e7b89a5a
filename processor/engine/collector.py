"""What the engine knows of a collector: references resolved, parameters parsed, nothing left to look up.

The catalog makes these; the engine only reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import xxhash

from processor.operators.streaming import Streaming

if TYPE_CHECKING:
    from processor.limits.rules import Duplicates, Quota
    from processor.operators.base import Operator


@dataclass(frozen=True, slots=True)
class Source:
    """Whose calls of which model a collector watches.

    Attributes:
        model: ``user/app/model`` of the watched model.
        version_id: one version; empty: any.
        caller_user_id: one caller; empty: any.
    """

    model: str
    version_id: str = ""
    caller_user_id: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a resolved workflow; ``inputs`` are positions of earlier nodes, none means the prediction's output."""

    id: str
    operator: Operator
    inputs: tuple[int, ...] = ()
    suppressed: bool = False


@dataclass(frozen=True)
class Workflow:
    """A resolved workflow: its nodes, every node after its inputs (document order where that leaves a choice)."""

    nodes: tuple[Node, ...]

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """Positions of the nodes that nobody reads and that are not suppressed."""
        read = {position for node in self.nodes for position in node.inputs}
        return tuple(i for i, node in enumerate(self.nodes) if i not in read and not node.suppressed)


@dataclass(frozen=True, slots=True)
class Served:
    """A model that is asked.

    Attributes:
        user_id, app_id, id: whose and which.
        endpoint: how it is called.
        output_info: JSON text of its parameters, a node's override merged in.
    """

    user_id: str
    app_id: str
    id: str
    endpoint: str
    output_info: str

    @property
    def key(self) -> str:
        """``user/app/id``."""
        return f"{self.user_id}/{self.app_id}/{self.id}"


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a resolved post-queue workflow; ``inputs`` are positions of earlier steps, none means the original input."""

    id: str
    runs: Operator | Served
    inputs: tuple[int, ...] = ()
    suppressed: bool = False

    @property
    def parts(self) -> tuple[Operator | Served, ...]:
        """The operator's parts, or the model."""
        return (self.runs,) if isinstance(self.runs, Served) else self.runs.parts()


@dataclass(frozen=True)
class PostWorkflow:
    """A resolved post-queue workflow: its steps, every step after its inputs."""

    steps: tuple[Step, ...]

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """Positions of the steps that nobody reads and that are not suppressed."""
        read = {position for step in self.steps for position in step.inputs}
        return tuple(i for i, step in enumerate(self.steps) if i not in read and not step.suppressed)

    @cached_property
    def in_parts(self) -> PostWorkflow:
        """The same with a step for each part, so that a draw stands alone."""
        steps: list[Step] = []
        last: list[int] = []
        for step in self.steps:
            inputs = tuple(last[position] for position in step.inputs)
            for part in step.parts:
                steps.append(Step(step.id, part, inputs, step.suppressed))
                inputs = (len(steps) - 1,)
            last.append(len(steps) - 1)
        return PostWorkflow(tuple(steps))

    @cached_property
    def streams(self) -> frozenset[str]:
        """The names of the memories that its streaming samplers have."""
        return frozenset(step.runs.part(step.id) for step in self.in_parts.steps if isinstance(step.runs, Streaming))


@dataclass(frozen=True, slots=True)
class Second:
    """What the second stage does with a collector's candidates.

    Attributes:
        workflow: run on the original input; None: none.
        quota: how many are collected; None: all.
        duplicates: what is left because it was collected before; None: nothing.
        shards: over how many keys of the queue candidates are spread, by the hash of their predictions' ids.
    """

    workflow: PostWorkflow | None = None
    quota: Quota | None = None
    duplicates: Duplicates | None = None
    shards: int = 1

    def shard_of(self, prediction_id: str) -> int:
        """Where a candidate belongs."""
        return xxhash.xxh3_64_intdigest(prediction_id.encode()) % self.shards if self.shards > 1 else 0


@dataclass(frozen=True, slots=True)
class Collector:
    """One collector as the engine sees it.

    Attributes:
        key: ``user/app/collector``.
        source: what it watches.
        inactive_reason: why it collects nothing, for people; empty: it is active.
        random_sample: ``pre_queue_random_sample``, None where it has none.
        workflow: the pre-queue workflow, None where it has none.
        second: what passes goes to the queue instead of the inputs topic, and what is done with it there; None: nothing. An
            inactive collector has it only when nothing but its used up quota makes it so.
        collect_outputs: the prediction's concepts and regions ride along.
        tags: words that its inputs are marked with.
        dataset_ids: datasets of the app that its inputs are put into.
    """

    key: str
    source: Source
    inactive_reason: str = ""
    random_sample: float | None = None
    workflow: Workflow | None = None
    second: Second | None = None
    collect_outputs: bool = False
    tags: tuple[str, ...] = ()
    dataset_ids: tuple[str, ...] = ()

    @property
    def second_stage(self) -> bool:
        """Whether what passes goes to the queue."""
        return self.second is not None


NO_SOURCE = Source("")
"""Of a collector that is no more."""


@dataclass(frozen=True)
class Watchers:
    """All collectors of one source model, whatever the version and caller: the unit that a batch is matched against.

    The catalog makes a new one whenever one of them changes, so whatever the engine derives from it may be kept on it.
    """

    model: str
    collectors: tuple[Collector, ...]
