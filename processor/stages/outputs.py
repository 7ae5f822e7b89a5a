"""Decisions of one batch into the records to produce. Only collected rows ever become Python objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from processor.codec.input_columns import body, collector_text, prediction_texts
from processor.codec.inputs import Collected, input_id, input_json
from processor.engine.reasons import OUTCOMES, Outcome
from processor.kafka.writer import Outgoing
from processor.topics.names import QUEUE, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from processor.codec.input_columns import CollectorText, PredictionText
    from processor.codec.predictions import Decoded
    from processor.engine.batch import PredictionBatch
    from processor.engine.collector import Collector, Second
    from processor.engine.decide import ModelDecisions
    from processor.kafka.reader import Headers
    from processor.settings import Settings

COLLECTED = OUTCOMES.index(Outcome.COLLECTED)
QUEUED = OUTCOMES.index(Outcome.QUEUED)
INVALID = OUTCOMES.index(Outcome.INVALID)
STAMPS_MAX = 100_000


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
        self._stamps: dict[tuple[str, float], _Stamp] = {}

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
        rows, version = _Rows.of(decoded.batch, decided), catalog_version.encode()
        taken = zip(decided.collectors.tolist(), decided.rows.tolist(), decided.inclusion.tolist(), strict=True)
        for position, row, probability in taken:
            collector = decided.watchers.collectors[position]
            if collector.second is not None:
                key = collector.key.encode() if collector.second.shards == 1 else _shard_key(collector.key, collector.second, decoded, row)
                value = self._encode_candidate(collector.key, probability, catalog_version, decoded.body(row))
                yield position, row, Outgoing(self._queue, key, value)
            elif collector.collect_outputs:
                yield position, row, self.input(collector, rows.whole[row], probability, version)
            else:
                stamp = self._stamps.get((collector.key, probability))
                if stamp is None or stamp.collector is not collector:
                    stamp = self._new_stamp(collector, probability)
                yield position, row, _record(stamp, rows.texts[row], rows.models[row], version)

    def _new_stamp(self, collector: Collector, probability: float) -> _Stamp:
        """Made once a collector, and again when it has changed: then it is another object."""
        if len(self._stamps) >= STAMPS_MAX:
            self._stamps.clear()
        text = collector_text(_collected(collector, "", probability))
        stamp = _Stamp(collector, self._inputs_topic(collector.key), text, _decimal(probability))
        self._stamps[collector.key, probability] = stamp
        return stamp

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
        collected = _collected(collector, prediction_id, probability)
        headers = _headers(collector.key, version, prediction_id, _decimal(probability), prediction["model"].encode())
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


def _collected(collector: Collector, prediction_id: str, probability: float) -> Collected:
    return Collected(
        collector.key,
        prediction_id,
        collector.source.model,
        probability,
        collector.collect_outputs,
        collector.tags,
        collector.dataset_ids,
    )


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
    return len(record.value or b"") + len(record.key or b"") + sum(map(len, chain.from_iterable(record.headers)))


@lru_cache(maxsize=10_000)
def _decimal(probability: float) -> bytes:
    """A collector's inputs share theirs, and writing one out takes as long as a whole JSON body."""
    return repr(probability).encode()


class _Stamp(NamedTuple):
    """What the inputs of one collector with the same inclusion probability share."""

    collector: Collector
    topic: str
    text: CollectorText
    probability: bytes


@dataclass(frozen=True, slots=True)
class _Rows:
    """What inputs are made of, by row.

    Attributes:
        texts: of rows whose input is collected alone.
        whole: of rows whose output rides along, fields as in the Avro schema, but for ``model``, which is the header's text.
        models: the header's text of the rows of ``texts``.
    """

    texts: dict[int, PredictionText]
    whole: dict[int, dict[str, Any]]
    models: dict[int, bytes]

    @classmethod
    def of(cls, batch: PredictionBatch, decided: ModelDecisions) -> _Rows:
        """Of everything that one model's collectors take and that needs no second stage."""
        alone: set[int] = set()
        annotated: set[int] = set()
        for position, row in zip(decided.collectors.tolist(), decided.rows.tolist(), strict=True):
            collector = decided.watchers.collectors[position]
            if collector.second is None:
                (annotated if collector.collect_outputs else alone).add(row)
        names = [f"{decided.watchers.model}/{version}" if version else decided.watchers.model for version in batch.versions.names]
        codes = batch.versions.codes
        taken = batch.take(_array(annotated), ("id", "input", "output")) if annotated else []
        whole = dict(zip(sorted(annotated), taken, strict=True))
        for row, prediction in whole.items():
            prediction["model"] = names[codes[row]]
        encoded = [name.encode() for name in names]
        models = {row: encoded[code] for row, code in zip(sorted(alone), codes[_array(alone)].tolist(), strict=True)}
        return cls(dict(zip(models, prediction_texts(batch.table, _array(alone)), strict=True)), whole, models)


def _array(rows: set[int]) -> np.ndarray:
    """Ascending."""
    return np.array(sorted(rows), np.int64)


def _record(stamp: _Stamp, prediction: PredictionText, model: bytes, version: bytes) -> Outgoing:
    """One input without its prediction's output."""
    key = input_id(stamp.collector.key, prediction.id)
    headers = _headers(stamp.collector.key, version, prediction.id, stamp.probability, model)
    return Outgoing(stamp.topic, key.encode(), body(key, prediction, stamp.text), headers)


def _headers(collector: str, version: bytes, prediction_id: str, probability: bytes, model: bytes) -> Headers:
    return (
        ("collector", collector.encode()),
        ("catalog-version", version),
        ("prediction-id", prediction_id.encode()),
        ("inclusion-probability", probability),
        ("model", model),
    )
