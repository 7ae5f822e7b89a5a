"""How fast a contender is, seen from outside: by the ends of its output topics and by its group's committed offsets.

Outputs are a fixed share of the predictions, so what stands in the output topics tells how far a contender is. Measured is the stretch
from the end of the warm-up (a tenth of the outputs, or half of them) to the last one. Starting up and warming up (catalog, caches,
compilers) are left out, and so is the wait until the last transaction is due. The offsets tell when, and that, everything was committed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import psutil
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.support.job import Job

LOOK_EVERY_S = 0.02
LOOKS_MIN = 10
STALLED_AFTER_S = 60.0
REQUEST_TIMEOUT_S = 10.0
LEADERS_TIMEOUT_S = 60.0  # of a thousand new topics
SILENT = 0  # of the client: the broker goes away at the end, and that is no news


class Sample(NamedTuple):
    """One look.

    Attributes:
        at_s: when.
        committed: predictions processed, as committed.
        ends: end of each output partition, uncommitted records included.
        cpu_s: processor time that the contender's processes have taken.
        resident_bytes: what they have in memory.
    """

    at_s: float
    committed: int
    ends: Mapping[str, int]
    cpu_s: float
    resident_bytes: int


class Speed(NamedTuple):
    """What a turn came to; ``cpu_s`` is processor time for all records, as the measured stretch has it."""

    records_per_s: float
    cpu_s: float


class Stalled(Exception):
    """A contender ended, or has neither written nor committed anything for a minute."""


class TooShort(Exception):
    """Everything was done within a few looks."""


class Meter:
    """Looks at one contender.

    Args:
        job: what it was told.
        partitions: of the predictions topic.
    """

    def __init__(self, job: Job, partitions: int) -> None:
        self._admin = AdminClient({"bootstrap.servers": job.bootstrap_servers, "log_level": SILENT})
        self._group = ConsumerGroupTopicPartitions(job.group, [TopicPartition(job.predictions, i) for i in range(partitions)])
        self._outputs = {TopicPartition(topic, 0): OffsetSpec.latest() for topic in job.outputs}  # type: ignore[no-untyped-call]  # the client's own is not annotated

    def follow(self, pid: int, running: Callable[[], bool], total: int) -> list[Sample]:
        """Look until all predictions are committed.

        Args:
            pid: the contender's process; its children count as well.
            running: whether it is still alive.
            total: how many predictions there are.

        Raises:
            Stalled: it will not come to an end.
        """
        process = psutil.Process(pid)
        samples = [self._look(process)]
        moved_s = samples[0].at_s
        while samples[-1].committed < total:
            time.sleep(LOOK_EVERY_S)
            samples.append(self._look(process))
            moved_s = samples[-1].at_s if samples[-1][1:3] != samples[-2][1:3] else moved_s
            if not running() or samples[-1].at_s - moved_s > STALLED_AFTER_S:
                raise Stalled(f"stopped at {samples[-1].committed} of {total} predictions")
        return samples

    def _look(self, process: psutil.Process) -> Sample:
        return Sample(time.perf_counter(), self._committed(), self._ends(), *_used(process))

    def _committed(self) -> int:
        (answer,) = self._admin.list_consumer_group_offsets([self._group], request_timeout=REQUEST_TIMEOUT_S).values()
        try:
            return sum(max(0, part.offset) for part in answer.result().topic_partitions)
        except KafkaException:  # there is no such group before the contender has joined it
            return 0

    def _ends(self) -> dict[str, int]:
        deadline = time.monotonic() + LEADERS_TIMEOUT_S
        while True:
            answers = self._admin.list_offsets(self._outputs, request_timeout=REQUEST_TIMEOUT_S)
            try:
                return {part.topic: answer.result().offset for part, answer in answers.items()}
            except KafkaException:  # the leader of a new topic may not know yet that it is one
                if time.monotonic() > deadline:
                    raise
            time.sleep(LOOK_EVERY_S)


def speed(samples: Sequence[Sample], records: int, warm_up: float) -> Speed:
    """The speed of a turn.

    Args:
        samples: of a turn that came to its end.
        records: how many predictions there were.
        warm_up: the share of the outputs that comes before time is taken.

    Raises:
        TooShort: there is no stretch to measure.
    """
    ends, written = samples[-1].ends, sum(samples[-1].ends.values())
    first = next(sample for sample in samples if sum(sample.ends.values()) >= warm_up * written)
    # The last offset of an output partition is the marker of its last transaction: every record was there before it.
    last = next(sample for sample in samples if all(sample.ends[topic] >= end - 1 for topic, end in ends.items()))
    seconds, measured = last.at_s - first.at_s, records * (1 - sum(first.ends.values()) / max(written, 1))
    if seconds < LOOKS_MIN * LOOK_EVERY_S:
        raise TooShort
    return Speed(measured / seconds, (last.cpu_s - first.cpu_s) * records / measured)


def _used(process: psutil.Process) -> tuple[float, int]:
    """Processor time, in seconds, and resident memory, in bytes, of a process and its children."""
    cpu_s, resident = 0.0, 0
    try:
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            cpu_s += times.user + times.system
            resident += each.memory_info().rss
    except psutil.NoSuchProcess:
        return 0.0, 0
    return cpu_s, resident
