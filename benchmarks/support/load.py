"""Predictions at a steady rate, each under an id that is the time it was due: ``python -m benchmarks.support.load BROKER TOPIC RATE``.

Runs until SIGTERM. A process of its own, so that making load and looking at its effect do not wait for each other. It has to leave its two
cores to what is measured, so it sends batches of records that were made beforehand, with new ids and times written into them: a sixth of
what a producer takes that is handed one record after another.
"""

from __future__ import annotations

import re
import signal
import socket
import struct
import sys
import threading
import time
from itertools import count, islice
from typing import TYPE_CHECKING

import kafka.errors
import numpy as np
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.producer import ProduceRequest
from kafka.record.default_records import DefaultRecordBase, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from benchmarks.support.cluster import PARTITIONS
from benchmarks.support.work import ID_DIGITS, ID_PREFIX, number_of, predictions
from processor.codec.registry import Schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

GATHER_S = 0.025
BATCH_RECORDS = 1_400
"""At most: with room to spare below the megabyte that a broker takes in a batch."""
WRAP_US = 10**ID_DIGITS
ACKS_ALL = -1
REQUEST_VERSION = 9  # topics by name, in the encoding of all newer requests
REQUEST_TIMEOUT_S = 30.0
ON_THEIR_WAY = 5
TIMES = struct.Struct(">qq")
TIMES_OFFSET = struct.calcsize(">qiibIhi")
CHECKSUM = struct.Struct(">I")
RECEIVE_BYTES = 65_536
_DIGITS = 10 ** np.arange(ID_DIGITS - 1, -1, -1)


def now_us() -> int:
    """The time as ids carry it: microseconds, modulo what an id has room for (eleven days)."""
    return time.time_ns() // 1_000 % WRAP_US


def age_us(prediction_id: bytes, now: int) -> int:
    """How long ago a prediction was due, as of a time that is not more than five days away."""
    half = WRAP_US // 2
    return (now - number_of(prediction_id) + half) % WRAP_US - half


class Batch:
    """A record batch (Kafka's message format 2) of predictions, to be sent again and again under new ids.

    Args:
        records: keys and values, each with one id of a prediction in it.
    """

    def __init__(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        made = DefaultRecordBatchBuilder(
            2, 0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=2**20
        )
        for offset, (key, value) in enumerate(records):
            if made.append(offset, 0, key, value, []) is None:
                raise ValueError(f"a batch takes no more than {offset:,} of these records: it would be larger than 1 MiB")
        self._bytes = np.frombuffer(made.build(), np.uint8).copy()
        found = [match.end() for match in re.finditer(rb"%s\d{%d}" % (ID_PREFIX.encode(), ID_DIGITS), self._bytes)]
        self._id_digits = np.array(found).reshape(-1, 2, 1) - np.arange(ID_DIGITS, 0, -1)

    def __len__(self) -> int:
        """How many records it has."""
        return len(self._id_digits)

    def due_at(self, due_us: npt.NDArray[np.int64]) -> bytes:
        """The batch with these times, in microseconds since the epoch, as its predictions' ids, and the last of them as its own."""
        self._bytes[self._id_digits] = (due_us[:, np.newaxis] // _DIGITS % 10 + ord("0"))[:, np.newaxis]
        TIMES.pack_into(self._bytes, TIMES_OFFSET, *[int(due_us[-1]) // 1_000] * 2)
        CHECKSUM.pack_into(self._bytes, DefaultRecordBase.CRC_OFFSET, calc_crc32c(self._bytes[DefaultRecordBase.ATTRIBUTES_OFFSET :]))
        return self._bytes.tobytes()


class Schedule:
    """When the predictions of a partition's batches are due, at a steady rate: a batch is full when the last of them is.

    Predictions are numbered by when they are due, and go to the partitions in turn; a partition's batch is full while the others' are not.

    Args:
        rate: predictions a second, a million at most: no two have one microsecond.
        size: predictions in a batch.
        began_us: when to begin, in microseconds since the epoch.
    """

    def __init__(self, rate: float, size: int, began_us: int) -> None:
        self._rate = rate
        self._size = size
        self._began_us = began_us

    def batches(self) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Partitions, and when the predictions of a batch are due, in microseconds since the epoch; in the order in which they are full."""
        for number in count():
            turn, partition = divmod(number, PARTITIONS)
            of_partition = turn * self._size + partition * self._size // PARTITIONS + np.arange(self._size)
            yield partition, self._began_us + ((of_partition * PARTITIONS + partition) * 1_000_000 / self._rate).astype(np.int64)


class Publisher:
    """Sends record batches to the only broker of a topic, some of them before it has answered.

    Args:
        bootstrap_server: host and port of the broker.
        topic: whose partitions it leads.
    """

    def __init__(self, bootstrap_server: str, topic: str) -> None:
        host, port = bootstrap_server.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=REQUEST_TIMEOUT_S)
        self._protocol = KafkaProtocol(client_id="load")
        self._topic = topic

    def send(self, partition: int, batch: bytes) -> None:
        """Send a batch, waiting while too many have not been answered.

        Raises:
            KafkaError: for a batch that was refused.
        """
        topic = ProduceRequest.TopicProduceData
        records = topic.PartitionProduceData(index=partition, records=batch)
        request = ProduceRequest(
            acks=ACKS_ALL,
            timeout_ms=int(REQUEST_TIMEOUT_S * 1_000),
            topic_data=[topic(name=self._topic, partition_data=[records])],
            version=REQUEST_VERSION,
        )
        self._protocol.send_request(request)
        self._socket.sendall(self._protocol.send_bytes())
        self._wait_for_answers(ON_THEIR_WAY)

    def flush(self) -> None:
        """Wait until everything has been answered.

        Raises:
            KafkaError: for a batch that was refused.
        """
        self._wait_for_answers(0)

    def _wait_for_answers(self, most_on_their_way: int) -> None:
        while len(self._protocol.in_flight_requests) > most_on_their_way:
            received = self._socket.recv(RECEIVE_BYTES)
            if not received:
                raise kafka.errors.KafkaConnectionError("the broker has closed the connection: its log tells why")
            for _, response in self._protocol.receive_bytes(received):
                error = kafka.errors.for_code(response.responses[0].partition_responses[0].error_code)
                if error is not kafka.errors.NoError:
                    raise error(f"a batch for {self._topic} was refused")


def make_batches(size: int) -> list[Batch]:
    """A batch of so many predictions for each partition, no prediction in two of them."""
    made = predictions(Schemas.checked_in(), size * PARTITIONS)
    return [Batch(islice(made, size)) for _ in range(PARTITIONS)]


def main(bootstrap_server: str, topic: str, rate: str) -> None:
    """Send until SIGTERM; what could not be sent in time is sent as soon as it can be, and is as old as it is."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    size = min(round(float(rate) * GATHER_S / PARTITIONS), BATCH_RECORDS)
    batches, publisher = make_batches(size), Publisher(bootstrap_server, topic)
    for partition, due_us in Schedule(float(rate), size, time.time_ns() // 1_000).batches():
        if stop.wait(max(0.0, due_us[-1] / 1_000_000 - time.time())):
            break
        publisher.send(partition, batches[partition].due_at(due_us))
    publisher.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
