"""What somebody may do on a cluster, found out by trying: every attempt goes to the broker, and the broker's answer is what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

from processor.errors import FixCluster
from processor.kafka.acl_state import TOPIC, WRITE, Acl
from processor.kafka.acls import Acls, _binding
from processor.kafka.client import admin_client, producer, reading_consumer, transactional_producer
from processor.kafka.topic_state import NewTopicState
from processor.topics.names import inputs_topic, prefixed
from processor.topics.principals import CONNECT_TOPICS
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from processor.settings import Settings

REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
# What is allowed and then does not work, or is not done for want of something else.
HARMLESS = {KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.UNKNOWN_TOPIC_OR_PART}
TIMEOUT_S = 10
MINE, OTHERS = inputs_topic("acme", "quality"), inputs_topic("zoe", "farm")
TOPICS = (
    "predictions", "collectors", "keys", "spent-quotas", "queue", "queue.state", "counters", "predictions.dead-letters",
    "queue.dead-letters", "inputs.dead-letters", "audit", MINE, OTHERS, "connect-configs",
)  # fmt: skip
GROUPS = (
    "collectors.pre-queue",
    "collectors.post-queue",
    "connect",
    f"connect-{MINE}",
    "collectors-reader.acme.quality.mine",
    "collectors-reader.zoe.farm.theirs",
)
TRANSACTIONS = ("collectors.pre-queue.host.0", "collectors.post-queue.host.0", "collectors.writer.one")


def connect_topics(prefix: str) -> list[NewTopicState]:
    """The topics that a worker would make."""
    return [NewTopicState(prefix + name, 1, 1, {"cleanup.policy": "compact"}) for name in CONNECT_TOPICS]


class Prober:
    """Tries everything as one principal.

    Args:
        settings: the cluster, the prefix, and who comes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def everything(self) -> dict[str, bool]:
        """What was tried -> whether it was allowed, always in the same order."""
        return {
            **{f"read {topic}": allowed for topic, allowed in self._reads().items()},
            **{f"write {topic}": allowed for topic, allowed in self._writes().items()},
            **{f"read with group {group}": self._group(group) for group in GROUPS},
            **{f"write under transactional id {name}": self._transaction(name) for name in TRANSACTIONS},
            **self._changes(),
        }

    def _full(self, name: str) -> str:
        mark = "connect-inputs."
        return f"connect-{prefixed(self._settings, name[8:])}" if name.startswith(mark) else prefixed(self._settings, name)

    def _reads(self) -> dict[str, bool]:
        """Every partition 0 from its first offset: an error, or a record, or the end.

        Of topics that it may not even see a consumer says nothing; asked for by name, the broker does.
        """
        consumer = reading_consumer(self._settings, committed=False)
        names = {self._full(topic): topic for topic in TOPICS}
        found = {topic: False for name, topic in names.items() if not _allowed(consumer.list_topics(name, TIMEOUT_S).topics[name].error)}
        consumer.assign([TopicPartition(name, 0, 0) for name, topic in names.items() if topic not in found])

        def look() -> bool:
            for message in consumer.consume(500, 0.2):
                if (topic := message.topic()) in names:
                    found[names[topic]] = _allowed(message.error())
            return len(found) == len(names)

        wait_until(look, "an answer for each topic", TIMEOUT_S)
        consumer.close()
        return {topic: found[topic] for topic in TOPICS}

    def _writes(self) -> dict[str, bool]:
        client = producer(self._settings, enable_idempotence=False)
        found: dict[str, bool] = {}

        def report(topic: str) -> Callable[[KafkaError | None, Any], None]:
            return lambda error, _: found.update({topic: _allowed(error)})

        for topic in TOPICS:
            client.produce(self._full(topic), value=b"x", key=b"probe", partition=0, on_delivery=report(topic))
        assert client.flush(TIMEOUT_S) == 0
        return {topic: found[topic] for topic in TOPICS}

    def _group(self, group: str) -> bool:
        """Whether a member may commit: where the group is refused, that is said before anything of the topic."""
        consumer = reading_consumer(self._settings, group=self._full(group))
        parts = [TopicPartition(self._full(MINE), 0, 0)]
        try:
            # Whom the coordinator is not even told of hears so when polling, and else waits for ever.
            refused = wait_until(lambda: _refused(consumer) or _answered(consumer, parts), f"the coordinator of {group}", TIMEOUT_S)
            return refused is not REFUSAL and _tried(lambda: consumer.commit(offsets=parts, asynchronous=False), GROUP_ONLY)
        finally:
            consumer.close()

    def _transaction(self, name: str) -> bool:
        return _tried(lambda: transactional_producer(self._settings, self._full(name)).init_transactions(TIMEOUT_S))

    def _changes(self) -> dict[str, bool]:
        admin = admin_client(self._settings)
        predictions, new = self._full("predictions"), self._full(inputs_topic("acme", "new"))
        entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, predictions, incremental_configs=[entry])
        acl = _binding(Acl("User:nobody", TOPIC, "nothing", WRITE))
        dry: dict[str, Any] = {"validate_only": True, "request_timeout": TIMEOUT_S}
        attempts: dict[str, Callable[[], Iterable[Any]]] = {
            "create an inputs topic": lambda: admin.create_topics([NewTopic(new, 1, 1)], **dry).values(),
            "create another topic": lambda: admin.create_topics([NewTopic(self._full("another"), 1, 1)], **dry).values(),
            "change a config of predictions": lambda: admin.incremental_alter_configs([resource], **dry).values(),
            "add partitions to predictions": lambda: admin.create_partitions([NewPartitions(predictions, 64)], **dry).values(),
            "delete a topic": lambda: admin.delete_topics([self._full("another")], request_timeout=TIMEOUT_S).values(),
            "make access rules": lambda: admin.create_acls([acl], request_timeout=TIMEOUT_S).values(),
        }
        found = {what: _tried(lambda made=make: [future.result(TIMEOUT_S) for future in made()]) for what, make in attempts.items()}
        return found | {"read access rules": self._reads_acls()}

    def _reads_acls(self) -> bool:
        try:
            return Acls(self._settings).all() is not None
        except FixCluster:
            return False


