"""The Kafka clients this package uses, each setting with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from processor.errors import FixUsage
from processor.kafka.address import bootstrap_servers
from processor.kafka.client_log import client_logger
from processor.kafka.refusals import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.settings import Settings

T = TypeVar("T")

# A fetch brings records of a partition in one run, and a run is decided as one batch. With the default of a megabyte a full poll was three
# runs or four, some of them short, and a third of the work went into what every batch costs. This is some 10,000 predictions, packed.
RUN_BYTES = 3_000_000
# What brokers take in a batch by default. Of a partition that is not the first of a fetch they give whole batches within its limit or none.
BATCH_BYTES = 1_048_588
FETCH_BYTES = 12_000_000
# A consumer's message.max.bytes, which has one use there: what a batch is unpacked into begins with four times its size or this, whichever
# is less, and is never made smaller. With the default, a megabyte, records that hardly compress took three times their room.
UNPACKED_BYTES = 131_072

# A transaction's records are flushed by its commit, never by time. Until then they are gathered, since each partition's go in a request of
# their own: with 2 ms, and a commit every 50, a processor at half of its speed sent 800 requests a second, and took a fifth more time.
LINGER_MS = 25

log = client_logger()

# Kafka's own partitioner for keys (murmur2), so that producers in every language agree on the partition of a key.
PARTITIONER = "murmur2_random"


def client_config(settings: Settings) -> dict[str, Any]:
    """What every client of this cluster needs, whatever it does.

    Raises:
        FixUsage: no bootstrap address is set and no local broker is recorded.
    """
    return {
        "bootstrap.servers": bootstrap_servers(settings),
        "client.id": f"collectors-{settings.instance}",
        "logger": log,
        "error_cb": REFUSALS.note,
        **{name: secret.get_secret_value() for name, secret in settings.kafka.items()},
    }


def admin_client(settings: Settings) -> AdminClient:
    """A client that asks about the cluster and changes topics."""
    return _made(AdminClient, client_config(settings))


def producer(settings: Settings, **overrides: Any) -> Producer:
    """An idempotent producer; overrides are librdkafka properties with ``_`` for ``.``."""
    return _made(
        Producer,
        client_config(settings)
        | {
            "enable.idempotence": True,
            "partitioner": PARTITIONER,
            "compression.type": "lz4",
            "linger.ms": 5,
            # The client's own limit is out of the way: the topics' limits decide, and what is too large for them is refused before.
            "message.max.bytes": 1_000_000_000,
        }
        | _properties(overrides),
    )


def transactional_producer(settings: Settings, transactional_id: str) -> Producer:
    """A producer whose records appear all or not at all; ``init_transactions`` is the caller's."""
    return producer(
        settings,
        transactional_id=transactional_id,
        transaction_timeout_ms=settings.transaction_timeout_ms,
        linger_ms=LINGER_MS,
        queue_buffering_max_messages=1_000_000,
        # A message that cannot be delivered before the transaction times out can never be committed.
        message_timeout_ms=settings.transaction_timeout_ms,
        # No callback a message (0.8 of 2.8 µs each): the commit reports failures.
        delivery_report_only_error=True,
    )


def reading_consumer(settings: Settings, *, committed: bool = True, group: str = "") -> Consumer:
    """A consumer without a group's assignment: it is told its partitions and never commits.

    Args:
        settings: the cluster.
        committed: leave out records of aborted and of open transactions.
        group: whose committed offsets it can be asked for.
    """
    return _made(
        Consumer,
        client_config(settings)
        | {
            "group.id": group or f"{settings.topic_prefix}collectors.reader",  # librdkafka wants one; it is never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
            # After a full local queue librdkafka waits this long before it fetches again; its default is a second.
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 100,
        },
    )


def rereading_consumer(settings: Settings, fetch_bytes: int) -> Consumer:
    """As `reading_consumer`; it never jumps over what is no longer there, and holds little, since what it reads has to wait anyway.

    Args:
        settings: the cluster.
        fetch_bytes: of a partition in one fetch, as they are stored.
    """
    return _made(
        Consumer,
        client_config(settings)
        | {
            "group.id": f"{settings.topic_prefix}collectors.reader",  # as above
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
            "queued.min.messages": 2_000,
            "queued.max.messages.kbytes": 16_384,
            "message.max.bytes": UNPACKED_BYTES,
            "fetch.message.max.bytes": fetch_bytes,
        },
    )


class Fetch(NamedTuple):
    """How much a fetch may bring, in bytes as they are stored, which is compressed.

    Attributes:
        partition: of one partition.
        together: of all.
    """

    partition: int
    together: int


def fair_fetch(partitions: int) -> Fetch:
    """Room for each partition of a topic, if one process has them all.

    A broker fills a fetch in the order in which partitions are asked for, and librdkafka (2.16) begins with the same one whenever its queue
    was full (its issue 1854). With less than this the last partitions of a backlog were read at a twentieth of their pace, or not at all.
    Brokers give no more than 55 MB in a fetch by default: with more than fifty partitions of one broker in one process some still wait.
    """
    partition = min(RUN_BYTES, max(BATCH_BYTES, FETCH_BYTES // partitions))
    return Fetch(partition, max(FETCH_BYTES, partition * partitions))


def group_consumer(settings: Settings, group: str, protocol: str, fetch: Fetch) -> Consumer:
    """A member of a stage's consumer group; offsets are committed by transactions only.

    Args:
        settings: time-outs and the cluster.
        group: the group id, prefix included.
        protocol: ``consumer`` (KIP-848) or ``classic`` (cooperative).
        fetch: how much to fetch at once.
    """
    if protocol == "consumer":
        # No group.instance.id: a restarted process would get a fatal error until its old session ends.
        membership: dict[str, Any] = {"group.protocol": "consumer", "group.remote.assignor": "uniform"}
    else:
        membership = {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 10_000, "heartbeat.interval.ms": 1_000}
    return _made(
        Consumer,
        client_config(settings)
        | membership
        | {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Never jump silently: a partition without a committed offset is assigned from its beginning, and a committed
            # offset that retention has passed is an error for people.
            "auto.offset.reset": "error",
            # Also makes committed() wait for the offsets of transactions that are being committed.
            "isolation.level": "read_committed",
            "max.poll.interval.ms": settings.max_poll_interval_ms,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 20_000,
            # Of small records three polls; of large ones, memory: this, and one fetch beyond it.
            "queued.max.messages.kbytes": 24_576,
            "fetch.max.bytes": fetch.together,
            "message.max.bytes": UNPACKED_BYTES,
            "fetch.message.max.bytes": fetch.partition,
            "fetch.wait.max.ms": 50,
        },
    )


def _made(kind: Callable[[dict[str, Any]], T], config: dict[str, Any]) -> T:
    """A client.

    Raises:
        FixUsage: the client's library refuses a property; no restart would mend that.
    """
    try:
        return kind(config)
    except KafkaException as error:
        told = error.args[0].str()
        for value in config.values():  # the library quotes the value that it refuses, and any of them may be a secret
            told = told.replace(f'"{value}"', '"…"')
        raise FixUsage(f"the Kafka client refuses its properties: {told}: correct `kafka` in the settings (COLLECTORS_KAFKA)") from None


def _properties(overrides: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in overrides.items()}
