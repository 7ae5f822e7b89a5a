"""What happened, as a ledger: what was produced, which states the catalog went through, and what readers saw. Values only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Queued(NamedTuple):
    """A candidate as the second stage has it: its prediction, and when it was queued."""

    prediction: dict[str, Any]
    at_ms: float


Judge = Callable[[Sequence[Queued]], list[str]]


class Place(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Produced:
    """A prediction that was produced.

    Attributes:
        prediction: as a reader of today's schema has it.
        partition: of the source topic.
        offset: there.
        at_ms: when it was produced, by the clock that does not step.
    """

    prediction: dict[str, Any]
    partition: int
    offset: int
    at_ms: float

    @property
    def id(self) -> str:
        return str(self.prediction["id"])


@dataclass(frozen=True)
class CatalogState:
    """The catalog from one write to the next.

    Attributes:
        version: as inputs name it.
        written_ms: when.
        collectors: key → the collector as the oracle reads it.
    """

    version: str
    written_ms: float
    collectors: Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Taken:
    """An input or a candidate that somebody read.

    Attributes:
        place: where it is.
        collector: whose it is.
        prediction: whose id.
        version: of the catalog that it was decided with.
        at_ms: when it was written.
        key: of the record; of an input its id.
    """

    place: Place
    collector: str
    prediction: str
    version: str
    at_ms: float
    key: str = ""


@dataclass(frozen=True)
class History:
    """One run.

    Attributes:
        produced: every prediction in the source topic, each partition's in order.
        catalog: its states, in order.
        committed: inputs and candidates that a read-committed reader finds at the end, each partition's in order.
        aborted: what only a read-uncommitted reader finds.
        queue: the topic of candidates.
        read_live: what read-committed readers were handed while it all happened.
        second: by second-stage collector, outcomes of its candidates in the order of the queue; an outcome ``collected`` is an input.
        counters: collector → outcome → count, as the system counts; None: not looked at.
        stored: app → ids of the inputs that its destination holds; apps without a destination are not in it.
        refused: ids of inputs that a destination refused, by dead letters.
        staleness_ms: how long after a write its predecessor may still be decided with.
    """

    produced: Sequence[Produced]
    catalog: Sequence[CatalogState]
    committed: Sequence[Taken]
    aborted: Sequence[Taken] = ()
    queue: str = "queue"
    read_live: Collection[Place] = ()
    second: Mapping[str, Judge] = field(default_factory=dict)
    counters: Mapping[str, Mapping[str, int]] | None = None
    stored: Mapping[str, Collection[str]] = field(default_factory=dict)
    refused: Collection[str] = ()
    staleness_ms: float = 2_000.0