REFUSAL, ANSWER = "refused", "answered"


def _refused(consumer: Consumer) -> str:
    message = consumer.poll(0.05)
    error = message.error() if message is not None else None
    return REFUSAL if error is not None and error.code() in GROUP_ONLY else ""


def _answered(consumer: Consumer, parts: list[TopicPartition]) -> str:
    try:
        consumer.committed(parts, timeout=0.2)
    except KafkaException as error:
        return "" if error.args[0].code() == KafkaError._TIMED_OUT else ANSWER
    return ANSWER


GROUP_ONLY = {KafkaError.GROUP_AUTHORIZATION_FAILED}


def _allowed(error: KafkaError | None, refused: Iterable[int] = REFUSED) -> bool:
    """Whether an answer is no refusal.

    Raises:
        AssertionError: it is neither a refusal nor an answer: nothing was found out.
    """
    if error is None or error.code() == KafkaError._PARTITION_EOF:
        return True
    if error.code() in refused:
        return False
    assert error.code() in HARMLESS | REFUSED, f"{error.name()}: {error.str()}"
    return True


def _tried(attempt: Callable[[], object], refused: Iterable[int] = REFUSED) -> bool:
    try:
        attempt()
    except KafkaException as error:
        return _allowed(error.args[0], refused)
    return True


def table(columns: dict[str, dict[str, bool]]) -> str:
    """What was found out as a Markdown table: a row an attempt, a column a principal."""
    head = f"| may | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n"
    attempts = next(iter(columns.values()))
    return head + "".join(f"| {what} | {' | '.join('yes' if found[what] else 'no' for found in columns.values())} |\n" for what in attempts)
