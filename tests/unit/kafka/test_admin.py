"""What the cluster says, as errors that say what to do."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor.errors import FixCluster
from processor.kafka import admin
from processor.kafka.admin import Admin
from processor.kafka.failure import NEXT_STEP, cluster_error
from processor.kafka.machine import free_port
from processor.settings import Settings


@pytest.mark.parametrize("code", NEXT_STEP)
def test_a_known_failure_says_what_was_tried_what_came_back_and_what_to_do(code: int) -> None:
    text = str(cluster_error("creating topic t", KafkaException(KafkaError(code, "the broker's words"))))
    assert text.startswith("creating topic t: the broker's words")
    assert text.endswith(NEXT_STEP[code])


def test_an_unknown_failure_points_to_the_brokers_logs() -> None:
    text = str(cluster_error("creating topic t", KafkaException(KafkaError(KafkaError.UNKNOWN))))
    assert "creating topic t" in text
    assert "logs" in text


def test_a_cluster_that_does_not_answer_is_an_error_that_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "REQUEST_TIMEOUT_S", 0.3)
    with pytest.raises(FixCluster, match="COLLECTORS_BOOTSTRAP_SERVERS"):
        Admin(Settings(bootstrap_servers=f"127.0.0.1:{free_port()}")).names()
