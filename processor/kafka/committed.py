"""What groups have committed.

Asked through a consumer of the group that never joins it: the admin client's own call ends the process when a group's coordinator
moves or is only just chosen (librdkafka #5040), which is every group's first minute on a new cluster.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processor.kafka.client import reading_consumer
from processor.kafka.failure import NOT_ALLOWED, ask_while, cluster_error, error_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import Consumer

    from processor.settings import Settings

TIMEOUT_S = 15.0
# The first group of a new cluster waits for the offsets topic to be made, fifty partitions; and a coordinator may be lost with its broker.
COORDINATOR_TIMEOUT_S = 60.0
CHOOSING_A_COORDINATOR = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
AT_ONCE = 8


def committed(settings: Settings, wanted: Mapping[str, Sequence[tuple[str, int]]]) -> dict[str, list[TopicPartition]]:
    """Offsets, and the notes left beside them.

    Args:
        settings: the cluster.
        wanted: group -> (topic, partition)s.

    Returns:
        Group -> those of its partitions that it has committed something of.

    Raises:
        FixCluster: the brokers do not answer.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="committed") as pool:
        return dict(zip(wanted, pool.map(lambda group: _of_group(settings, group, wanted[group]), wanted), strict=True))


def _of_group(settings: Settings, group: str, parts: Sequence[tuple[str, int]]) -> list[TopicPartition]:
    consumer = reading_consumer(settings, group=group)
    asked = [TopicPartition(topic, partition) for topic, partition in parts]
    try:
        found = ask_while(CHOOSING_A_COORDINATOR, COORDINATOR_TIMEOUT_S, lambda: consumer.committed(asked, timeout=TIMEOUT_S))
    except KafkaException as error:
        raise cluster_error(f"asking what group {group} has committed", _cause(consumer, error)) from None
    finally:
        consumer.close()
    return [part for part in found if part.offset >= 0]


def _cause(consumer: Consumer, error: KafkaException) -> KafkaException:
    """Who may not see a group's coordinator waits for it in vain; that it was refused is told when polling."""
    message = consumer.poll(0) if error_code(error) == KafkaError._TIMED_OUT else None  # noqa: SLF001 - the client's name for its own codes
    refusal = message.error() if message is not None else None
    return KafkaException(refusal) if refusal is not None and refusal.code() in NOT_ALLOWED else error
