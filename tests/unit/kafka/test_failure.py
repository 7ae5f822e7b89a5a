"""What the client says of a cluster that is in trouble asks for a restart, and never stops a processor for good."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor.errors import ClusterAway, FixCluster, RestartProcess
from processor.kafka.failure import cluster_error, restarting

PASSING = (
    "_DESTROY_BROKER",
    "_TRANSPORT",
    "_TIMED_OUT",
    "_TIMED_OUT_QUEUE",
    "NETWORK_EXCEPTION",
    "NOT_COORDINATOR",
    "KAFKA_STORAGE_ERROR",
    "NOT_ENOUGH_REPLICAS",
    "UNKNOWN",
)


@pytest.mark.parametrize("name", PASSING)
def test_a_broker_that_went_away_or_a_leader_that_moved_is_waited_for(name: str) -> None:
    error = cluster_error("asking for the end of topic t", KafkaException(KafkaError(getattr(KafkaError, name))))
    assert isinstance(error, ClusterAway)
    with pytest.raises(RestartProcess), restarting():
        raise error


def test_an_error_that_the_client_lost_in_a_callback_asks_for_a_restart() -> None:
    with pytest.raises(RestartProcess, match="_FENCED"), restarting():
        raise SystemError("returned a result with an exception set") from KafkaException(KafkaError(KafkaError._FENCED))


def test_any_other_error_of_the_interpreter_is_not_taken_for_one() -> None:
    with pytest.raises(SystemError), restarting():
        raise SystemError("something else")


def test_what_somebody_has_to_mend_is_not() -> None:
    error = cluster_error("creating topic t", KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
    assert isinstance(error, FixCluster)
    assert not isinstance(error, ClusterAway)
