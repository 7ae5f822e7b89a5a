"""The plain exactly-once loop that contenders on the bare client share: consume, handle, and commit outputs and offsets together."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, Producer

from benchmarks.support.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

BATCH_RECORDS = 2_000
TIMEOUT_S = 30.0
WAIT_S = 0.05


class Loop:
    """A consumer and a transactional producer, with the settings that made this loop fastest.

    Args:
        job: what to read, where to write, how often to commit.
    """

    def __init__(self, job: Job) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": job.bootstrap_servers,
                "group.id": job.group,
                "group.protocol": "consumer",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 5,  # a second by default, once the local queue is full
                "queued.min.messages": 20_000,
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": job.bootstrap_servers,
                "transactional.id": job.transactional_id,
                "compression.type": "lz4",
                "linger.ms": 2,
                "queue.buffering.max.messages": 1_000_000,
                "delivery.report.only.error": True,
            }
        )
        self._topic = job.predictions
        self._interval_s = job.commit_interval_ms / 1000
        self._began_s: float | None = None
        self._stop = threading.Event()

    def run(self, handle: Callable[[list[Message], Producer], None]) -> None:
        """Go on until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        self._producer.init_transactions(TIMEOUT_S)
        self._consumer.subscribe([self._topic], on_revoke=lambda *_: self._commit())
        while not self._stop.is_set():
            messages = self._consumer.consume(BATCH_RECORDS, WAIT_S)
            if messages:
                self._begin()
                handle(messages, self._producer)
                self._producer.poll(0)
            if self._began_s is not None and time.monotonic() - self._began_s >= self._interval_s:
                self._commit()
        self._consumer.close()

    def _begin(self) -> None:
        if self._began_s is None:
            self._producer.begin_transaction()
            self._began_s = time.monotonic()

    def _commit(self) -> None:
        if self._began_s is None:
            return
        positions = [part for part in self._consumer.position(self._consumer.assignment()) if part.offset >= 0]
        self._producer.send_offsets_to_transaction(positions, self._consumer.consumer_group_metadata(), TIMEOUT_S)
        self._producer.commit_transaction(TIMEOUT_S)
        self._began_s = None


def value_of(message: Message) -> bytes:
    """The value of a record.

    Raises:
        KafkaException: the client reports an error in its place.
    """
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return message.value() or b""


def job_of_command_line() -> Job:
    """What this process was told."""
    return Job.read(sys.argv[1])
