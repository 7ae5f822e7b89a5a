"""An app's topic, its connector on a real worker, and what a test wants to know of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from processor.kafka.admin import Admin
from processor.kafka.client import admin_client, transactional_producer
from processor.kafka.lag import progress
from processor.kafka.reader import TopicReader
from processor.kafka.topic_state import NewTopicState
from processor.kafka.writer import Outgoing, write_transaction
from processor.secrets import SecretStore
from processor.topics.names import INPUTS_DEAD_LETTERS, inputs_topic, prefixed
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from processor.connect.worker import LocalConnect
    from processor.kafka.reader import Record
    from processor.settings import Settings

BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
# Small waits, so that scenarios are quick; each can be given otherwise.
QUICK = {"retry.backoff.ms": "50", "retry.backoff.max.ms": "400", "request.timeout.ms": "10000"}
ROOMY = {"max.message.bytes": str(64 << 20)}
PER_TRANSACTION = 500


def input_body(number: int | str, **data: Any) -> dict[str, Any]:
    """An input as the processor writes it."""
    name = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    own = {"text": {"raw": f"input {number}"}, "metadata": {"collected": {"prediction_id": str(number), "tags": ["night"]}}}
    return {"id": name, "dataset_ids": ["relabel", "d-1"], "data": own | data}


class Sink:
    """One destination app's topic and connector.

    Args:
        worker: where the connector runs.
        settings: the cluster and a prefix.
        secrets: the secret store that the worker reads.
        url: of the destination.
        app: the app's id; its user is ``acme``, its key ``ingest``.
    """

    def __init__(self, worker: LocalConnect, settings: Settings, secrets: Path, url: str, app: str = "quality") -> None:
        self._worker = worker
        self._settings = settings
        self._secrets = secrets
        self._url = url
        self._app = app
        self.app = f"acme/{app}"
        self.topic = prefixed(settings, inputs_topic("acme", app))
        self.dead_letters_topic = prefixed(settings, INPUTS_DEAD_LETTERS)

    def make_topics(self, partitions: int = 1) -> None:
        """The app's inputs topic and the dead letters, with room for what is put there by hand."""
        topics = [NewTopicState(self.topic, partitions, 1, ROOMY), NewTopicState(self.dead_letters_topic, 1, 1, ROOMY)]
        Admin(self._settings).create(topics)
        Admin(self._settings).wait_for_topics([topic.name for topic in topics])

    def store_secret(self, secret: str) -> None:
        """Put the key's secret into the store, or another one in its place."""
        SecretStore(self._secrets).put("acme", self._app, "ingest", secret)

    def publish(self, inputs: Iterable[dict[str, Any]]) -> set[str]:
        """Write inputs in transactions, as the processor does; their ids."""
        return self.publish_raw([(each["id"].encode(), json.dumps(each).encode()) for each in inputs])

    def publish_raw(self, records: Sequence[tuple[bytes | None, bytes | None]]) -> set[str]:
        """Write whatever it is; the keys."""
        for start in range(0, len(records), PER_TRANSACTION):
            part = [
                Outgoing(self.topic, key, value, (("collector", b"acme/quality/a"),))
                for key, value in records[start : start + PER_TRANSACTION]
            ]
            write_transaction(self._settings, part)
        return {key.decode() for key, _ in records if key is not None}

    def publish_aborted(self, inputs: Iterable[dict[str, Any]]) -> None:
        """Write inputs in a transaction that is aborted once they are in the log."""
        producer = transactional_producer(self._settings, f"{self.topic}.aborting")
        producer.init_transactions(30)
        producer.begin_transaction()
        for each in inputs:
            producer.produce(self.topic, json.dumps(each), each["id"])
        producer.flush(30)
        producer.abort_transaction(30)

    def committed_note(self) -> dict[str, Any]:
        """What the connector left beside its committed offset."""
        wanted = [ConsumerGroupTopicPartitions(f"connect-{self.topic}", [TopicPartition(self.topic, 0)])]
        admin = admin_client(self._settings)  # kept: its answers never come once it is gone
        (answer,) = admin.list_consumer_group_offsets(wanted).values()
        found: dict[str, Any] = json.loads(answer.result(30).topic_partitions[0].metadata or '{"error": ""}')
        return found

    def config(self, **options: Any) -> dict[str, str]:
        """The connector's options, ``_`` for ``.`` in names."""
        return {
            "connector.class": "collectors.connect.InputsSinkConnector",
            "topics": self.topic,
            "tasks.max": "1",
            "destination.url": self._url,
            "destination.user.id": "acme",
            "destination.app.id": self._app,
            "destination.key.id": "ingest",
            "destination.key": f"${{directory:{self._secrets}:acme.{self._app}.ingest}}",
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": self.dead_letters_topic,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
            "consumer.override.isolation.level": "read_committed",
            "consumer.override.session.timeout.ms": "6000",
            "producer.override.max.request.size": str(64 << 20),
            "producer.override.buffer.memory": str(64 << 20),
            "key.converter": BYTES,
            "value.converter": BYTES,
            "header.converter": BYTES,
        } | QUICK | {name.replace("_", "."): str(value) for name, value in options.items()}  # fmt: skip

    def start(self, **options: Any) -> None:
        """Make the connector, or give it other options, and wait until its task runs."""
        answer = self.rest("PUT", f"/connectors/{self.topic}/config", json=self.config(**options))
        assert answer.status_code in (200, 201), answer.text
        wait_until(
            lambda: [task["state"] for task in self.status()["tasks"]] == ["RUNNING"] * int(options.get("tasks_max", 1)), "its tasks", 60
        )

    def rest(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask the worker; a worker that shares out its work is asked again."""
        with httpx.Client(base_url=self._worker.url, timeout=30, trust_env=False) as client:
            return wait_until(lambda: _settled(client.request(method, path, **arguments)), f"{method} {path}", 60, 0.2)

    def status(self) -> dict[str, Any]:
        """State of connector and tasks."""
        found: dict[str, Any] = self.rest("GET", f"/connectors/{self.topic}/status").json()
        return found if "tasks" in found else {"connector": {}, "tasks": []}

    def failure(self) -> str:
        """Wait for the task to fail; its error."""
        task = wait_until(
            lambda: next((task for task in self.status()["tasks"] if task["state"] == "FAILED"), None), "the task to fail", 60
        )
        return str(task["trace"])

    def restart(self) -> None:
        """Start what failed again."""
        answer = self.rest("POST", f"/connectors/{self.topic}/restart?includeTasks=true&onlyFailed=true")
        assert answer.is_success, answer.text

    def delete(self) -> None:
        """Remove the connector."""
        self.rest("DELETE", f"/connectors/{self.topic}")

    def wait_committed(self, timeout_s: float = 60) -> None:
        """Wait until everything is acknowledged; what stays uncommitted are the markers of transactions."""
        wait_until(lambda: self.unread() == 0, f"all of {self.topic} to be committed ({self.unread()} are not)", timeout_s, 0.1)

    def unread(self) -> int:
        """Records that a group would still be given, markers of transactions left out."""
        behind = progress(self._settings, f"connect-{self.topic}", self.topic)
        if behind.lag > PER_TRANSACTION * 4:
            return behind.lag
        first = behind.published - behind.lag
        return sum(1 for record in self.read(self.topic) if record.offset >= first) if behind.lag else 0

    def dead_letters(self) -> list[Record]:
        """What the destination refused."""
        return self.read(self.dead_letters_topic)

    def read(self, topic: str) -> list[Record]:
        """A whole topic, read committed."""
        reader = TopicReader(self._settings, [topic])
        try:
            return list(reader.read_to_end())
        finally:
            reader.close()


def message(record: Record) -> str:
    """What a dead letter says of its refusal."""
    return dict(record.headers)["__connect.errors.exception.message"].decode()


def _settled(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == httpx.codes.CONFLICT else answer
