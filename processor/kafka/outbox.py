"""A bounded buffer of records on their way to Kafka, for callers that must not wait.

The client's own threads send; a thread of ours takes the reports, so that nobody has to poll.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from processor.kafka.client import producer
from processor.kafka.failure import GRANT, NOT_ALLOWED

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from processor.kafka.writer import Outgoing
    from processor.settings import Settings

    Report = Callable[[str | None], None]

REPORTS_TIMEOUT_S = 0.1
ROOM_TIMEOUT_S = 0.05
PURGE_TIMEOUT_S = 5.0

NEXT_STEP = {
    KafkaError._UNKNOWN_TOPIC: "does the topic exist? `collectors topics apply` makes it",  # noqa: SLF001 - the client's name for its own codes
    KafkaError.UNKNOWN_TOPIC_OR_PART: "does the topic exist? `collectors topics apply` makes it",
    KafkaError._MSG_TIMED_OUT: "no broker took it in time: is the cluster up, and is the address right?",  # noqa: SLF001 - as above
    KafkaError._PURGE_QUEUE: "the producer was closed before a broker took it",  # noqa: SLF001 - as above
    KafkaError._PURGE_INFLIGHT: "the producer was closed before a broker confirmed it; it may have arrived",  # noqa: SLF001 - as above
    KafkaError.MSG_SIZE_TOO_LARGE: "it is larger than the topic's max.message.bytes",
    **dict.fromkeys(NOT_ALLOWED, GRANT),
}


class Outbox:
    """Records on their way. Every record is reported exactly once, in a thread of its own: delivered, or why not."""

    def __init__(self, settings: Settings, records_max: int, delivery_timeout_ms: int) -> None:
        """Connect in the background.

        Args:
            settings: the cluster, and ``record_bytes_max``.
            records_max: how many records may wait at once; their bytes are bounded too, by the client's 1 GiB.
            delivery_timeout_ms: a record that no broker took within this is given up.

        Raises:
            FixUsage: no bootstrap address is set and no local broker is recorded.
        """
        self._producer = producer(
            settings,
            queue_buffering_max_messages=records_max,
            delivery_timeout_ms=delivery_timeout_ms,
            message_max_bytes=settings.record_bytes_max,
            linger_ms=20,
        )
        self._room = threading.Event()
        self._closing = threading.Event()
        self._reports = threading.Thread(target=self._take_reports, name="collectors-outbox", daemon=True)
        self._reports.start()

    def put(self, record: Outgoing, report: Report, wait_s: float = 0.0) -> bool:
        """Hand over one record.

        Args:
            record: what to send.
            report: called once with None when it was delivered, else with the reason why it was not.
            wait_s: how long to wait for room.

        Returns:
            Whether there was room.
        """
        deadline = time.monotonic() + wait_s
        while True:
            self._room.clear()
            if self._offer(record, report):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._room.wait(min(left, ROOM_TIMEOUT_S))

    def flush(self, timeout_s: float) -> int:
        """Wait until all is reported; returns how many records still are not."""
        return self._producer.flush(timeout_s)

    def close(self, timeout_s: float) -> int:
        """Flush, give up what is left, and end; returns how many were given up."""
        left = self.flush(timeout_s)
        if left:
            self._producer.purge()
            self._producer.flush(PURGE_TIMEOUT_S)
        self._closing.set()
        self._reports.join()
        return left

    def _offer(self, record: Outgoing, report: Report) -> bool:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            self._room.set()
            report(None if error is None else _told(error))

        try:
            self._producer.produce(record.topic, value=record.value, key=record.key, headers=list(record.headers), on_delivery=delivered)
        except BufferError:
            return False
        except KafkaException as error:
            report(_told(error.args[0]))
        return True

    def _take_reports(self) -> None:
        while not self._closing.is_set():
            with suppress(KafkaException):
                self._producer.poll(REPORTS_TIMEOUT_S)


def _told(error: KafkaError) -> str:
    next_step = NEXT_STEP.get(error.code())
    return f"{error.str()} ({error.name()})" + (f": {next_step}" if next_step else "")
