"""The pinned jars of Kafka 4.3.1."""

from __future__ import annotations

import re

from processor.kafka.jars import KAFKA_VERSION, manifest


def test_the_broker_alone_needs_46_of_the_91_jars_of_broker_and_connect() -> None:
    assert (len(manifest("broker")), len(manifest("broker", "connect"))) == (46, 91)


def test_one_jar_is_the_compiler_of_the_plugin() -> None:
    assert [jar.coordinates.split(":")[1] for jar in manifest("compiler")] == ["ecj"]


def test_a_download_of_the_broker_is_45_megabytes() -> None:
    assert sum(jar.bytes for jar in manifest("broker")) == 45_033_090


def test_every_jar_is_pinned_by_a_version_and_a_sha256() -> None:
    assert all(
        re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and re.fullmatch(r"[\w.-]+:[\w.-]+:[\w.-]+", jar.coordinates) for jar in manifest()
    )


def test_no_two_jars_share_a_file_name() -> None:
    assert len({jar.name for jar in manifest()}) == len(manifest())


def test_all_parts_of_kafka_have_the_version_that_is_told() -> None:
    versions = {jar.coordinates.rsplit(":", 1)[1] for jar in manifest() if jar.coordinates.startswith("org.apache.kafka:")}
    assert versions == {KAFKA_VERSION}


def test_a_repository_keeps_a_jar_under_its_group_artifact_and_version() -> None:
    jar = next(jar for jar in manifest() if jar.name == "kafka-clients-4.3.1.jar")
    assert jar.path == "org/apache/kafka/kafka-clients/4.3.1/kafka-clients-4.3.1.jar"
