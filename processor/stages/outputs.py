"""Decisions of one batch into the records to produce. Only collected rows ever become Python objects."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from processor.codec.inputs import Collected, input_id, input_json
from processor.engine.reasons import OUTCOMES, Outcome
from processor.kafka.writer import Outgoing
from processor.topics.names import QUEUE, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any

    from processor.codec.predictions import Decoded
    from processor.engine.batch import PredictionBatch
    from processor.engine.collector import Collector, Second
    from processor.engine.decide import ModelDecisions
    from processor.settings import Settings

COLLECTED = OUTCOMES.index(Outcome.COLLECTED)
QUEUED = OUTCOMES.index(Outcome.QUEUED)
INVALID = OUTCOMES.index(Outcome.INVALID)


class TooLarge(NamedTuple):
    """A row whose record would be larger than the topics take."""

    row: int
    detail: str


class Outputs:
    """Makes records of decisions.

    Args:
        settings: topic names and ``record_bytes_max``.
        encode_candidate: collector key, inclusion probability, catalog version and prediction body to the bytes of a candidate.
    """

    def __init__(self, settings: Settings, encode_candidate: Callable[[str, float, str, bytes], bytes]) -> None:
        self._settings = settings
        self._encode_candidate = encode_candidate
        self._queue = prefixed(settings, QUEUE)
        self._topics: dict[str, str] = {}

    def records(
        self, decoded: Decoded, decisions: tuple[ModelDecisions, ...], catalog_version: str
    ) -> tuple[list[Outgoing], list[TooLarge]]:
        """The records of one batch, in the order of its rows for each collector.

        A record that would be too large is left out; its decision is counted as ``invalid`` instead and its row is named.
        """
        records: list[Outgoing] = []
        too_large: list[TooLarge] = []
        for decided in decisions:
            for position, row, record in self._of_model(decoded, decided, catalog_version):
                if (why := self.too_large(record)) is None:
                    records.append(record)
                else:
                    too_large.append(TooLarge(row, why))
                    _refuse(decided, position)
        return records, too_large

    def _of_model(self, decoded: Decoded, decided: ModelDecisions, catalog_version: str) -> Iterator[tuple[int, int, Outgoing]]:
        version, predictions = catalog_version.encode(), _predictions(decoded.batch, decided)
        taken = zip(decided.collectors.tolist(), decided.rows.tolist(), decided.inclusion.tolist(), strict=True)
        for position, row, probability in taken:
            collector = decided.watchers.collectors[position]
            if collector.second is not None:
                key = collector.key.encode() if collector.second.shards == 1 else _shard_key(collector.key, collector.second, decoded, row)
                value = self._encode_candidate(collector.key, probability, catalog_version, decoded.bodies[row])
                yield position, row, Outgoing(self._queue, key, value)
            else:
                yield position, row, self.input(collector, predictions[row], probability, version)

    def input(
        self,
        collector: Collector,
        prediction: Mapping[str, Any],
        probability: float,
        version: bytes,
        output: Mapping[str, Any] | None = None,
    ) -> Outgoing:
        """The record of one input.

        Args:
            collector: whose.
            prediction: fields as in the Avro schema, but for ``model``, which is its key ``user/app/id``.
            probability: of having been taken.
            version: of the catalog that it was decided with.
            output: of a post-queue workflow.
        """
        prediction_id = prediction["id"]
        collected = Collected(
            collector.key,
            prediction_id,
            collector.source.model,
            probability,
            collector.collect_outputs,
            collector.tags,
            collector.dataset_ids,
        )
        headers = (
            ("collector", collector.key.encode()),
            ("catalog-version", version),
            ("prediction-id", prediction_id.encode()),
            ("inclusion-probability", _decimal(probability)),
            ("model", prediction["model"].encode()),
        )
        key = input_id(collector.key, prediction_id)
        return Outgoing(self._inputs_topic(collector.key), key.encode(), input_json(key, prediction, collected, output), headers)

    def too_large(self, record: Outgoing) -> str | None:
        """Why no topic takes a record; None: one does."""
        limit = self._settings.record_bytes_max
        if (size := _size(record)) <= limit:
            return None
        return f"its record for {record.topic} has {size} bytes; record_bytes_max is {limit}"

    def _inputs_topic(self, collector_key: str) -> str:
        topic = self._topics.get(collector_key)
        if topic is None:
            user, app, _ = collector_key.split("/")
            topic = self._topics[collector_key] = prefixed(self._settings, inputs_topic(user, app))
        return topic


def _shard_key(collector: str, second: Second, decoded: Decoded, row: int) -> bytes:
    """The key of a candidate of a collector that asks for several shards."""
    return f"{collector}/{second.shard_of(decoded.batch.ids[row].as_py())}".encode()


def _refuse(decided: ModelDecisions, position: int) -> None:
    """Count as invalid what was counted as taken."""
    outcome = QUEUED if decided.watchers.collectors[position].second_stage else COLLECTED
    decided.counts[position, outcome] -= 1
    decided.counts[position, INVALID] += 1


def _size(record: Outgoing) -> int:
    """Bytes that count against a topic's limit: ids of any length stand in headers too."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += len(name) + len(value)
    return size


@lru_cache(maxsize=10_000)
def _decimal(probability: float) -> bytes:
    """A collector's inputs share theirs, and writing one out takes as long as a whole JSON body."""
    return repr(probability).encode()


def _predictions(batch: PredictionBatch, decided: ModelDecisions) -> dict[int, dict[str, Any]]:
    """What inputs are made of, by row; ``model`` is the header's text.

    Making objects of columns costs more than anything else here, and a model's answer is most of it: only who asks for it gets it.
    """
    collectors = decided.watchers.collectors
    taken = list(zip(decided.collectors.tolist(), decided.rows.tolist(), strict=True))
    found = _objects(batch, {row for position, row in taken if not collectors[position].second_stage}, ("id", "input"))
    annotated = _objects(batch, {row for position, row in taken if collectors[position].collect_outputs} & found.keys(), ("output",))
    models = [f"{decided.watchers.model}/{version}" if version else decided.watchers.model for version in batch.versions.names]
    for row, prediction in found.items():
        prediction.update(annotated.get(row, {}), model=models[batch.versions.codes[row]])
    return found


def _objects(batch: PredictionBatch, rows: Collection[int], fields: Sequence[str]) -> dict[int, dict[str, Any]]:
    ordered = sorted(rows)
    return dict(zip(ordered, batch.take(np.array(ordered, np.int64), fields), strict=True)) if ordered else {}
