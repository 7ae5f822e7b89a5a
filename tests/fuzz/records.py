"""Boundaries where records come in: predictions, candidates, the catalog, and the state that a restart reads."""

from __future__ import annotations

import itertools
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from processor.catalog.follower import CatalogFollower
from processor.catalog.records import SCHEMAS as SCHEMA_OF
from processor.catalog.records import (
    TOPICS,
    App,
    Key,
    Kind,
    KnowledgeGraph,
    Model,
    ModelVersion,
    Relation,
    SpentQuota,
    Workflow,
    WorkflowNode,
    kind_of,
    record_key,
)
from processor.catalog.records import Collector as CollectorRecord
from processor.catalog.values import to_value
from processor.codec.bad import BadReason, BadRecordError
from processor.codec.candidates import candidate_decoder
from processor.codec.framing import frame
from processor.codec.predictions import PredictionDecoder, candidate_encoder
from processor.codec.records import encode, write_body
from processor.codec.reference import ReferenceDecoder
from processor.engine.collector import NO_SOURCE, Collector
from processor.errors import FixCluster
from processor.kafka.reader import Record
from processor.limits.fingerprints import fingerprint
from processor.limits.rules import Duplicates, Quota, Sameness
from processor.limits.settle import settle
from processor.settings import Settings
from processor.stages.bad_records import error_headers
from processor.stages.outputs import Outputs
from processor.stages.post_queue import NOTHING_TO_RUN, Candidate
from processor.stages.restore import Changelog, Store
from processor.state.counters import Block, Restoration, Slot
from processor.state.progress import Mark
from processor.state.windows import PartitionWindows, WindowBlock, WindowRestoration
from tests.fuzz.judging import judge, work
from tests.fuzz.machine import Boundary, one_by_one, tellable
from tests.support.older_schemas import NEWER_ID, OLDER_ID, schemas_of_three_releases
from tests.support.predictions import predictions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hypothesis import strategies as st

SCHEMAS = schemas_of_three_releases()
SETTINGS = Settings()
RECORD_BYTES_MAX = 100_000
EXAMPLES = 60
REASONS = frozenset(BadReason)


def examples(strategy: st.SearchStrategy[Any], count: int = EXAMPLES) -> list[Any]:
    """Values of a Hypothesis strategy, the same every time."""
    found: list[Any] = []

    @seed(0)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


# Predictions.

COLUMNAR = PredictionDecoder(SCHEMAS, RECORD_BYTES_MAX)
REFERENCE = ReferenceDecoder(SCHEMAS, RECORD_BYTES_MAX)
ENCODE_CANDIDATE = candidate_encoder(SCHEMAS)
DECODE_CANDIDATE = candidate_decoder(SCHEMAS)


