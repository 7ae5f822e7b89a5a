"""Whether a broker answers."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 1.0
NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})

# A broker that is just starting refuses connections; that is what is asked here and no news.
_unheard = logging.getLogger("collectors.kafka.ping")
_unheard.setLevel(logging.CRITICAL + 1)


def answers(bootstrap_servers: str, timeout_s: float = TIMEOUT_S, properties: Mapping[str, str] = NO_PROPERTIES) -> bool:
    """Whether the cluster there tells its metadata and has a broker that takes requests.

    Args:
        bootstrap_servers: ``host:port``.
        timeout_s: how long an answer may take.
        properties: what a client needs beside the address, where not everybody is let in.
    """
    quiet: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, "logger": _unheard, "reconnect.backoff.max.ms": 200}
    config = {**properties, **quiet}
    try:
        return bool(AdminClient(config).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False
