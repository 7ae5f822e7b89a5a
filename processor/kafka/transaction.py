"""One open transaction at a time: begin, produce, offsets, commit.

What a failure means is decided here, once, by the caller's next step. The client is never trusted after one: whatever is
not a plain retry ends the process, which drops everything in memory and starts again under the same transactional id.
That restart aborts what was open and is quick; telling a half-failed transaction apart from a good one is neither.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processor.errors import CollectorsError, Fenced, FixCluster, RestartProcess
from processor.kafka.client import transactional_producer
from processor.kafka.failure import GRANT, NOT_ALLOWED, raised_by_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from processor.kafka.group import Member
    from processor.kafka.writer import Outgoing
    from processor.settings import Settings

FENCED = {
    KafkaError._FENCED,  # noqa: SLF001 - librdkafka's name
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
}
# What stays as it is however often the process starts again.
TO_MEND = {
    KafkaError.MSG_SIZE_TOO_LARGE: "let the topic's max.message.bytes be larger than record_bytes_max",
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "lower transaction_timeout_ms, or raise transaction.max.timeout.ms of the brokers",
    **dict.fromkeys(NOT_ALLOWED, GRANT),
}
WHERE_TO_LOOK = (
    "no broker took them in time: look for a missing topic (`collectors topics plan`), brokers that are away, "
    "or fewer replicas in sync than min.insync.replicas"
)
log = logging.getLogger("collectors.kafka")
CALL_TIMEOUT_S = 5.0
FULL_QUEUE_POLL_S = 0.05
GATHER_S = 0.05


class Transaction:
    """The transactional producer of one process.

    Args:
        settings: the cluster and the time-outs.
        transactional_id: the same before and after a restart, and of no other process.
        clock: seconds, monotonic; handed in so that a test can move it.

    Every method raises RestartProcess (Fenced where it is) when the transaction can no longer be trusted, and FixCluster when
    starting again would meet the same refusal.
    """

    def __init__(self, settings: Settings, transactional_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.transactional_id = transactional_id
        self._producer = transactional_producer(settings, transactional_id)
        self._interval_s = settings.commit_interval_ms / 1000
        self._timeout_s = settings.transaction_timeout_ms / 1000
        self._clock = clock
        self._is_open = False
        self._due_s = 0.0
        self._late = 0

    def init(self) -> None:
        """Fence predecessors of the same id and abort what they left open; waits for a broker as long as it takes."""
        while not self._attempt("init_transactions", lambda: self._producer.init_transactions(CALL_TIMEOUT_S)):
            log.warning(
                "%s: cannot begin yet: no broker answers, or one cannot end what was left open (too few replicas in sync?)",
                self.transactional_id,
            )

    @property
    def is_open(self) -> bool:
        """Whether there is something to commit."""
        return self._is_open

    def due_in_s(self) -> float:
        """Seconds until the next commit: an interval after the last one, so that a record waits for one interval and not for two.

        Where nothing is open and that time has passed, it is how long to gather what comes.
        """
        left_s = max(0.0, self._due_s - self._clock())
        return left_s if self._is_open or left_s else min(self._interval_s, GATHER_S)

    def begin(self) -> None:
        """Open a transaction unless one is."""
        if not self._is_open:
            self._attempt("begin_transaction", self._producer.begin_transaction)
            self._is_open = True

    def produce(self, records: Iterable[Outgoing]) -> None:
        """Hand records to the client; nobody reads them before the commit."""
        enqueue = self._producer.produce
        for topic, key, value, headers, partition in records:
            while True:
                try:
                    enqueue(topic, value, key, partition, headers=list(headers))
                    break
                except BufferError:
                    self._poll(FULL_QUEUE_POLL_S)
                except KafkaException as error:
                    raise self._failure(f"produce to {topic}", error) from None
        self._poll(0)

    def commit(self, member: Member, positions: Mapping[int, int]) -> None:
        """Commit everything produced since begin together with the offsets read.

        A commit that timed out may have happened: it is asked again until the transaction would have timed out.

        Args:
            member: whose group, and with which generation, the offsets belong to.
            positions: partition → next offset to read.
        """
        deadline = self._clock() + self._timeout_s
        self._late = 0
        offsets = [TopicPartition(member.topic, partition, offset) for partition, offset in positions.items()]
        # The log has the state before the offsets can be committed: whoever restores sees the one or waits for the other.
        self._until(deadline, "flush", self._flush)
        self._until(
            deadline, "send_offsets", lambda: self._producer.send_offsets_to_transaction(offsets, member.metadata(), CALL_TIMEOUT_S)
        )
        self._until(deadline, "commit", lambda: self._producer.commit_transaction(CALL_TIMEOUT_S))
        self._is_open = False
        self._due_s = self._clock() + self._interval_s

    def abort(self) -> None:
        """Drop what is open; only ever followed by the end of the process."""
        if self._is_open:
            self._attempt("abort", lambda: self._producer.abort_transaction(CALL_TIMEOUT_S))
            self._is_open = False

    def _flush(self) -> bool:
        left = self._producer.flush(CALL_TIMEOUT_S)
        # Given up by the client in the end, they are no longer left: what fails next is not the cause.
        self._late = left or self._late
        return not left

    def _poll(self, timeout_s: float) -> None:
        self._attempt("produce", lambda: self._producer.poll(timeout_s) >= 0)

    def _until(self, deadline: float, what: str, call: Callable[[], bool | None]) -> None:
        while not self._attempt(what, call):
            if self._clock() > deadline:
                problem = f"{what} did not finish within {self._timeout_s:g} s{self._late_records()}"
                raise RestartProcess(f"{self.transactional_id}: {problem}; starting again")

    def _attempt(self, what: str, call: Callable[[], bool | None]) -> bool:
        """Whether the call went through; False, its own or for an error that passes, asks for it to be made again."""
        try:
            return call() is not False
        except (KafkaException, SystemError) as raised:
            error = raised_by_client(raised)
            if error.args[0].retriable() and not error.args[0].txn_requires_abort():
                return False
            raise self._failure(what, error) from None

    def _failure(self, what: str, error: KafkaException) -> CollectorsError:
        cause = self._named(error.args[0])
        text = f"{self.transactional_id}: {what}: {cause.name()}: {cause.str()}{self._late_records()}"
        if cause.code() in TO_MEND:
            return FixCluster(f"{text}: {TO_MEND[cause.code()]}")
        if cause.code() in FENCED:  # the client has several sentences for it
            return Fenced(f"{text}: this process was fenced by a newer instance")
        return RestartProcess(text)

    def _late_records(self) -> str:
        return f" ({self._late} records: {WHERE_TO_LOOK})" if self._late else ""

    def _named(self, cause: KafkaError) -> KafkaError:
        """What a fatal error was: calls about transactions tell, all others only say that there was one."""
        if cause.code() != KafkaError._FATAL:  # noqa: SLF001 - librdkafka's name
            return cause
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            named: KafkaError = error.args[0]
            return named
        return cause