@cache
def prediction_seeds() -> list[bytes]:
    found = examples(predictions)
    ours = [encode(SCHEMAS, "prediction", each) for each in found]
    others = [
        frame(schema_id, write_body(SCHEMAS.by_id(schema_id), each))
        for each in found[: EXAMPLES // 4]
        for schema_id in (OLDER_ID, NEWER_ID)
    ]
    return ours + others


def check_predictions(cases: Sequence[bytes]) -> list[str]:
    """Every value is a row, or bad for a reason of the closed set; both decoders say the same; a row can be queued and read back."""
    columnar, reference = COLUMNAR.decode(cases), REFERENCE.decode(cases)
    outcomes = ["row"] * len(cases)
    for bad in columnar.bad:
        assert bad.reason in REASONS
        assert error_headers(("predictions", 0, 0), bad.reason, bad.detail)
        outcomes[bad.index] = bad.reason
    assert sorted([*columnar.positions.tolist(), *(bad.index for bad in columnar.bad)]) == list(range(len(cases)))
    assert len(columnar.values) == columnar.batch.rows == len(columnar.positions)
    assert [(bad.index, bad.reason) for bad in columnar.bad] == [(bad.index, bad.reason) for bad in reference.bad]
    assert [*columnar.values] == [*reference.values]
    # Equal as text: a NaN inside an embedding equals itself, and 0.0 is not -0.0.
    assert repr(columnar.batch.table.to_pylist()) == repr(reference.batch.table.to_pylist())
    judge(columnar)
    for row in range(columnar.batch.rows):
        DECODE_CANDIDATE(ENCODE_CANDIDATE("u/a/c", 0.5, "v1", columnar.body(row)))
    return outcomes


# Candidates.

BY_EVERYTHING = Duplicates(frozenset(Sameness), 10, 3600)
QUOTA = Quota(per_minute=5, total=100)
OUTPUTS = Outputs(SETTINGS, ENCODE_CANDIDATE)


@cache
def candidate_seeds() -> list[bytes]:
    bodies = [encode(SCHEMAS, "prediction", each)[5:] for each in examples(predictions)]
    return [ENCODE_CANDIDATE("u/a/c", 0.25, "0" * 24, body) for body in bodies]


def _refused(error: BadRecordError) -> str:
    assert error.reason in REASONS
    assert error_headers(("queue", 0, 0), error.reason, error.detail)
    return error.reason


def check_candidate(case: bytes) -> str:
    """It is refused with a reason, or can be settled and collected as the second stage does it."""
    try:
        DECODE_CANDIDATE(case, lambda _: False)
        fields = DECODE_CANDIDATE(case)
    except BadRecordError as error:
        return _refused(error)
    collector = Collector(fields["collector"], NO_SOURCE, collect_outputs=True)
    message: Any = SimpleNamespace(timestamp=lambda: (1, 1_795_312_800_000))
    candidate = Candidate(message, fields, collector, NOTHING_TO_RUN, fingerprint(fields["prediction"], frozenset(Sameness)))
    windows = PartitionWindows(0)
    outcome = settle(windows.memory(candidate.place), (QUOTA, BY_EVERYTHING), candidate.print_, candidate.at_us)
    model = fields["prediction"]["model"]
    named = {**fields["prediction"], "model": f"{model['user_id']}/{model['app_id']}/{model['id']}"}
    OUTPUTS.input(collector, named, fields["inclusion_probability"], b"v1", {"metadata": {"a": 1}, "concepts": []})
    work(case, fields["prediction"])
    return outcome


# The catalog.

KINDS = list(Kind)
_OF = ("acme", "quality")
_WATCHED = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general", "post_inputs_key_id": "ingest"}
CATALOG = (
    App("acme", "quality", "professional", ("bob",), "https://example.com"),
    Key(*_OF, "ingest", ("PostInputs",), "ab" * 32),
    Key("acme", "", "token", ("PostInputs",), "cd" * 32),
    Model(
        *_OF, "tenth", "random-sample", '{"params":{"keep_fraction":0.1}}', versions=(ModelVersion("v1", '{"params":{"keep_fraction":1}}'),)
    ),
    Model(*_OF, "low", "max-probability", '{"params":{"value":0.6}}', model_version_id="v2"),
    Model(*_OF, "dogs", "concept-threshold", '{"data":{"concepts":[{"id":"dog","value":0.9}]}}'),
    Model(*_OF, "night", "metadata-filter", '{"params":{"metadata":{"site":{"$regex":"^n"},"a":{"$in":[1,2]}}}}'),
    Model(*_OF, "animals", "concept-synonym-mapper", '{"params":{"knowledge_graph_id":"zoo"}}'),
    Model(*_OF, "few", "budget", '{"params":{"share":0.5,"window":10,"warm_up":5}}'),
    KnowledgeGraph(*_OF, "zoo", (Relation("dog", "hyponym", "animal", "Animal"),)),
    Workflow(*_OF, "sample", (WorkflowNode("a", "", "", "tenth"), WorkflowNode("b", "", "", "low", inputs=("a",)))),
    Workflow(*_OF, "dogs", (WorkflowNode("a", "", "", "dogs"), WorkflowNode("b", "", "", "animals", inputs=("a",)))),
    Workflow(*_OF, "after", (WorkflowNode("a", "", "", "few"),)),
    CollectorRecord(*_OF, "plain", pre_queue_random_sample=0.5, **_WATCHED),
    CollectorRecord(*_OF, "dogs", pre_queue_workflow_id="dogs", post_queue_workflow_id="after", queue_shards=2, **_WATCHED),
    CollectorRecord(
        *_OF, "limited", pre_queue_workflow_id="sample", quota=QUOTA, duplicates=BY_EVERYTHING, tags=("a",), dataset_ids=("d",), **_WATCHED
    ),
    CollectorRecord(*_OF, "paused", pre_queue_workflow_id="sample", paused=True, collect_outputs=True, **_WATCHED),
    SpentQuota(*_OF, "limited", 5),
)


class Given:
    """A reader of records that are there."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = list(records)

    def read_to_end(self) -> Iterable[Record]:
        return self._records

    def poll(self, *_: object) -> Sequence[Record]:
        found, self._records = self._records, []
        return found

    def close(self) -> None:
        """Nothing."""


def packed(kind: Kind, key: bytes, value: bytes, changeset: bytes = b"") -> bytes:
    """One record of the catalog as one case: its kind, the lengths of key and changeset, these, and the value."""
    return bytes([KINDS.index(kind), len(key), len(changeset)]) + key + changeset + value


def unpacked(case: bytes, offset: int) -> Record:
    kind = KINDS[case[0] % len(KINDS)] if case else Kind.APP
    key_length, rest = (case[1] if len(case) > 1 else 0), case[3:]
    changeset_length = case[2] if len(case) > 2 else 0
    key, changeset = rest[:key_length], rest[key_length : key_length + changeset_length]
    value = rest[key_length + changeset_length :]
    names = ("changeset-id", "changeset-index", "changeset-count")
    headers = tuple(zip(names, changeset.split(b","), strict=False)) if changeset else ()
    return Record(TOPICS[kind], 0, offset, 0, key, value or None, headers)


@cache
def base() -> tuple[Record, ...]:
    """A catalog in which everything refers to everything."""
    return tuple(unpacked(packed(kind, key, value), offset) for offset, (kind, key, value) in enumerate(catalog_records()))


@cache
def some_predictions() -> list[bytes]:
    """Of the model that everybody in it watches."""
    watched = {"user_id": "clarifai", "app_id": "main", "id": "general", "version_id": "aa7f"}
    return [encode(SCHEMAS, "prediction", each | {"model": watched}) for each in examples(predictions, 8)]


def catalog_records() -> list[tuple[Kind, bytes, bytes]]:
    return [
        (kind_of(record), record_key(record).encode(), encode(SCHEMAS, SCHEMA_OF[kind_of(record)], to_value(record))) for record in CATALOG
    ]


def catalog_seeds() -> list[bytes]:
    plain = [packed(*each) for each in catalog_records()]
    return plain + [packed(kind, key, value, b"00000000000000ff,0,1") for kind, key, value in catalog_records()]


def check_catalog(cases: Sequence[bytes]) -> list[str]:
    """What cannot be believed is counted and skipped; loading and following end in the same catalog, and it can be used."""
    records = [unpacked(case, 1_000 + offset) for offset, case in enumerate(cases)]
    loaded = CatalogFollower(SETTINGS, SCHEMAS, lambda *_: Given([*base(), *records]), lambda: 1e9)
    loaded.bootstrap()
    now = [1e9]
    followed = CatalogFollower(SETTINGS, SCHEMAS, lambda *_: Given([]), lambda: now[0])
    followed.bootstrap()
    before = followed.poisoned
    outcomes = []
    for record in [*base(), *records]:
        followed._reader = Given([record])
        followed.poll()
        outcomes.append("poisoned" if followed.poisoned > before else "believed")
        before = followed.poisoned
    now[0] += SETTINGS.changeset_wait_ms / 1000  # what is half of a call waits for the other half
    followed.poll()
    assert loaded.poisoned == followed.poisoned
    assert {kind: loaded.catalog.records(kind) for kind in Kind} == {kind: followed.catalog.records(kind) for kind in Kind}
    assert sorted(loaded.catalog.collector_states()) == sorted(followed.catalog.collector_states())
    judge(COLUMNAR.decode(some_predictions()), followed.catalog.watchers)
    for catalog in (loaded.catalog, followed.catalog):
        for key, _, reason in catalog.collector_states():
            assert reason.encode() is not None
            catalog.obstacles(key)
    return [f"{record.topic} {outcome}" for record, outcome in zip(records, outcomes[len(base()) :], strict=True)]


# State that a restart reads.


def _store(schema: str, restoration: Any) -> Store[Any]:
    return Store(SETTINGS, SCHEMAS, Changelog("post-queue", schema, schema, 1, "", ""), restoration, lambda: None)


COUNTERS: Store[Any] = _store("counters", lambda: Restoration("post-queue"))
WINDOWS: Store[Any] = _store("queue_state", WindowRestoration)


def counter_seeds() -> list[bytes]:
    slots = [Slot("u/a/c", "collected"), Slot("u/a/c", "workflow_empty", "n")]
    blocks = [
        Block("post-queue", 0, "u/a/m", 0, names=slots),
        Block("post-queue", 0, "u/a/m", 0, counts=b"\x05" + b"\0" * 15),
        Block("post-queue", 0, next_offset=17),
    ]
    return [encode(SCHEMAS, "counters", block.as_dict()) for block in blocks]


@cache
def window_seeds() -> list[bytes]:
    windows = PartitionWindows(0)
    memory = windows.memory("u/a/c", "2026-01-01T00:00:00Z")
    for number, found in enumerate(examples(predictions, 3)):
        settle(memory, (QUOTA, BY_EVERYTHING), fingerprint(found, frozenset(Sameness)), 1_795_312_800_000_000 + number)
    memory.stream("n.budget").add((0.5, 0.25), 10)
    blocks: list[WindowBlock] = list(windows.changes(Mark(3, 9, (3, 5), {b"u/a/c": 7})))
    return [encode(SCHEMAS, "queue_state", fields) for block in blocks if (fields := block.as_dict()) is not None]


def _restored(store: Store[Any], seeds: Sequence[bytes], case: bytes) -> dict[int, Any] | None:
    """The state of seeds and one more record; None where it is refused as something for people."""
    restored = store._restoration()
    try:
        for number, value in enumerate([*seeds, case]):
            store._add(Record("changelog", 0, number, 0, b"%d" % number, value), value, restored)
        return store._states(restored, [0])
    except FixCluster as error:
        tellable(error)
        return None


def check_counters(case: bytes) -> str:
    """It is told which record makes no sense, or there is a state that can be counted on."""
    states = _restored(COUNTERS, counter_seeds(), case)
    if states is None:
        return "refused"
    counters = states[0]
    counters.count("u/a/m", Slot("u/a/c", "collected"), 1)
    assert [COUNTERS.record(block) for block in counters.changes(18)]
    return "restored"


def check_windows(case: bytes) -> str:
    """It is told which record makes no sense, or there is a state that the stage can go on with."""
    states = _restored(WINDOWS, window_seeds(), case)
    if states is None:
        return "refused"
    windows, progress = states[0]
    for collector in windows.collectors:
        memory = windows.memory(collector, "2025-01-01T00:00:00Z")
        settle(memory, (QUOTA, BY_EVERYTHING), fingerprint(some_prediction(), frozenset(Sameness)), 1_795_312_900_000_000)
        memory.stream("n.budget").add((0.5, 0.25), 10)
    offset = progress.position
    if progress.read(offset, b"u/a/c"):
        progress.begin(offset, b"u/a/c")
        progress.finish(offset)
    assert [WINDOWS.record(block) for block in itertools.islice(windows.changes(progress.mark()), 1_000)]
    return "restored"


@cache
def some_prediction() -> Mapping[str, Any]:
    found: Mapping[str, Any] = examples(predictions, 1)[0]
    return found


RECORD_BOUNDARIES = [
    Boundary("predictions", prediction_seeds, check_predictions, at_once=64),
    Boundary("candidates", candidate_seeds, one_by_one(check_candidate)),
    Boundary("catalog", catalog_seeds, check_catalog, at_once=32),
    Boundary("counters", counter_seeds, one_by_one(check_counters)),
    Boundary("queue-state", window_seeds, one_by_one(check_windows)),
]
