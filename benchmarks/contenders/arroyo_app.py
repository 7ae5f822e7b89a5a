"""The pipeline on Arroyo, Sentry's library of consumer strategies.

Not exactly once: offsets are committed after delivery, outside of transactions.
"""

from __future__ import annotations

import signal
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from arroyo import Topic
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.backends.kafka.configuration import build_kafka_consumer_configuration, build_kafka_producer_configuration
from arroyo.commit import CommitPolicy
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import CommitOffsets, MessageRejected, ProcessingStrategy, ProcessingStrategyFactory

from benchmarks.contenders.loop_inputs import Collecting
from benchmarks.support.job import Job
from benchmarks.support.prediction_avro import read_prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arroyo.types import Commit, Message, Partition

PENDING_MAX = 20_000


class Collect(ProcessingStrategy[KafkaPayload]):
    """Decodes, judges and produces; passes a message on when all that it gave is delivered, in order.

    Arroyo's own strategy for producing writes one record a message, to one topic.
    """

    def __init__(self, job: Job, producer: KafkaProducer, following: ProcessingStrategy[Any]) -> None:
        self._collecting = Collecting(job.collectors)
        self._topics = {name: Topic(name) for name in job.outputs}
        self._producer = producer
        self._following = following
        self._pending: deque[tuple[Message[KafkaPayload], list[Any]]] = deque()

    def submit(self, message: Message[KafkaPayload]) -> None:
        """One prediction."""
        if len(self._pending) >= PENDING_MAX:
            raise MessageRejected
        made = self._collecting.inputs(read_prediction(message.payload.value))
        sent = [self._producer.produce(self._topics[each.topic], KafkaPayload(each.key, each.value, each.headers)) for each in made]
        self._pending.append((message, sent))

    def poll(self) -> None:
        """Pass on what is delivered."""
        while self._pending and all(future.done() for future in self._pending[0][1]):
            message, sent = self._pending.popleft()
            for future in sent:
                future.result()
            self._following.submit(message)
        self._following.poll()

    def close(self) -> None:
        """Nothing more comes."""

    def terminate(self) -> None:
        """Stop at once."""
        self._following.terminate()

    def join(self, timeout: float | None = None) -> None:
        """Stop in good order."""
        self.poll()
        self._following.close()
        self._following.join(timeout)


class Factory(ProcessingStrategyFactory[KafkaPayload]):
    """Collect, then commit."""

    def __init__(self, job: Job) -> None:
        self._job = job
        settings = build_kafka_producer_configuration({}, [job.bootstrap_servers], {"compression.type": "lz4", "linger.ms": 2})
        self._producer = KafkaProducer(settings, use_simple_futures=True)

    def create_with_partitions(self, commit: Commit, partitions: Mapping[Partition, int]) -> Collect:  # noqa: ARG002 - the library's signature
        """The strategies of an assignment."""
        return Collect(self._job, self._producer, CommitOffsets(commit))


def main() -> None:
    """Run until SIGTERM."""
    job = Job.read(sys.argv[1])
    settings = build_kafka_consumer_configuration(
        {},
        job.group,
        bootstrap_servers=[job.bootstrap_servers],
        auto_offset_reset="earliest",
        queued_min_messages=20_000,
        enable_auto_commit=False,  # offsets are the strategies' to commit
        override_params={"isolation.level": "read_committed", "fetch.queue.backoff.ms": 5},
    )
    policy = CommitPolicy(job.commit_interval_ms / 1000, None)
    processor = StreamProcessor(KafkaConsumer(settings), Topic(job.predictions), Factory(job), policy)
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()


if __name__ == "__main__":
    main()
