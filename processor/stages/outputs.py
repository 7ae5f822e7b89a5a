"""Decisions of one batch into the records to produce. Only collected rows ever become Python objects."""

from __future__ import annotations

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

    from processor.codec.input_columns import CollectorText
    from processor.codec.predictions import Decoded
    from processor.engine.batch import PredictionBatch
    from processor.engine.collector import Collector, Watchers
    from processor.engine.decide import ModelDecisions
    from processor.kafka.reader import Headers
    from processor.settings import Settings

COLLECTED = OUTCOMES.index(Outcome.COLLECTED)
QUEUED = OUTCOMES.index(Outcome.QUEUED)
INVALID = OUTCOMES.index(Outcome.INVALID)
STAMPS_MAX = 100_000
# More than a record has that does not stand in its value, besides the versions of its model and of the catalog: names, numbers.
SMALL_BYTES = 200
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
        self._stamps: dict[tuple[str, float], _Stamp] = {}

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
                    taken = _Taken(decided.collectors[chosen].tolist(), decided.rows[chosen], decided.inclusion[chosen].tolist())
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
        for position, row, record in zip(taken.collectors, taken.rows.tolist(), made, strict=True):
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
        """Inputs that the prediction's output rides along with."""
        batch, rows = decoded.batch, np.unique(taken.rows)
        whole = dict(zip(rows.tolist(), batch.take(rows, ("id", "input", "output")), strict=True))
        for prediction, model in zip(whole.values(), _models(batch, watchers, rows), strict=True):
            prediction["model"] = model
        version = catalog_version.encode()
        return [self.input(watchers.collectors[position], whole[row], probability, version) for position, row, probability in taken.each()]

    def _alone(self, decoded: Decoded, watchers: Watchers, taken: _Taken, catalog_version: str) -> list[Outgoing]:
        """Inputs without their prediction's output: nearly all there are."""
        rows, place = np.unique(taken.rows, return_inverse=True)
        models = [("model", model.encode()) for model in _models(decoded.batch, watchers, rows)]
        of_rows = list(zip(prediction_texts(decoded.batch.table, rows), models, strict=True))
        version = ("catalog-version", catalog_version.encode())
        made = []
        for position, at, probability in zip(taken.collectors, place.tolist(), taken.inclusion, strict=True):
            collector = watchers.collectors[position]
            stamp = self._stamps.get((collector.key, probability))
            if stamp is None or stamp.collector is not collector:
                stamp = self._new_stamp(collector, probability)
            text, model = of_rows[at]
            key = input_id(stamp.collector.key, text.id)
            headers = (stamp.key_header, version, ("prediction-id", text.id.encode()), stamp.probability_header, model)
            made.append(Outgoing(stamp.topic, key.encode(), body(key, text, stamp.text), headers))
        return made

    def _new_stamp(self, collector: Collector, probability: float) -> _Stamp:
        """Made once a collector, and again when it has changed: then it is another object."""
        if len(self._stamps) >= STAMPS_MAX:
            self._stamps.clear()
        text = collector_text(_collected(collector, "", probability))
        headers = ("collector", collector.key.encode()), ("inclusion-probability", _decimal(probability))
        stamp = _Stamp(collector, self._inputs_topic(collector.key), text, *headers)
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


@lru_cache(maxsize=10_000)
def _decimal(probability: float) -> bytes:
    """A collector's inputs share theirs, and writing one out takes as long as a whole JSON body."""
    return repr(probability).encode()


class _Stamp(NamedTuple):
    """What the inputs of one collector with the same inclusion probability share."""

    collector: Collector
    topic: str
    text: CollectorText
    key_header: tuple[str, bytes]
    probability_header: tuple[str, bytes]


class _Taken(NamedTuple):
    """What collectors of one kind take of a model's predictions: positions among its watchers, rows (int32), inclusion probabilities."""

    collectors: list[int]
    rows: np.ndarray
    inclusion: list[float]

    def each(self) -> Iterator[tuple[int, int, float]]:
        return zip(self.collectors, self.rows.tolist(), self.inclusion, strict=True)


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
