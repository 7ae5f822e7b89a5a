"""Making clients of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processor.errors import FixUsage
from processor.kafka.client import FETCH_BYTES, admin_client, group_consumer, producer, reading_consumer, transactional_producer
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "make",
    [
        admin_client,
        producer,
        reading_consumer,
        lambda settings: transactional_producer(settings, "id"),
        lambda settings: group_consumer(settings, "group", "consumer", FETCH_BYTES),
        lambda settings: group_consumer(settings, "group", "classic", FETCH_BYTES),
    ],
)
@pytest.mark.parametrize(("name", "value"), [("no.such.property", "x"), ("security.protocol", "sesame"), ("socket.timeout.ms", "sesame")])
def test_a_property_that_the_client_refuses_is_a_fault_of_the_settings(make: Callable[[Settings], Any], name: str, value: str) -> None:
    settings = Settings.model_validate({"bootstrap_servers": "127.0.0.1:1", "kafka": {name: value, "sasl.password": "sesame"}})
    with pytest.raises(FixUsage, match=f'"{name}".*COLLECTORS_KAFKA') as told:
        make(settings)
    assert "sesame" not in str(told.value)
