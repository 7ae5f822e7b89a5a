"""What a client is told at the door: remembered for a moment, told once, and not taken for a broker that is away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor.errors import ClusterAway, FixCluster
from processor.kafka import refusals
from processor.kafka.failure import GRANT, NOT_ALLOWED, cluster_error, error_code, passes
from processor.kafka.refusals import FRESH_S, REFUSALS, Refusals, ask_for_topics

AUTHENTICATION = KafkaError(KafkaError._AUTHENTICATION, "sasl_ssl://b:1: SASL authentication error: invalid (after 3ms in state AUTH_REQ)")
ALERT = KafkaError(KafkaError._TRANSPORT, "Receive failed: SSL routines::tlsv13 alert certificate required")
BROKEN = KafkaError(
    KafkaError._AUTHENTICATION,
    "SASL SCRAM-SHA-512 mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: ",
)
DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
SILENCE = KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_it_is_told_once_and_without_the_time_it_took() -> None:
    refusals = Refusals(Clock())
    refusals.note(AUTHENTICATION)
    refusals.note(DOWN)
    told = str(refusals.take())
    assert "SASL authentication error: invalid: correct sasl.username" in told
    assert "after 3ms" not in told
    assert refusals.take() is None


@pytest.mark.parametrize("said", [DOWN, BROKEN])
def test_a_broker_that_went_away_while_it_let_somebody_in_has_refused_nobody(said: KafkaError) -> None:
    refusals = Refusals(Clock())
    refusals.note(said)
    assert not refusals.fresh()


def test_an_old_one_is_no_reason() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.note(ALERT)
    assert refusals.fresh()
    clock.now_s += FRESH_S
    assert not refusals.fresh()
    assert refusals.take() is None


@pytest.mark.parametrize(("said", "kind", "told"), [(AUTHENTICATION, FixCluster, "sasl.password"), (ALERT, ClusterAway, "ssl.ca.location")])
def test_a_password_must_be_mended_and_a_connection_may_only_have_been_cut(said: KafkaError, kind: type, told: str) -> None:
    REFUSALS.note(said)
    error = cluster_error("asking", SILENCE)
    assert type(error) is kind
    assert told in str(error)
    assert "is the cluster up" in str(cluster_error("asking", SILENCE)), "the next time it is a silence like any other"


@pytest.mark.parametrize("code", sorted(NOT_ALLOWED))
def test_what_is_not_allowed_is_told_with_who_grants_it(code: int) -> None:
    told = str(cluster_error("writing to t", KafkaException(KafkaError(code))))
    assert told.startswith("writing to t: ")
    assert told.endswith(GRANT)
    assert "`collectors topics plan --acls`" in told


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "NOBODY_RETRY_S", 0.0)
    monkeypatch.setattr(refusals, "TURNS_S", (0.01, 0.02))


def client(*answers: list[int]) -> Any:
    """It names these brokers, one answer after the other, and the last ones for ever."""
    rest = list(answers)
    return SimpleNamespace(list_topics=lambda **_: SimpleNamespace(brokers=rest.pop(0) if len(rest) > 1 else rest[0]), poll=lambda _: None)


@pytest.mark.usefixtures("no_waiting")
def test_a_cluster_that_says_that_it_has_no_brokers_is_asked_again() -> None:
    assert ask_for_topics(client([], [], [1]), 5.0).brokers == [1]


@pytest.mark.usefixtures("no_waiting")
def test_a_cluster_that_goes_on_saying_so_is_away() -> None:
    with pytest.raises(KafkaException, match="no brokers") as told:
        ask_for_topics(client([]), 0.05)
    assert passes(error_code(told.value))
