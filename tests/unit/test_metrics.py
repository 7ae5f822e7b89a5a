"""What a process tells Prometheus."""

from __future__ import annotations

from prometheus_client import generate_latest

from processor.metrics import Metrics


def test_a_partition_that_went_away_is_told_no_longer() -> None:
    metrics = Metrics()
    metrics.lag.labels(3).set(7)
    metrics.lag.labels(4).set(1)
    metrics.forget(3)
    metrics.forget(5)  # assigned and taken away before anything was committed
    told = [line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith("collectors_lag_messages{")]
    assert told == ['collectors_lag_messages{partition="4"} 1.0']
