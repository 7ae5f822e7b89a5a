"""Publishing predictions from a model server: checked, framed, keyed, and never in the caller's way.

with PredictionProducer(bootstrap_servers="kafka:9092") as producer:
    producer.publish({"id": "p-1", "model": {...}, "input": {...}, "output": {...}})
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from processor.codec.framing import RECORD_BYTES_MAX, frame
from processor.codec.ndjson import Prediction, parse_prediction
from processor.codec.records import write_body
from processor.codec.registry import Schemas
from processor.errors import CollectorsError, FixDocuments, FixUsage, Problem
from processor.kafka.outbox import Outbox
from processor.kafka.writer import Outgoing
from processor.settings import load_settings
from processor.topics.names import PREDICTIONS, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.settings import Settings

log = logging.getLogger("collectors.producer")

BUFFER_RECORDS_MAX = 10_000
DELIVERY_TIMEOUT_MS = 120_000
CLOSE_TIMEOUT_S = 30.0
FOR_EVER_S = 1e9
EVENT_TYPE = "collectors.prediction"


class BufferFull(CollectorsError):
    """So many predictions wait for the cluster that there is no room: drop this one, or publish it with ``block=True``."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A prediction that was published and did not arrive.

    Attributes:
        id: the prediction's.
        reason: what the client or the broker said, and what to do.
    """

    id: str
    reason: str


class PredictionProducer:
    """Publishes predictions; one for a process is enough, and threads may share it. Make it after forking.

    Attributes:
        topic: where predictions go, prefix included.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        bootstrap_servers: str = "",
        on_error: Callable[[Undelivered], None] | None = None,
        buffer_records_max: int = BUFFER_RECORDS_MAX,
        delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS,
    ) -> None:
        """Connect in the background; a cluster that is away is no error yet.

        Args:
            settings: as the processor's; None: from the COLLECTORS_* environment.
            bootstrap_servers: ``host:port,…``; wins over the settings.
            on_error: told of every prediction that did not arrive, in a thread of the producer's; it must return soon.
            buffer_records_max: so many predictions may wait; more are refused.
            delivery_timeout_ms: a prediction that no broker took within this did not arrive.

        Raises:
            FixUsage: no address is known, or the schemas are not to be found.
            FixCluster: a schema registry is set and refuses the schema or does not answer.
        """
        settings = settings or load_settings()
        if bootstrap_servers:
            settings = settings.model_copy(update={"bootstrap_servers": bootstrap_servers})
        schemas = Schemas.from_settings(settings)
        self.topic = prefixed(settings, PREDICTIONS)
        self._schema_id, self._schema = schemas.writer_id("prediction"), schemas.writer("prediction")
        self._on_error = on_error or _log_rarely()
        self._lock = threading.Lock()
        self._delivered = self._failed = 0
        self._outbox: Outbox | None = Outbox(settings, buffer_records_max, delivery_timeout_ms)

    @property
    def delivered(self) -> int:
        """How many predictions the cluster has confirmed."""
        return self._delivered

    @property
    def failed(self) -> int:
        """How many predictions did not arrive; ``on_error`` was told of each."""
        return self._failed

    def publish(
        self, prediction: Prediction | Mapping[str, Any] | bytes | str, *, block: bool = False, timeout_s: float = FOR_EVER_S
    ) -> None:
        """Check a prediction and put it into the buffer; returns at once unless asked to wait for room.

        Args:
            prediction: fields as in ``schemas/prediction.avsc``, ``metadata``, ``geo`` and ``region_info`` as objects.
            block: wait while the buffer is full.
            timeout_s: how long at most; without ``block`` it means nothing.

        Raises:
            FixDocuments: the prediction is not right; every problem with its path.
            BufferFull: there is no room; the prediction is not published.
            FixUsage: the producer is closed.
        """
        if self._outbox is None:
            raise FixUsage("this PredictionProducer is closed: publish inside its `with` block, or before close()")
        checked = parse_prediction(prediction)
        if not self._outbox.put(self._record(checked), self._reporter(checked.id), timeout_s if block else 0.0):
            raise BufferFull(f"prediction {checked.id} is not published: the buffer is full, because the cluster is slow or away")

    def flush(self, timeout_s: float = CLOSE_TIMEOUT_S) -> int:
        """Wait until every prediction has arrived or failed; returns how many still are on their way."""
        return 0 if self._outbox is None else self._outbox.flush(timeout_s)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> int:
        """Flush and end; what is left after the time is given up, told to ``on_error``, and its number returned."""
        outbox, self._outbox = self._outbox, None
        left = 0 if outbox is None else outbox.close(timeout_s)
        if left:
            log.error("%d predictions were given up: no broker of the cluster took them within %.0f s", left, timeout_s)
        return left

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _record(self, prediction: Prediction) -> Outgoing:
        value = frame(self._schema_id, write_body(self._schema, prediction.to_avro()))
        if len(value) > RECORD_BYTES_MAX:
            told = f"has {len(value)} bytes as a record, and {RECORD_BYTES_MAX} are allowed: send large content by url"
            raise FixDocuments((Problem(f"prediction {prediction.id}", "", told),))
        return Outgoing(self.topic, prediction.id.encode(), value, headers(prediction))

    def _reporter(self, prediction_id: str) -> Callable[[str | None], None]:
        def report(reason: str | None) -> None:
            with self._lock:
                self._delivered += reason is None
                self._failed += reason is not None
            if reason is not None:
                self._tell(Undelivered(prediction_id, reason))

        return report

    def _tell(self, undelivered: Undelivered) -> None:
        try:
            self._on_error(undelivered)
        except Exception:
            # It is the caller's code, in our thread: a fault of it must not stop the reports of others.
            log.exception("on_error failed for prediction %s", undelivered.id)


def headers(prediction: Prediction) -> tuple[tuple[str, bytes], ...]:
    """CloudEvents in binary mode, as far as a prediction has them: whose call of which model, without decoding the value."""
    model = prediction.model
    known = {
        "ce_specversion": "1.0",
        "ce_type": EVENT_TYPE,
        "ce_source": f"/users/{model.user_id}/apps/{model.app_id}/models/{model.id}",
        "ce_id": prediction.id,
        "content-type": "application/avro",
    }
    if prediction.predicted_at is not None:
        known["ce_time"] = prediction.predicted_at.isoformat().replace("+00:00", "Z")
    return tuple((name, value.encode()) for name, value in known.items())


def _log_rarely() -> Callable[[Undelivered], None]:
    """Log the 1st, 2nd, 4th, 8th … failure: an outage is no reason to fill a disk."""
    count = 0

    def report(undelivered: Undelivered) -> None:
        nonlocal count
        count += 1
        if count & (count - 1) == 0:
            log.error("prediction %s did not arrive: %s (%d so far)", undelivered.id, undelivered.reason, count)

    return report
