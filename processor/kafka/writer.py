"""Writing a handful of records in one transaction: all of them or none."""

from __future__ import annotations

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


class Outgoing(NamedTuple):
    """One record to write; without a partition its key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int = -1


def write_transaction(settings: Settings, records: Sequence[Outgoing]) -> None:
    """Write all records or none.

    The transactional id is fresh: writers of documents come and go side by side and must not fence one another. A
    writer that dies leaves its transaction open for at most ``transaction_timeout_ms``.

    Raises:
        FixCluster: the transaction did not commit; nothing was written.
    """
    if not records:
        return
    writer = transactional_producer(settings, f"{settings.topic_prefix}collectors.writer.{uuid.uuid4()}")
    try:
        writer.init_transactions(TIMEOUT_S)
        writer.begin_transaction()
        _produce(writer, records)
        writer.commit_transaction(TIMEOUT_S)
    except KafkaException as error:
        raise cluster_error("writing in one transaction: nothing was written", error) from None


def _produce(writer: Producer, records: Sequence[Outgoing]) -> None:
    for record in records:
        writer.produce(record.topic, value=record.value, key=record.key, partition=record.partition, headers=list(record.headers))
        writer.poll(0)
