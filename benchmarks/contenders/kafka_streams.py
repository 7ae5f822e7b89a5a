"""Kafka Streams, in Java: one stream thread, exactly once, the collectors in a global store that follows a compacted topic.

The sources are in ``java/``. They are compiled on this machine, against jars pinned here and those of the local broker.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from benchmarks.support.java import build, chosen
from benchmarks.support.job import Job
from benchmarks.support.loop import MODEL
from processor.kafka.admin import Admin
from processor.kafka.client import producer
from processor.kafka.jars import Jar
from processor.kafka.java import bundled_java, java_command, java_environment
from processor.kafka.topic_state import NewTopicState
from processor.settings import Settings

if TYPE_CHECKING:
    from benchmarks.support.job import Watch

MAIN_CLASS = "collectors.bench.Main"
SOURCES = Path(__file__).with_name("java")
PINNED = (
    Jar("org.apache.kafka:kafka-streams:4.3.1", 2277950, "bd73f3805e116f711e8456ee89a8a5b43ff5dcf5a5bb865afae29deae89e7c4b", "benchmark"),
    Jar("org.apache.avro:avro:1.12.1", 718936, "72600f057bfbe2efe35fa55433e7756d45667dc938934be38a6e2be368aca237", "benchmark"),
)
# RocksDB (75 MB) is not among them: the only store is in memory.
OF_THE_BROKER = (
    "kafka-clients",
    "lz4-java",
    "hash4j",
    "jackson-annotations",
    "jackson-core",
    "jackson-databind",
    "slf4j-api",
    "log4j-api",
    "log4j-core",
    "log4j-slf4j-impl",
)
# One core: the serial collector, with a heap of a fixed size that it never has to grow, and both compilers.
FLAGS = ("-Xms1g", "-Xmx1g", "-XX:+UseSerialGC", "-XX:+AlwaysPreTouch", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")


def prepare() -> list[Path]:
    """Fetch and compile; the class path."""
    return build(Settings(bootstrap_servers=""), SOURCES, [*PINNED, *chosen(*OF_THE_BROKER)])


def main() -> None:
    """Publish the collectors, then become the Java program."""
    classpath, job = prepare(), Job.read(sys.argv[1])
    topic, state = f"{job.topic_prefix}benchmark.collectors", tempfile.mkdtemp(prefix="state-", dir=Path(sys.argv[1]).parent)
    publish(job, topic)
    command = java_command(bundled_java(), classpath, MAIN_CLASS, sys.argv[1], topic, state, flags=FLAGS)
    os.execve(command[0], command, java_environment())  # noqa: S606 - our own command


def publish(job: Job, topic: str) -> None:
    """One document a collector, on a compacted topic."""
    settings = Settings(bootstrap_servers=job.bootstrap_servers)
    admin, publisher = Admin(settings), producer(settings)
    admin.create([NewTopicState(topic, 1, 1, {"cleanup.policy": "compact"})])
    admin.wait_for_topics([topic])
    for watch in job.collectors:
        publisher.produce(topic, key=watch.plan.key.encode(), value=orjson.dumps(document(watch)))
    publisher.flush()


def document(watch: Watch) -> dict[str, object]:
    """A collector as its document says it: a workflow of two operators."""
    plan = watch.plan
    return {
        "key": plan.key,
        "topic": watch.topic,
        "model": MODEL,
        "inclusion_probability": watch.inclusion_probability,
        "workflow": [
            {"type": "max-probability", "below": plan.threshold},
            {"type": "random-sample", "group": plan.group, "salt": plan.salt, "limit": plan.limit},
        ],
    }


if __name__ == "__main__":
    main()
