"""Making clients of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processor.errors import FixUsage
from processor.kafka.client import BATCH_BYTES, admin_client, fair_fetch, group_consumer, producer, reading_consumer, transactional_producer
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

BROKERS_LIMIT = 57_671_680  # Kafka's documentation: fetch.max.bytes of a broker


@pytest.mark.parametrize("partitions", [1, 4, 6, 12, 50])
def test_a_fetch_has_room_for_each_partition_and_for_a_whole_batch_of_each(partitions: int) -> None:
    fetch = fair_fetch(partitions)
    assert fetch.partition * partitions <= fetch.together <= BROKERS_LIMIT
    assert fetch.partition >= BATCH_BYTES


@pytest.mark.parametrize(
    "make",
    [
        admin_client,
        producer,
        reading_consumer,
        lambda settings: transactional_producer(settings, "id"),
        lambda settings: group_consumer(settings, "group", "consumer", fair_fetch(6)),
        lambda settings: group_consumer(settings, "group", "classic", fair_fetch(6)),
    ],
)
@pytest.mark.parametrize(("name", "value"), [("no.such.property", "x"), ("security.protocol", "sesame"), ("socket.timeout.ms", "sesame")])
def test_a_property_that_the_client_refuses_is_a_fault_of_the_settings(make: Callable[[Settings], Any], name: str, value: str) -> None:
    settings = Settings.model_validate({"bootstrap_servers": "127.0.0.1:1", "kafka": {name: value, "sasl.password": "sesame"}})
    with pytest.raises(FixUsage, match=f'"{name}".*COLLECTORS_KAFKA') as told:
        make(settings)
    assert "sesame" not in str(told.value)
