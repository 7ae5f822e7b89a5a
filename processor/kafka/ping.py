"""Whether a broker answers."""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

TIMEOUT_S = 1.0

# A broker that is just starting refuses connections; that is what is asked here and no news.
_unheard = logging.getLogger("collectors.kafka.ping")
_unheard.setLevel(logging.CRITICAL + 1)


def answers(bootstrap_servers: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the cluster there tells its metadata and has a broker that takes requests."""
    config: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, "logger": _unheard, "reconnect.backoff.max.ms": 200}
    try:
        return bool(AdminClient(config).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False
