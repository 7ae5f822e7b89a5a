"""`collectors run sink` on a real worker: from documents to inputs at a destination, and what status says of it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from processor.app import sink_status
from processor.kafka.writer import Outgoing, write_transaction
from processor.topics.names import inputs_topic, prefixed
from tests.support.destination import FAILURE, INPUT_INVALID, FakeDestination, status, whole
from tests.support.processes import REPOSITORY
from tests.support.sink import input_body
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processor.connect.worker import LocalConnect
    from processor.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

DOCUMENTS = """
kind: App
user_id: acme
id: quality
plan: professional
destination_url: {url}
---
kind: Collector
user_id: acme
app_id: quality
id: everything
pre_queue_random_sample: 1.0
{status}
collector_source:
  api_post_model_outputs_collector_source:
    {{model_user_id: clarifai, model_app_id: main, model_id: general, post_inputs_key_id: ingest}}
"""
PREDICTION = {"model": {"user_id": "clarifai", "app_id": "main", "id": "general"}, "input": {"data": {"text": {"raw": "a cat"}}}}
ACTIVE, PAUSED = "status: {code: 52001}", "status: {code: 52002}"


@dataclass
class World:
    """A directory in which commands are typed, on a cluster, a worker and a destination."""

    folder: Path
    settings: Settings
    worker: LocalConnect
    destination: FakeDestination

    def __post_init__(self) -> None:
        self.connect_url = self.worker.url
        self.log = self.folder / "run.log"
        self.topic = prefixed(self.settings, inputs_topic("acme", "quality"))
        self._environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY),
            "COLLECTORS_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "COLLECTORS_TOPIC_PREFIX": self.settings.topic_prefix,
            "COLLECTORS_INSTANCE": self.settings.instance,
            # The worker knows the folder by this name.
            "COLLECTORS_CONNECT_SECRETS_FOLDER": str((self.folder / ".collectors" / "secrets").resolve()),
            "COLLECTORS_CONNECTOR_OPTIONS": orjson.dumps({"retry.backoff.ms": "50", "retry.backoff.max.ms": "400"}).decode(),
        }

    def type(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        command, environment = [sys.executable, "-m", "processor", *words], self.environment()
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=given, capture_output=True, text=True, timeout=120, check=False
        )

    def environment(self) -> dict[str, str]:
        return self._environment | {"COLLECTORS_CONNECT_URL": self.connect_url}

    def expect(self, *words: str, given: str | None = None) -> str:
        done = self.type(*words, given=given)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, *words: str) -> Iterator[Path]:
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "processor", *words]
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stderr=output)
        try:
            yield self.log
            assert process.poll() is None, self.log.read_text()
        finally:
            process.terminate()
            process.wait(60)

    def write(self, paused: bool = False) -> None:
        self.expect("apply", "-f", "-", given=DOCUMENTS.format(url=self.destination.url, status=PAUSED if paused else ACTIVE))

    def publish(self, *ids: str) -> None:
        lines = "\n".join(orjson.dumps({"id": each, **PREDICTION}).decode() for each in ids)
        self.expect("produce", "-", given=lines)

    def row(self) -> dict[str, Any]:
        """What `connect status` prints of the app; empty: nothing. Without starting a process each time."""
        secrets = self._environment["COLLECTORS_CONNECT_SECRETS_FOLDER"]
        rows = sink_status(self.settings.model_copy(update={"connect_url": self.connect_url, "connect_secrets_folder": secrets}))
        return asdict(rows[0]) if rows else {}

    def wait_for(self, **wanted: Any) -> None:
        """Wait until the app's row has these values."""
        seen: list[dict[str, Any]] = []

        def look() -> bool:
            seen[:] = [self.row()]
            return {name: seen[0].get(name) for name in wanted} == wanted

        try:
            wait_until(look, f"the sink to be {wanted}", 60, 0.2)
        except AssertionError as error:
            error.add_note(f"{seen}\n{self.log.read_text()}")
            raise

    def ids(self) -> set[str]:
        """Predictions whose inputs the destination has."""
        stored = self.destination.stored.get("acme/quality", {})
        return {body["data"]["metadata"]["collected"]["prediction_id"] for body in stored.values()}


@pytest.fixture
def world(tmp_path: Path, settings: Settings, worker: LocalConnect, secrets_folder: Path, destination: FakeDestination) -> Iterator[World]:
    """Topics, documents and a key, whose secret the destination knows and the worker can read."""
    (tmp_path / ".collectors").mkdir()
    (tmp_path / ".collectors" / "secrets").symlink_to(secrets_folder)
    made = World(tmp_path, settings, worker, destination)
    made.expect("topics", "apply")
    new_key(made)
    try:
        yield made
    finally:
        httpx.delete(f"{worker.url}/connectors/{made.topic}", trust_env=False, timeout=30)


