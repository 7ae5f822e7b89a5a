"""Writing handfuls of records, each handful in one transaction: all of it or nothing."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaException

from processor.kafka.client import transactional_producer
from processor.kafka.failure import cluster_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Producer

    from processor.kafka.reader import Headers
    from processor.settings import Settings

TIMEOUT_S = 30.0
ABORT_TIMEOUT_S = 5.0
ANY_PARTITION = -1


class Outgoing(NamedTuple):
    """One record to write; without a partition its key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int = ANY_PARTITION


class TransactionalWriter:
    """Writes one handful after another. One thread at a time.

    The transactional id is fresh: writers of documents come and go side by side and must not fence one another. A
    writer that dies leaves its transaction open for at most ``transaction_timeout_ms``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Producer | None = None

    def write(self, records: Sequence[Outgoing]) -> None:
        """Write all records or none.

        Raises:
            FixCluster: nothing was written, or it is not known whether it was: the text says which.
        """
        if not records:
            return
        try:
            producer = self._opened()
            producer.begin_transaction()
            _produce(producer, records)
        except KafkaException as error:
            self._give_up()
            raise cluster_error(f"{_writing(records)}: nothing was written", error) from None
        try:
            producer.commit_transaction(TIMEOUT_S)
        except KafkaException as error:
            known = error.args[0].txn_requires_abort()
            self._give_up()
            outcome = "nothing was written" if known else "whether it was written is not known"
            raise cluster_error(f"{_writing(records)}: {outcome}", error) from None

    def _opened(self) -> Producer:
        if self._producer is None:
            producer = transactional_producer(self._settings, f"{self._settings.topic_prefix}collectors.writer.{uuid.uuid4()}")
            producer.init_transactions(TIMEOUT_S)
            self._producer = producer
        return self._producer

    def _give_up(self) -> None:
        """Begin anew the next time; readers do not have to wait for a transaction that nobody ends."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaException):
                producer.abort_transaction(ABORT_TIMEOUT_S)


def write_transaction(settings: Settings, records: Sequence[Outgoing]) -> None:
    """Write all records or none, once.

    Raises:
        FixCluster: nothing was written, or it is not known whether it was: the text says which.
    """
    TransactionalWriter(settings).write(records)


def _writing(records: Sequence[Outgoing]) -> str:
    return f"writing to {', '.join(sorted({record.topic for record in records}))} in one transaction"


def _produce(producer: Producer, records: Sequence[Outgoing]) -> None:
    for record in records:
        producer.produce(record.topic, value=record.value, key=record.key, partition=record.partition, headers=list(record.headers))
        producer.poll(0)
