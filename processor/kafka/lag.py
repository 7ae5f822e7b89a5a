"""How much of a topic a group has not processed yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from processor.kafka.admin import Admin
from processor.kafka.client import admin_client
from processor.kafka.committed import committed
from processor.kafka.failure import cluster_error
from processor.kafka.unread import unread

if TYPE_CHECKING:
    from processor.settings import Settings

TIMEOUT_S = 10.0
EXACT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a group stands in a topic, partitions added up.

    Attributes:
        published: end offsets: every record ever written, control records of transactions included.
        lag: records that the group has not committed yet: exact up to EXACT_MAX, beyond it counted by offsets.
    """

    published: int
    lag: int


def progress(settings: Settings, group: str, topic: str) -> Progress:
    """Ask the cluster where a group stands.

    Raises:
        FixCluster: the topic does not exist, or the brokers do not answer.
    """
    parts = [TopicPartition(topic, partition) for partition in range(Admin(settings).require([topic])[topic])]
    admin = admin_client(settings)
    try:
        first = _offsets(admin, parts, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the client's own method is not annotated
        end = _offsets(admin, parts, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # as above
    except KafkaException as error:
        raise cluster_error(f"asking where topic {topic} ends", error) from None
    known = committed(settings, {group: [(topic, part.partition) for part in parts]})[group]
    read = first | {part.partition: part.offset for part in known}
    lag = sum(max(0, end[part] - read[part]) for part in end)
    if 0 < lag <= EXACT_MAX:  # of so few, all may be the ends of transactions, which nobody ever reads
        lag = unread(settings, {topic: group}, lambda _: False)[topic].records
    return Progress(sum(end.values()), lag)


def _offsets(admin: AdminClient, parts: list[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
    answers = admin.list_offsets(dict.fromkeys(parts, spec), request_timeout=TIMEOUT_S)
    return {part.partition: answer.result().offset for part, answer in answers.items()}
