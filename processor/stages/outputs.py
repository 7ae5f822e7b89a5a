"""Decisions of one batch into the records to produce. Only collected rows ever become Python objects."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from processor.codec.compiled import IS_AVAILABLE
from processor.codec.input_bodies import InputWriter
from processor.codec.inputs import input_id, input_json
from processor.engine.reasons import OUTCOMES, Outcome
from processor.kafka.writer import ANY_PARTITION, Outgoing
from processor.stages.stamps import StampBook, collected, decimal
from processor.topics.names import QUEUE, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from processor.codec.predictions import Decoded
    from processor.engine.batch import PredictionBatch
    from processor.engine.collector import Collector, Watchers
    from processor.engine.decide import ModelDecisions
    from processor.kafka.reader import Headers
    from processor.settings import Settings

COLLECTED = OUTCOMES.index(Outcome.COLLECTED)
QUEUED = OUTCOMES.index(Outcome.QUEUED)
INVALID = OUTCOMES.index(Outcome.INVALID)
# More than a record has that does not stand in its value, besides the versions of its model and of the catalog: names, numbers.
SMALL_BYTES = 200
# A named tuple's own constructor takes four times as long as to fill it.
_outgoing = partial(tuple.__new__, Outgoing)
# Where what a collector takes goes: to its app as it is, to its app with its prediction's output, to the queue.
_ALONE, _ANNOTATED, _QUEUED = range(3)


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
        self._stamps = StampBook(self._inputs_topic)
        self._writer = InputWriter() if IS_AVAILABLE else None

    def records(
        self, decoded: Decoded, decisions: tuple[ModelDecisions, ...], catalog_version: str
    ) -> tuple[list[Outgoing], list[TooLarge]]:
        """The records of one batch, in the order of its rows for each collector.

        A record that would be too large is left out; its decision is counted as ``invalid`` instead and its row is named.
        """
        records: list[Outgoing] = []
        too_large: list[TooLarge] = []
        longest = max((name.encode() for name in decoded.batch.versions.names), key=len, default=b"") if decisions else b""
        beside = SMALL_BYTES + len(catalog_version.encode()) + len(longest)
        for decided in decisions:
            of_kind = _kinds(decided.watchers)[decided.collectors]
            for kind, make in ((_ALONE, self._alone), (_ANNOTATED, self._annotated), (_QUEUED, self._queued)):
                chosen = np.flatnonzero(of_kind == kind)
                if len(chosen):
                    taken = _Taken(decided.collectors[chosen], decided.rows[chosen], decided.inclusion[chosen])
                    made = make(decoded, decided.watchers, taken, catalog_version)
                    records += self._small_enough(made, decided, taken, beside, too_large)
        return records, too_large

    def _small_enough(
        self, made: list[Outgoing], decided: ModelDecisions, taken: _Taken, beside: int, too_large: list[TooLarge]
    ) -> list[Outgoing]:
        # What headers hold stands in the value too, but for ``beside``, so nearly always a look at the largest value settles it.
        if 2 * max(len(record.value or b"") for record in made) + beside <= self._settings.record_bytes_max:
            return made
        kept = []
        for (position, row, _), record in zip(taken.each(), made, strict=True):
            if (why := self.too_large(record)) is None:
                kept.append(record)
            else:
                too_large.append(TooLarge(row, why))
                _refuse(decided, position)
        return kept

    def _queued(self, decoded: Decoded, watchers: Watchers, taken: _Taken, catalog_version: str) -> list[Outgoing]:
        made = []
        for position, row, probability in taken.each():
            collector = watchers.collectors[position]
            key = _queue_key(collector, decoded, row)
            value = self._encode_candidate(collector.key, probability, catalog_version, decoded.body(row))
            made.append(Outgoing(self._queue, key, value))
        return made

    def _annotated(self, decoded: Decoded, watchers: Watchers, taken: _Taken, catalog_version: str) -> list[Outgoing]:
        """Inputs made one by one: those that the prediction's output rides along with, and what can be made in no other way."""
        batch, rows = decoded.batch, np.unique(taken.rows)
        whole = dict(zip(rows.tolist(), batch.take(rows, ("id", "input", "output")), strict=True))
        for prediction, model in zip(whole.values(), _models(batch, watchers, rows), strict=True):
            prediction["model"] = model
        version = catalog_version.encode()
        return [self.input(watchers.collectors[position], whole[row], probability, version) for position, row, probability in taken.each()]

    def _alone(self, decoded: Decoded, watchers: Watchers, taken: _Taken, catalog_version: str) -> list[Outgoing]:
        """Inputs without their prediction's output: nearly all there are."""
        if self._writer is None:
            return self._annotated(decoded, watchers, taken, catalog_version)
        batch, places = decoded.batch, self._stamps.of(watchers, taken.collectors, taken.inclusion)
        stamps = map(self._stamps.made.__getitem__, places.tolist())
        keys, bodies = self._writer.write(batch.table, taken.rows, places, self._stamps.texts)
        ids = batch.ids.take(pa.array(taken.rows)).cast(pa.binary()).to_numpy(zero_copy_only=False).tolist()
        models = [("model", model.encode()) for model in _models(batch, watchers, taken.rows)]
        version = ("catalog-version", catalog_version.encode())
        made = []
        for stamp, key, value, prediction_id, model in zip(stamps, keys, bodies, ids, models, strict=True):
            headers = (stamp.collector, version, ("prediction-id", prediction_id), stamp.probability, model)
            made.append(_outgoing((stamp.topic, key, value, headers, ANY_PARTITION)))
        singly = np.array([i for i, value in enumerate(bodies) if not value], np.int64)
        if len(singly):
            for i, record in zip(singly.tolist(), self._annotated(decoded, watchers, taken.only(singly), catalog_version), strict=True):
                made[i] = record
        return made

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
        where_from = collected(collector, prediction_id, probability)
        headers = _headers(collector.key, version, prediction_id, decimal(probability), prediction["model"].encode())
        key = input_id(collector.key, prediction_id)
        return Outgoing(self._inputs_topic(collector.key), key.encode(), input_json(key, prediction, where_from, output), headers)

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


