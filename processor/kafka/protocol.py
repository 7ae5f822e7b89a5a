"""Which group protocol the brokers speak."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from processor.kafka.client import admin_client
from processor.kafka.failure import cluster_error, error_code, passes
from processor.kafka.refusals import ask_for_topics

if TYPE_CHECKING:
    from processor.settings import Settings

BROKER_SETTING = "group.coordinator.rebalance.protocols"
TIMEOUT_S = 10.0
log = logging.getLogger("collectors.kafka")


def group_protocol(settings: Settings) -> str:
    """``consumer`` (KIP-848) where the brokers have it, else ``classic``; a protocol that is set is taken as it is.

    Raises:
        ClusterAway: no broker answers.

    A broker that does not let us read its configuration is taken for one without: every broker speaks the classic protocol.
    """
    if settings.group_protocol != "auto":
        return settings.group_protocol
    admin = admin_client(settings)
    try:
        protocols = _broker_setting(admin)
    except KafkaException as error:
        if passes(error_code(error)):
            raise cluster_error("asking for the group protocols", error, admin) from None
        log.warning(
            "cannot ask the brokers for their group protocols (%s): using classic; set group_protocol to decide", error.args[0].str()
        )
        return "classic"
    return "consumer" if "consumer" in protocols.split(",") else "classic"


def _broker_setting(admin: AdminClient) -> str:
    broker = min(ask_for_topics(admin, TIMEOUT_S).brokers)
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    (answer,) = admin.describe_configs([resource], request_timeout=TIMEOUT_S).values()
    entry = answer.result().get(BROKER_SETTING)
    return (entry.value or "") if entry is not None else ""
