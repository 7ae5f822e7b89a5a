"""The closed set of metrics of a processor. Steps never measure themselves: they are wrapped, here and in ``app``.

Names follow Prometheus; where OpenTelemetry's messaging conventions have a name for the same thing, docs/metrics.md gives it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from processor.errors import FixMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Sized(Protocol):
    """A part of the state."""

    @property
    def size(self) -> int:
        """How many counts or memories it has."""

    @property
    def nbytes(self) -> int:
        """Memory that they take."""


class Metrics:
    """Every metric of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.consumed = self._counter("collectors_consumed_messages", "Predictions read from the source topic.")
        self.sent = self._counter("collectors_sent_messages", "Records produced, by kind of topic.", "topic")
        self.bad = self._counter("collectors_bad_records", "Records dead-lettered, by reason.", "reason")
        self.decisions = self._counter("collectors_decisions", "Decisions of all collectors, by outcome.", "outcome")
        self.transactions = self._counter("collectors_transactions", "Transactions committed.")
        self.poisoned = self._gauge("collectors_catalog_poisoned_records", "Catalog records that could not be read and were skipped.")
        self.collectors = self._gauge("collectors_catalog_collectors", "Collectors in the catalog, by state.", "state")
        self.partitions = self._gauge("collectors_assigned_partitions", "Source partitions this process owns.")
        self.passed_over = self._gauge("collectors_passed_over_keys", "Keys of the queue whose candidates wait for room at their model.")
        self.connectors = self._gauge("collectors_sink_connectors", "Sink connectors of this system, by state.", "state")
        self.lag = self._gauge("collectors_lag_messages", "Predictions of owned partitions not read yet.", "partition")
        self.restore_seconds = self._gauge("collectors_restore_seconds", "Time that the last restoration of state took.", "state")
        self.restored_records = self._gauge("collectors_restored_records", "Records that the last restoration took over.", "state")
        self.restored_bytes = self._gauge("collectors_restored_bytes", "Bytes of these records.", "state")
        self.state_entries = self._gauge("collectors_state_entries", "Counts, or collectors of whom something is remembered.", "state")
        self.state_bytes = self._gauge("collectors_state_bytes", "Memory that these take, names aside.", "state")
        self.step = Histogram(
            "collectors_step_seconds", "Time of one step for one batch.", ["step"], buckets=SECONDS, registry=self.registry
        )

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time observed under ``step``."""
        observe = self.step.labels(step).observe

        def measured(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                observe(time.perf_counter() - began)

        return measured

    def restored(self, state: str, seconds: float, records: int, size: int) -> None:
        """State was restored from ``records`` records of ``size`` bytes."""
        self.restore_seconds.labels(state).set(seconds)
        self.restored_records.labels(state).set(records)
        self.restored_bytes.labels(state).set(size)

    def holds(self, state: str, parts: Callable[[], Iterable[Sized]]) -> None:
        """Where to ask how much state this process holds. It is asked by the thread that answers Prometheus."""
        self.state_entries.labels(state).set_function(lambda: sum(part.size for part in parts()))
        self.state_bytes.labels(state).set_function(lambda: sum(part.nbytes for part in parts()))

    def forget(self, partition: int) -> None:
        """A source partition went to another process, whose figures count from now on."""
        self.lag.remove(str(partition))

    def connectors_are(self, states: Mapping[str, int]) -> None:
        """Say how many connectors are in which state; a state that is left out has none any more."""
        self.connectors.clear()
        for state, count in states.items():
            self.connectors.labels(state).set(count)

    def serve(self, port: int) -> None:
        """Answer Prometheus on this port, in a thread.

        Raises:
            FixMachine: the port is not to be had.
        """
        try:
            start_http_server(port, registry=self.registry)
        except OSError as error:
            raise FixMachine(f"metrics port {port}: {error.strerror}: choose another --metrics-port") from None

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
