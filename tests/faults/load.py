"""Predictions without a pause, by a clock and in a schema that the campaign may change; and readers that follow what comes of them."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from processor.codec.framing import frame
from processor.codec.records import write_body
from processor.codec.registry import Schemas
from processor.errors import CollectorsError
from processor.kafka.client import producer
from processor.kafka.reader import TopicReader
from processor.topics.names import PREDICTIONS, prefixed
from tests.faults.scene import SECOND, outputs, stream
from tests.history.history import Place
from tests.support.older_schemas import NEWER_ID, OLDER_ID, other_releases
from tests.support.rewrites import WITNESS

if TYPE_CHECKING:
    from pathlib import Path

    from confluent_kafka import KafkaError, Message

    from processor.kafka.reader import Record
    from processor.settings import Settings

log = logging.getLogger("faults")

SLICE_S = 0.05
FLUSH_S = 120.0
US = 1_000_000
SCHEMAS = ("prediction", NEWER_ID, OLDER_ID)


class Load:
    """Publishes in a thread of its own until it is stopped.

    Args:
        settings: the cluster.
        seed: of the predictions.
        rate: predictions a second.
        folder: with the schemas that may be written.

    Attributes:
        clock_offset_s: how far the clock that stamps predictions is from the real one.
        schema: place in SCHEMAS of what is written now.
        count: how many were published.
        sent_ms: prediction id → when it was produced, by the real clock.
        acknowledged: ids that the brokers have said they hold.
        refused: what they said of others.
    """

    def __init__(self, settings: Settings, seed: int, rate: int, folder: Path) -> None:
        self.clock_offset_s = 0.0
        self.schema = 0
        self.count = 0
        self.sent_ms: dict[str, float] = {}
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []
        self._topic, self._rate = prefixed(settings, PREDICTIONS), rate
        self._schemas = Schemas.checked_in(folder / "schemas")
        self._producer = producer(settings, message_timeout_ms=600_000, topic_metadata_refresh_interval_ms=5_000)
        self._stream = stream(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publish no more, and wait until all are acknowledged."""
        self._stopping.set()
        self._thread.join()
        assert self._producer.flush(FLUSH_S) == 0, "predictions that the brokers did not take"

    def _run(self) -> None:
        began, first = time.monotonic(), self.count
        while not self._stopping.wait(SLICE_S):
            due = first + int((time.monotonic() - began) * self._rate)
            while self.count < due:
                self._publish(next(self._stream))
            self._producer.poll(0)

    def _publish(self, prediction: dict[str, Any]) -> None:
        stamp_s = time.time() + self.clock_offset_s
        prediction["predicted_at"] = int(stamp_s * US)
        self.sent_ms[prediction["id"]] = time.time() * 1000
        self.count += 1
        while True:
            with suppress(BufferError):
                self._producer.produce(
                    self._topic, self._encoded(prediction), prediction["id"], timestamp=int(stamp_s * 1000), on_delivery=self._delivered
                )
                return
            self._producer.poll(SLICE_S)

    def _encoded(self, prediction: dict[str, Any]) -> bytes:
        which = SCHEMAS[self.schema]
        if isinstance(which, str):
            return frame(self._schemas.writer_id(which), write_body(self._schemas.writer(which), prediction))
        return frame(which, write_body(self._schemas.by_id(which), prediction))

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged.add((message.key() or b"").decode())
        else:
            self.refused.append(str(error))


class Follower:
    """A read-committed reader that follows all outputs while everything happens.

    Attributes:
        places: of every record that it was handed.
        newest: the largest number of a prediction that the witness took.
        newest_version: the newest catalog that one of them was decided with.
        settled: how many inputs of the second stage there were.
    """

    def __init__(self, settings: Settings) -> None:
        self.places: set[Place] = set()
        self.newest = -1
        self.newest_version = ""
        self.settled = 0
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _take(self, record: Record) -> None:
        place = Place(record.topic, record.partition, record.offset)
        if place in self.places:
            return
        self.places.add(place)
        headers = dict(record.headers)
        collector = headers.get("collector", b"").decode()
        self.settled += collector in SECOND
        if collector == WITNESS["key"]:
            self.newest = max(self.newest, int(headers["prediction-id"].rpartition(b"-")[2]))
            self.newest_version = max(self.newest_version, headers["catalog-version"].decode())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except CollectorsError as error:
                log.info("a reader begins again: %s", error)

    def _follow(self) -> None:
        reader = TopicReader(self._settings, outputs(self._settings))
        try:
            while not self._stopping.is_set():
                for record in reader.poll(5_000, 0.2):
                    self._take(record)
        finally:
            reader.close()


def write_releases(folder: Path) -> None:
    """Let an index of schemas know those of two other releases, as after a deployment that came before its producers."""
    path = folder / "schemas" / "ids.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    for each in other_releases():
        (folder / "schemas" / "history" / f"{each.name}.{each.id}.avsc").write_text(each.text, encoding="utf-8")
        index[str(each.id)] = {"name": each.name, "sha256": hashlib.sha256(each.text.encode()).hexdigest()}
    path.write_text(json.dumps(index), encoding="utf-8")
