"""What the engine knows of a collector: references resolved, parameters parsed, nothing left to look up.

The catalog makes these; the engine only reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
class Collector:
    """One collector as the engine sees it.

    Attributes:
        key: ``user/app/collector``.
        source: what it watches.
        inactive_reason: why it collects nothing, for people; empty: it is active.
        random_sample: ``pre_queue_random_sample``, None where it has none.
        workflow: the pre-queue workflow, None where it has none.
        second_stage: what passes goes to the queue instead of the inputs topic.
        collect_outputs: the prediction's concepts and regions ride along.
    """

    key: str
    source: Source
    inactive_reason: str = ""
    random_sample: float | None = None
    workflow: Workflow | None = None
    second_stage: bool = False
    collect_outputs: bool = False


@dataclass(frozen=True)
class Watchers:
    """All collectors of one source model, whatever the version and caller: the unit that a batch is matched against.

    The catalog makes a new one whenever one of them changes, so whatever the engine derives from it may be kept on it.
    """

    model: str
    collectors: tuple[Collector, ...]
