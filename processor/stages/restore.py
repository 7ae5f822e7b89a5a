"""Bringing the state of partitions back after an assignment, and knowing that it is whole.

The order matters: offsets first, from a client that waits for transactions being committed; then the changelog's end as the log has
it, not its last stable offset; then the records up to there. Commit markers reach the offsets and the changelog independently of one
another, so the two are compared by the checkpoint that every transaction writes, and read again until they agree.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from processor.codec.bad import BadRecordError
from processor.codec.records import decode, encode
from processor.errors import FixCluster
from processor.kafka.reader import TopicReader
from processor.kafka.writer import Outgoing
from processor.state.counters import Restoration
from processor.topics.names import COUNTERS, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.codec.registry import Schemas
    from processor.kafka.reader import Record
    from processor.settings import Settings
    from processor.state.counters import Block, PartitionCounters

log = logging.getLogger("collectors.restore")


class CounterStore:
    """Counters of one stage and their changelog.

    Args:
        settings: the cluster, and ``restore_timeout_ms``.
        schemas: to encode and decode the changelog.
        partitions: how many the changelog has.
        stage: whose counters.
        beat: called whenever there is progress.
    """

    def __init__(self, settings: Settings, schemas: Schemas, partitions: int, stage: str, beat: Callable[[], None]) -> None:
        self._settings = settings
        self._schemas = schemas
        self._topic = prefixed(settings, COUNTERS)
        self._partitions = partitions
        self._stage = stage
        self._beat = beat

    def record(self, block: Block) -> Outgoing:
        """A block as a record of the changelog."""
        value = encode(self._schemas, "counters", block.as_dict())
        return Outgoing(self._topic, block.key, value, partition=self._changelog_partition(block.partition))

    def restore(self, committed: Mapping[int, int | None]) -> dict[int, PartitionCounters]:
        """The counters of these partitions, exactly as of their committed offsets.

        Args:
            committed: partition → committed offset; None: nothing was ever committed.

        Raises:
            FixCluster: after ``restore_timeout_ms`` the state still is not that of the committed offsets.
        """
        deadline = time.monotonic() + self._settings.restore_timeout_ms / 1000
        while True:
            self._beat()
            restored = self._read({self._changelog_partition(partition) for partition in committed})
            different = {part: offset for part, offset in committed.items() if restored.checkpoints.get(part) != offset}
            if not different:
                return {partition: restored.counters(partition) for partition in committed}
            if time.monotonic() > deadline:
                raise FixCluster(self._disagreement(different, restored))
            log.info("state of partitions %s is not yet that of their committed offsets: reading again", sorted(different))

    def _changelog_partition(self, partition: int) -> int:
        """Where a source partition's state is written; the changelog never grows, so this never changes."""
        return partition % self._partitions

    def _read(self, partitions: set[int]) -> Restoration:
        restored = Restoration(self._stage)
        reader = TopicReader(self._settings, [self._topic], sorted(partitions))
        try:
            for record in reader.read_to_end():
                self._add(record, restored)
                self._beat()
        finally:
            reader.close()
        return restored

    def _add(self, record: Record, restored: Restoration) -> None:
        if record.value is None:
            return
        try:
            restored.add(decode(self._schemas, "counters", record.value))
        except (BadRecordError, ValueError) as error:
            raise FixCluster(
                f"{record.topic} partition {record.partition} offset {record.offset} is no counters: {error}. "
                "If a newer version wrote it, run that one. Otherwise find out what else writes to this topic, and take the record away: "
                f"write a tombstone for its key {record.key!r} and let the topic be compacted, "
                "or start counting anew (docs/operations.md, Offsets and counters)"
            ) from None

    def _disagreement(self, different: Mapping[int, int | None], restored: Restoration) -> str:
        states = restored.checkpoints
        pairs = ", ".join(f"{part}: committed {offset}, state {states.get(part)}" for part, offset in sorted(different.items()))
        return (
            f"the counters in {self._topic} do not belong to the committed offsets of stage {self._stage} (partition {pairs}). "
            "Was an offset reset by hand, or the topic emptied? Set the group's offsets back to the state's, or delete the records of "
            f"these partitions from {self._topic} to start counting anew"
        )
