"""Bringing the state of partitions back after an assignment, and knowing that it is whole.

The order matters: offsets first, from a client that waits for transactions being committed; then the changelog's end as the log has
it, not its last stable offset; then the records up to there. Commit markers reach the offsets and the changelog independently of one
another, so the two are compared by the checkpoint that every transaction writes, and read again until they agree.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from processor.codec.bad import BadRecordError
from processor.codec.records import Encoder, decode
from processor.errors import FixCluster, RestartProcess
from processor.kafka.committed import committed
from processor.kafka.reader import TopicReader
from processor.kafka.writer import Outgoing
from processor.topics.names import prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from processor.codec.registry import Schemas
    from processor.kafka.reader import Record
    from processor.settings import Settings

log = logging.getLogger("collectors.restore")

State_co = TypeVar("State_co", covariant=True)


class Block(Protocol):
    """One record of a changelog, before it is encoded."""

    @property
    def partition(self) -> int:
        """The source partition that it is of."""

    @property
    def key(self) -> bytes:
        """The newest record of each key is the state."""

    def as_dict(self) -> dict[str, Any] | None:
        """Fields as in the schema; None: what the key held is no more."""


class Restoration(Protocol[State_co]):
    """Puts the records of a changelog together again."""

    @property
    def checkpoints(self) -> Mapping[int, int]:
        """Partition → the offset that its state goes up to."""

    def add(self, record: Mapping[str, Any]) -> None:
        """Take one decoded record, the newest of its key."""

    def state(self, partition: int) -> State_co:
        """The state of one partition as the changelog has it."""


@dataclass(frozen=True, slots=True)
class Changelog:
    """Where a stage's state is kept.

    Attributes:
        stage: whose state.
        topic: without the prefix.
        schema: of its records.
        partitions: how many the topic has.
        group, source: whose offsets in which topic the state goes with, prefixes included.
    """

    stage: str
    topic: str
    schema: str
    partitions: int
    group: str
    source: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a restoration took.

    Attributes:
        seconds: from the assignment on.
        records: of the changelog that were taken over: the newest of each key.
        bytes: of their values.
    """

    seconds: float
    records: int
    bytes: int


class Store(Generic[State_co]):
    """State of one stage and its changelog.

    Args:
        settings: the cluster, and ``restore_timeout_ms``.
        schemas: to encode and decode the changelog.
        changelog: which.
        restoration: makes an empty one.
        beat: called whenever there is progress.
        restored: told what each restoration took.
    """

    def __init__(
        self,
        settings: Settings,
        schemas: Schemas,
        changelog: Changelog,
        restoration: Callable[[], Restoration[State_co]],
        beat: Callable[[], None],
        restored: Callable[[Taken], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._schemas = schemas
        self._encode = Encoder(schemas, changelog.schema)
        self._changelog = changelog
        self._topic = prefixed(settings, changelog.topic)
        self._restoration = restoration
        self._beat = beat
        self._restored = restored
        self._size = (0, 0)

    def record(self, block: Block) -> Outgoing:
        """A block as a record of the changelog."""
        fields = block.as_dict()
        value = None if fields is None else self._encode(fields)
        return Outgoing(self._topic, block.key, value, partition=self._changelog_partition(block.partition))

    def restore(self, offsets: Mapping[int, int | None]) -> dict[int, State_co]:
        """The state of these partitions, exactly as of their committed offsets.

        Args:
            offsets: partition → committed offset; None: nothing was ever committed.

        Raises:
            RestartProcess: the offsets have changed since they were asked for, so they were not the last word.
            FixCluster: after ``restore_timeout_ms`` the state still is not that of the committed offsets.
        """
        began = time.monotonic()
        deadline = began + self._settings.restore_timeout_ms / 1000
        while True:
            self._beat()
            restored = self._read({self._changelog_partition(partition) for partition in offsets})
            different = {part: offset for part, offset in offsets.items() if restored.checkpoints.get(part) != offset}
            if not different:
                states = self._states(restored, offsets)
                self._restored(Taken(time.monotonic() - began, *self._size))
                return states
            if moved := self._moved(different):
                was = ", ".join(f"{part}: {different[part]}" for part in moved)
                raise RestartProcess(f"offsets of {self._changelog.source} were committed after they had been asked for (partition {was})")
            if time.monotonic() > deadline:
                raise FixCluster(self._disagreement(different, restored.checkpoints))
            log.info("state of partitions %s is not yet that of their committed offsets: reading again", sorted(different))

    def _moved(self, offsets: Mapping[int, int | None]) -> list[int]:
        """Partitions that have other offsets now: a coordinator that is losing its place to another one tells old ones."""
        group, source = self._changelog.group, self._changelog.source
        asked = committed(self._settings, {group: [(source, part) for part in sorted(offsets)]})[group]
        now = {each.partition: each.offset for each in asked}
        return [part for part, offset in offsets.items() if now.get(part) != offset]

    def _states(self, restored: Restoration[State_co], partitions: Iterable[int]) -> dict[int, State_co]:
        try:
            return {partition: restored.state(partition) for partition in partitions}
        except ValueError as error:
            next_step = "find out who took records from this compacted topic, or start anew (docs/operations.md, Offsets and counters)"
            raise FixCluster(f"the {self._changelog.schema} in {self._topic} are not whole: {error}: {next_step}") from None

    def _changelog_partition(self, partition: int) -> int:
        """Where a source partition's state is written; the changelog never grows, so this never changes."""
        return partition % self._changelog.partitions

    def _read(self, partitions: set[int]) -> Restoration[State_co]:
        restored = self._restoration()
        newest: dict[bytes | None, Record] = {}
        reader = TopicReader(self._settings, [self._topic], sorted(partitions))
        try:
            for record in reader.read_to_end():
                newest[record.key] = record
                self._beat()
        finally:
            reader.close()
        # A tombstone takes back what stands before it, whether or not the broker has compacted that away.
        held = [(record, record.value) for record in newest.values() if record.value is not None]
        self._size = len(held), sum(len(value) for _, value in held)
        for record, value in held:
            self._add(record, value, restored)
        return restored

    def _add(self, record: Record, value: bytes, restored: Restoration[State_co]) -> None:
        self._beat()
        try:
            restored.add(decode(self._schemas, self._changelog.schema, value))
        except (BadRecordError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise FixCluster(
                f"{record.topic} partition {record.partition} offset {record.offset} is no {self._changelog.schema}: {error}. "
                "If a newer version wrote it, run that one. Otherwise find out what else writes to this topic, and take the record away: "
                f"write a tombstone for its key {record.key!r}, or start anew (docs/operations.md, Offsets and counters)"
            ) from None

    def _disagreement(self, different: Mapping[int, int | None], states: Mapping[int, int]) -> str:
        pairs = ", ".join(f"{part}: committed {offset}, state {states.get(part)}" for part, offset in sorted(different.items()))
        return (
            f"the {self._changelog.schema} in {self._topic} do not belong to the committed offsets of stage {self._changelog.stage} "
            f"(partition {pairs}). Was an offset reset by hand, or the topic emptied? Set the group's offsets back to the state's, or "
            f"delete the records of these partitions from {self._topic} to start anew"
        )