def _queue_key(collector: Collector, decoded: Decoded, row: int) -> bytes:
    """The key of a candidate: its collector's, and the shard where the collector asks for several."""
    second = collector.second
    if second is None or second.shards == 1:
        return collector.key.encode()
    return f"{collector.key}/{second.shard_of(decoded.batch.ids[row].as_py())}".encode()


def _refuse(decided: ModelDecisions, position: int) -> None:
    """Count as invalid what was counted as taken."""
    outcome = QUEUED if decided.watchers.collectors[position].second_stage else COLLECTED
    decided.counts[position, outcome] -= 1
    decided.counts[position, INVALID] += 1


def _size(record: Outgoing) -> int:
    """Bytes that count against a topic's limit: ids of any length stand in headers too."""
    return len(record.value or b"") + len(record.key or b"") + sum(map(len, chain.from_iterable(record.headers)))


class _Taken(NamedTuple):
    """What collectors of one kind take of a model's predictions: positions among its watchers, rows, inclusion probabilities."""

    collectors: np.ndarray
    rows: np.ndarray
    inclusion: np.ndarray

    def only(self, some: np.ndarray) -> _Taken:
        return _Taken(self.collectors[some], self.rows[some], self.inclusion[some])

    def each(self) -> Iterator[tuple[int, int, float]]:
        return zip(self.collectors.tolist(), self.rows.tolist(), self.inclusion.tolist(), strict=True)


def _kinds(watchers: Watchers) -> np.ndarray:
    """Where what each collector takes goes, int8 [collectors]; kept on the watchers, which are made anew when one changes."""
    kinds: np.ndarray | None = watchers.__dict__.get("_kinds")
    if kinds is None:
        told = (_QUEUED if each.second is not None else _ANNOTATED if each.collect_outputs else _ALONE for each in watchers.collectors)
        kinds = watchers.__dict__["_kinds"] = np.fromiter(told, np.int8, len(watchers.collectors))
    return kinds


def _models(batch: PredictionBatch, watchers: Watchers, rows: np.ndarray) -> list[str]:
    """How an input's header names the model of each of some rows."""
    names = [f"{watchers.model}/{version}" if version else watchers.model for version in batch.versions.names]
    return [names[code] for code in batch.versions.codes[rows].tolist()]


def _headers(collector: str, version: bytes, prediction_id: str, probability: bytes, model: bytes) -> Headers:
    return (
        ("collector", collector.encode()),
        ("catalog-version", version),
        ("prediction-id", prediction_id.encode()),
        ("inclusion-probability", probability),
        ("model", model),
    )
