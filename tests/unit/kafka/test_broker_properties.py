"""The settings of a local broker."""

from __future__ import annotations

from processor.kafka.broker_properties import broker_properties, properties_text


def test_nothing_but_loopback_is_listened_on() -> None:
    properties = broker_properties("127.0.0.1", 9092, 20_001, {})
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:20001"
    assert properties["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert properties["controller.quorum.voters"] == "1@127.0.0.1:20001"


def test_every_replication_factor_and_in_sync_minimum_is_one() -> None:
    properties = broker_properties("127.0.0.1", 9092, 20_001, {})
    values = {value for name, value in properties.items() if name.endswith(("replication.factor", "min.isr", "insync.replicas"))}
    assert values == {"1"}


def test_asking_for_a_topic_does_not_create_it() -> None:
    assert broker_properties("127.0.0.1", 9092, 20_001, {})["auto.create.topics.enable"] == "false"


def test_further_properties_win() -> None:
    assert broker_properties("127.0.0.1", 9092, 20_001, {"num.io.threads": "1"})["num.io.threads"] == "1"


def test_a_folder_with_backslashes_is_written_as_java_reads_it() -> None:
    assert properties_text({"log.dirs": r"a\b", "node.id": "1"}) == "log.dirs=a\\\\b\nnode.id=1\n"
