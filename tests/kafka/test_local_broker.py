"""The local broker is a real one, it comes back with its data, and it says why when it cannot start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from processor.errors import FixMachine
from processor.kafka.broker_properties import QUICK_RECOVERY
from processor.kafka.local import LocalBroker
from processor.kafka.machine import free_port
from processor.settings import Settings
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.brokers import Broker

pytestmark = pytest.mark.kafka


def _create(bootstrap_servers: str, topic: str) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap_servers})
    client.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)


def _produce(bootstrap_servers: str, topic: str, value: bytes, **properties: Any) -> None:
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True}
        | {name.replace("_", "."): properties[name] for name in properties}
    )
    producer.produce(topic, value)
    assert producer.flush(10) == 0


def _first(bootstrap_servers: str, topic: str) -> bytes:
    """The first record of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "nobody", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(20)
        assert message is not None, "nothing was there to read"
        assert message.error() is None
        value = message.value()
        assert isinstance(value, bytes)
        return value
    finally:
        consumer.close()


def _joins(bootstrap_servers: str, topic: str, protocol: str) -> bool:
    """Whether a group with this protocol gets partitions; False when the broker refuses the protocol."""
    config: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, "group.id": f"{topic}-{protocol}", "group.protocol": protocol}
    consumer = Consumer(config | {"auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])

        def assigned_or_refused() -> str:
            message = consumer.poll(0.05)
            if message is not None and message.error() is not None:
                return "refused"
            return "assigned" if consumer.assignment() else ""

        return wait_until(assigned_or_refused, f"the {protocol} group to be assigned or refused") == "assigned"
    except KafkaException:
        return False
    finally:
        consumer.close()


def test_the_broker_notices_quickly_that_a_client_is_gone(broker: Broker) -> None:
    resource = ConfigResource(ResourceType.BROKER, "1")
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    configs = client.describe_configs([resource])[resource].result(10)
    assert {name: configs[name].value for name in QUICK_RECOVERY} == QUICK_RECOVERY


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_both_group_protocols_are_served(settings: Settings, protocol: str) -> None:
    """Without the checkpoint that formatting writes, ``consumer`` would be refused."""
    topic = f"{settings.topic_prefix}{protocol}"
    _create(settings.bootstrap_servers, topic)
    assert _joins(settings.bootstrap_servers, topic, protocol)


def test_a_topic_that_nobody_created_is_not_there_after_being_asked_for(settings: Settings) -> None:
    client = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "allow.auto.create.topics": True})
    topic = f"{settings.topic_prefix}nowhere"
    client.list_topics(topic, timeout=10)
    assert topic not in client.list_topics(timeout=10).topics


def test_further_properties_reach_the_broker_and_data_outlive_kill_and_stop(new_broker: Callable[[Mapping[str, str]], Broker]) -> None:
    """One broker for all of it, since each costs seconds: KIP-848 is off, records stay, and the address stays."""
    broker = new_broker({"group.coordinator.rebalance.protocols": "classic"})
    address = broker.bootstrap_servers
    _create(address, "kept")
    _produce(address, "kept", b"before the crash")
    assert not _joins(address, "kept", "consumer")
    for end in (broker.kill, broker.stop):
        end()
        broker.start()
        assert (broker.bootstrap_servers, _first(address, "kept")) == (address, b"before the crash")


def test_a_broker_that_cannot_start_shows_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(FixMachine, match=r"(?s)could not be prepared.*nonsense"):
        LocalBroker(Settings(), tmp_path, extra_properties={"log.retention.ms": "nonsense"}).start()
    assert not (tmp_path / "data").exists()


def test_a_broker_that_dies_while_it_starts_shows_its_last_words(tmp_path: Path) -> None:
    """A data folder that was never formatted passes for one that was, until the broker looks into it."""
    (tmp_path / "data").mkdir()
    broker = LocalBroker(Settings(), tmp_path)
    with pytest.raises(FixMachine, match=r"(?s)ended while it started; the last lines of its log:\n.*meta\.properties"):
        broker.start()
    assert broker.running is None


def _cli(folder: Path, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "processor", "kafka", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_starts_tells_and_stops_a_broker_whose_data_outlive_a_crash(tmp_path: Path) -> None:
    port = free_port()
    assert _cli(tmp_path, "status", "--json")[0] == 1
    try:
        code, out, err = _cli(tmp_path, "up", "--port", str(port))
        assert code == 0, err
        assert out.split(" (")[0] == f"Apache Kafka 4.3.1 runs at 127.0.0.1:{port}"
        assert "already runs" in _cli(tmp_path, "up")[1]
        code, out, _ = _cli(tmp_path, "status", "--json")
        told = json.loads(out)
        assert (code, told["running"], told["bootstrap_servers"]) == (0, True, f"127.0.0.1:{port}")
        _create(told["bootstrap_servers"], "kept")
        _produce(told["bootstrap_servers"], "kept", b"before the crash")
        os.kill(told["pid"], signal.SIGKILL)
        wait_until(lambda: _cli(tmp_path, "status")[0] == 1, "status to say that the broker is gone")
        assert _cli(tmp_path, "up", "--port", str(port))[0] == 0
        assert _first(told["bootstrap_servers"], "kept") == b"before the crash"
    finally:
        code, out, err = _cli(tmp_path, "down")
    assert (code, out.split(" at ")[0], err) == (0, "stopped the broker", "")
    assert _cli(tmp_path, "status")[0] == 1
    assert _cli(tmp_path, "down")[:2] == (0, "no broker runs in this folder\n")
