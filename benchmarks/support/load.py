"""Predictions at a steady rate, each under an id that is the time it was made: ``python -m benchmarks.support.load BROKER TOPIC RATE``.

Runs until SIGTERM. A process of its own, so that making load and looking at its effect do not wait for each other.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from itertools import cycle
from typing import TYPE_CHECKING

from benchmarks.support.work import ID_DIGITS, id_of, number_of, predictions
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Producer

DISTINCT = 2_000
TICK_S = 0.001
FULL_QUEUE_POLL_S = 0.01
FLUSH_S = 10.0
WRAP_US = 10**ID_DIGITS


def now_us() -> int:
    """The time as ids carry it: microseconds, modulo what an id has room for (eleven days)."""
    return time.time_ns() // 1_000 % WRAP_US


def age_us(prediction_id: bytes, now: int) -> int:
    """How long ago a prediction was made; a little less than nothing when several were made in one microsecond."""
    half = WRAP_US // 2
    return (now - number_of(prediction_id) + half) % WRAP_US - half


class Maker:
    """Makes predictions; no two have one id."""

    def __init__(self) -> None:
        self._pool = cycle([value.split(first, 1) for first, value in predictions(Schemas.checked_in(), DISTINCT)])
        self._last = 0

    def make(self, count: int, since_us: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Ids and framed predictions, made now, or at regular distances since a while ago: when they were due, however late it is."""
        self._last = max(self._last, now_us() - since_us - 1)
        for _ in range(count):
            self._last += max(1, since_us // count)
            before, after = next(self._pool)
            made = id_of(self._last % WRAP_US)
            yield made, before + made + after


class Pace:
    """A steady rate, whatever the gaps between the looks; what was missed is caught up.

    Args:
        rate: records a second.
        began_s: when to begin.
    """

    def __init__(self, rate: float, began_s: float) -> None:
        self._rate = rate
        self._began_s = began_s
        self._sent = 0

    def due(self, now_s: float) -> int:
        """How many records are to be sent now."""
        count = max(0, int((now_s - self._began_s) * self._rate) - self._sent)
        self._sent += count
        return count


def send(publisher: Producer, topic: str, made: Iterator[tuple[bytes, bytes]]) -> None:
    """Hand records to the client; a queue that is full shows in the ages of what waits, as it should."""
    for key, value in made:
        while True:
            try:
                publisher.produce(topic, value=value, key=key)
                break
            except BufferError:
                publisher.poll(FULL_QUEUE_POLL_S)
    publisher.poll(0)


def _publisher(bootstrap_servers: str) -> Producer:
    """A producer that waits for a slow broker without spinning.

    An idempotent one has one request a partition on its way, and while the next batch is already due librdkafka (2.16) polls for the
    answer in a loop: on the broker's own core that takes the broker the time to answer, until its controller takes it for dead. And it
    gathers for 25 ms: with five times as many requests at 5 ms the broker's core made everybody wait twice as long. Nothing is packed: that
    takes a sixth of what making load takes, and the processor has to unpack it.
    """
    return producer(
        Settings(bootstrap_servers=bootstrap_servers), enable_idempotence=False, max_in_flight=5, linger_ms=25, compression_type="none"
    )


def main(bootstrap_servers: str, topic: str, rate: str) -> None:
    """Send until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    publisher, maker = _publisher(bootstrap_servers), Maker()
    looked_s = time.monotonic()
    pace = Pace(float(rate), looked_s)
    while not stop.wait(TICK_S):
        last_s, looked_s = looked_s, time.monotonic()
        send(publisher, topic, maker.make(pace.due(looked_s), int((looked_s - last_s) * 1_000_000)))
    publisher.flush(FLUSH_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
