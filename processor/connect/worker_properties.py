"""The settings of a local Kafka Connect worker: one node on loopback, its secrets read from one folder and from nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
PROVIDERS = "org.apache.kafka.common.config.provider"
# One node holds every replica there is, and few partitions keep its start quick.
INTERNAL_TOPICS = {
    "config.storage.replication.factor": "1",
    "offset.storage.replication.factor": "1",
    "offset.storage.partitions": "1",
    "status.storage.replication.factor": "1",
    "status.storage.partitions": "1",
}
# A worker that was killed is forgotten after ten seconds instead of a minute, and its connectors do not wait five minutes for it.
QUICK_RECOVERY = {
    "session.timeout.ms": "10000",
    "heartbeat.interval.ms": "3000",
    "scheduled.rebalance.max.delay.ms": "1000",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker is and what it works with.

    Attributes:
        bootstrap_servers: its cluster.
        prefix: of its group and its own topics.
        url: where its REST API answers.
        plugins: the folder with the plugin's folder.
        secrets: the secret store: the one folder that configurations may refer to.
    """

    bootstrap_servers: str
    prefix: str
    url: str
    plugins: Path
    secrets: Path


def worker_properties(place: Place, extra: Mapping[str, str]) -> dict[str, str]:
    """All settings of a worker; ``extra`` wins."""
    return {
        "bootstrap.servers": place.bootstrap_servers,
        "group.id": f"{place.prefix}connect",
        "config.storage.topic": f"{place.prefix}connect-configs",
        "offset.storage.topic": f"{place.prefix}connect-offsets",
        "status.storage.topic": f"{place.prefix}connect-status",
        "listeners": place.url,
        "key.converter": BYTES,
        "value.converter": BYTES,
        # Records are handed on as they are: looking into their headers would cost more than posting them.
        "header.converter": BYTES,
        "plugin.path": str(place.plugins),
        # Looking through every class of every jar instead costs 386 MB.
        "plugin.discovery": "service_load",
        "config.providers": "directory,file",
        "config.providers.directory.class": f"{PROVIDERS}.DirectoryConfigProvider",
        "config.providers.directory.param.allowed.paths": str(place.secrets),
        "config.providers.file.class": f"{PROVIDERS}.FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(place.secrets),
        "offset.flush.interval.ms": "5000",
        # Topics are made by those who own them.
        "topic.creation.enable": "false",
        **INTERNAL_TOPICS,
        **QUICK_RECOVERY,
        **extra,
    }