def new_key(world: World) -> None:
    """Make the key, or another one in its place; the destination takes only the new secret."""
    world.type("keys", "revoke", "--user", "acme", "--app", "quality", "--id", "ingest")
    made = world.expect("keys", "create", "--user", "acme", "--app", "quality", "--id", "ingest", "--scopes", "PostInputs", "--json")
    world.destination.keys = {orjson.loads(made)["secret"]}


def test_inputs_arrive_from_the_first_collector_to_the_last_pause(world: World) -> None:
    with world.running("run", "all"):
        assert world.row() == {}, "no collector, no sink"
        world.write()
        world.wait_for(state="RUNNING")
        world.publish("p-1", "p-2", "p-3")
        world.wait_for(state="RUNNING", delivered=3, refused=0, lag=0)
        assert world.ids() == {"p-1", "p-2", "p-3"}
        summary = orjson.loads(world.expect("status", "--json"))
        assert summary["sink"] == [{"app": "acme/quality", "state": "RUNNING", "delivered": 3, "refused": 0, "lag": 0}]
        assert summary["lag"]["inputs"] == 0
        world.write(paused=True)
        world.wait_for(state="PAUSED", delivered=3)
        world.write()
        world.wait_for(state="RUNNING")
        world.publish("p-4")
        world.wait_for(state="RUNNING", delivered=4)


def test_a_rotated_key_needs_nobody(world: World) -> None:
    world.write()
    with world.running("run", "all") as log:
        world.publish("p-1")
        world.wait_for(delivered=1)
        new_key(world)
        wait_until(lambda: "resume" in log.read_text(), "the collector to be active again", 60)
        world.publish("p-2")
        world.wait_for(state="RUNNING", delivered=2)
        assert world.ids() == {"p-1", "p-2"}


def test_refused_and_waiting_inputs_are_told_from_delivered_ones(world: World) -> None:
    world.write()
    world.destination.script(*[whole(503, FAILURE)] * 3)
    with world.running("run", "all"):
        world.publish("p-1", "p-2")
        world.wait_for(delivered=2, refused=0, lag=0)
        world.destination.judge = lambda body: status(INPUT_INVALID, "by hand") if body["id"] == "hand" else None
        write_transaction(world.settings, [Outgoing(world.topic, b"hand", orjson.dumps(input_body("x") | {"id": "hand"}))])
        world.wait_for(delivered=2, refused=1, lag=0)


def test_one_round_by_hand_is_the_same_and_the_second_time_nothing(world: World) -> None:
    world.write()
    planned = orjson.loads(world.expect("connect", "plan", "--json"))
    assert [(step["action"], step["name"]) for step in planned["steps"]] == [("create", world.topic)]
    (secret,) = world.destination.keys
    assert secret not in str(planned)
    assert f"create {world.topic}" in world.expect("connect", "apply")
    wait_until(lambda: world.expect("connect", "plan") == "nothing to do\n", "the connector to be as wanted", 60, 0.2)
    connector = f"{world.worker.url}/connectors/{world.topic}"
    httpx.put(f"{connector}/pause", trust_env=False).raise_for_status()
    wait_until(lambda: world.expect("connect", "plan").startswith(f"resume {world.topic}"), "the pause to show", 60, 0.2)


def test_a_connector_of_somebody_else_is_left_alone_and_told_of(world: World) -> None:
    world.write()
    world.expect("connect", "apply")
    connector = f"{world.worker.url}/connectors/{world.topic}/config"
    config = httpx.get(connector, trust_env=False).json() | {"collectors.managed-by": "somebody"}
    httpx.put(connector, json=config, trust_env=False).raise_for_status()
    done = world.type("connect", "apply")
    assert done.returncode == 1
    assert "is somebody else's" in done.stderr
    assert httpx.get(connector, trust_env=False).json() == config


def test_where_no_connect_is_set_every_command_says_so(world: World) -> None:
    world.connect_url = ""
    for words in (("connect", "plan"), ("connect", "apply"), ("run", "sink")):
        done = world.type(*words)
        assert done.returncode == 2
        assert "no Kafka Connect is set: COLLECTORS_CONNECT_URL names a worker" in done.stderr
    assert orjson.loads(world.expect("status", "--json"))["sink"] == []


def test_where_connect_does_not_answer_status_still_counts(world: World) -> None:
    world.write()
    world.connect_url = "http://127.0.0.1:1"
    (row,) = orjson.loads(world.expect("connect", "status", "--json"))
    assert row == world.row()
    assert (row["state"], row["lag"]) == ("UNKNOWN", 0)
    assert "does not answer" in row["error"]
    done = world.type("connect", "plan")
    assert done.returncode == 1
    assert "Kafka Connect at http://127.0.0.1:1 does not answer" in done.stderr
