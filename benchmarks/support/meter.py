"""How fast a contender is, seen from outside: by its group's committed offsets and by the ends of its output topics.

Measured is the stretch from the first commit to the moment when the last output stands in the log. Starting up and the first
transaction, in which caches and compilers warm up, are left out, and so is the wait until the last transaction is due.
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
STALLED_AFTER_S = 60.0
REQUEST_TIMEOUT_S = 10.0


class Sample(NamedTuple):
    """One look.

    Attributes:
        at_s: when.
        committed: predictions processed, as committed.
        ends: end of each output partition, uncommitted records included.
        cpu_s: processor time that the contender's processes have taken.
    """

    at_s: float
    committed: int
    ends: Mapping[str, int]
    cpu_s: float


class Speed(NamedTuple):
    """What a turn came to; ``cpu_s`` is processor time for all records, at the rate of the measured stretch."""

    records_per_s: float
    cpu_s: float


class Stalled(Exception):
    """A contender ended, or has committed nothing for a minute."""


class TooShort(Exception):
    """Everything was done within the first transaction."""


class Meter:
    """Looks at one contender.

    Args:
        job: what it was told.
        partitions: of the predictions topic.
    """

    def __init__(self, job: Job, partitions: int) -> None:
        self._admin = AdminClient({"bootstrap.servers": job.bootstrap_servers})
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
            moved_s = samples[-1].at_s if samples[-1].committed > samples[-2].committed else moved_s
            if not running() or samples[-1].at_s - moved_s > STALLED_AFTER_S:
                raise Stalled(f"stopped at {samples[-1].committed} of {total} predictions")
        return samples

    def _look(self, process: psutil.Process) -> Sample:
        groups = self._admin.list_consumer_group_offsets([self._group], request_timeout=REQUEST_TIMEOUT_S)
        outputs = self._admin.list_offsets(self._outputs, request_timeout=REQUEST_TIMEOUT_S)
        ends = {part.topic: answer.result().offset for part, answer in outputs.items()}
        (answer,) = groups.values()
        try:
            committed = sum(max(0, part.offset) for part in answer.result().topic_partitions)
        except KafkaException:  # there is no such group before the contender has joined it
            committed = 0
        return Sample(time.perf_counter(), committed, ends, _cpu_s(process))


def speed(samples: Sequence[Sample]) -> Speed:
    """The speed of a turn.

    Raises:
        TooShort: there is no stretch to measure.
    """
    final = samples[-1]
    first = next(sample for sample in samples if sample.committed)
    # The last offset of an output partition is the marker of its last transaction: every record was there before it.
    last = next(sample for sample in samples if all(sample.ends[topic] >= end - 1 for topic, end in final.ends.items()))
    records, seconds = final.committed - first.committed, last.at_s - first.at_s
    if not records or seconds <= 0:
        raise TooShort
    return Speed(records / seconds, (last.cpu_s - first.cpu_s) * final.committed / records)


def _cpu_s(process: psutil.Process) -> float:
    total = 0.0
    try:
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            total += times.user + times.system
    except psutil.NoSuchProcess:
        return 0.0
    return total
