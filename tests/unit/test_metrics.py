"""What a process tells Prometheus."""

from __future__ import annotations

import socket

import pytest
from prometheus_client import generate_latest

from processor.errors import FixMachine
from processor.metrics import Metrics


def test_a_partition_that_went_away_is_told_no_longer() -> None:
    metrics = Metrics()
    metrics.lag.labels(3).set(7)
    metrics.lag.labels(4).set(1)
    metrics.forget(3)
    metrics.forget(5)  # assigned and taken away before anything was committed
    told = [line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith("collectors_lag_messages{")]
    assert told == ['collectors_lag_messages{partition="4"} 1.0']


def test_a_state_that_no_connector_is_in_any_more_is_told_no_longer() -> None:
    metrics = Metrics()
    metrics.connectors_are({"RUNNING": 2, "FAILED": 1})
    metrics.connectors_are({"RUNNING": 3})
    told = [line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith("collectors_sink_connectors{")]
    assert told == ['collectors_sink_connectors{state="RUNNING"} 3.0']


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - where Prometheus is answered as well
        port = taken.getsockname()[1]
        with pytest.raises(FixMachine, match=f"metrics port {port}: .*choose another --metrics-port"):
            Metrics().serve(port)


class Part:
    """A part of the state."""

    size, nbytes = 3, 40


def test_state_is_measured_when_somebody_asks() -> None:
    metrics, parts = Metrics(), [Part()]
    metrics.restored("counters", 0.5, 7, 900)
    metrics.holds("counters", lambda: parts)
    parts.append(Part())
    lines = generate_latest(metrics.registry).decode().splitlines()
    told = dict(line.split(" ") for line in lines if line.startswith(("collectors_restore", "collectors_state")))
    assert told == {
        'collectors_restore_seconds{state="counters"}': "0.5",
        'collectors_restored_records{state="counters"}': "7.0",
        'collectors_restored_bytes{state="counters"}': "900.0",
        'collectors_state_entries{state="counters"}': "6.0",
        'collectors_state_bytes{state="counters"}': "80.0",
    }
