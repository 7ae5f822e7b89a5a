"""What decisions become: inputs, candidates, and what is too large for either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from processor.codec.inputs import Collected, input_id, input_json
from processor.codec.predictions import PredictionDecoder, candidate_encoder
from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.engine.collector import Collector, Second, Source, Watchers
from processor.engine.decide import decide
from processor.engine.reasons import OUTCOMES, Outcome
from processor.settings import Settings
from processor.stages.outputs import Outputs
from tests.support.predictions import input_of, output_of, prediction, region_of

if TYPE_CHECKING:
    from processor.engine.decide import ModelDecisions
    from processor.kafka.writer import Outgoing
    from processor.stages.outputs import TooLarge

SCHEMAS = Schemas.checked_in()
MODEL = "clarifai/main/general"
VERSION = "0001"
STREAM = [
    prediction(id="p-1", output=output_of(concepts=[{"id": "dog", "name": "dog", "value": 0.5}], regions=[region_of()])),
    prediction(id="p-2", input=input_of(text={"raw": "hello", "url": None}, metadata=None)),
]


def collecting(name: str, **fields: Any) -> Collector:
    """A collector of everything."""
    return Collector(f"acme/{name}", Source(MODEL), random_sample=1.0, **fields)


def made(
    *collectors: Collector, stream: list[dict[str, Any]] | None = None, record_bytes_max: int = 16_000_000
) -> tuple[list[Outgoing], list[TooLarge], ModelDecisions]:
    """What these collectors make of a stream, and the decisions behind it."""
    decoded = PredictionDecoder(SCHEMAS).decode([encode(SCHEMAS, "prediction", each) for each in stream or STREAM])
    decisions = decide(decoded.batch, {MODEL: Watchers(MODEL, collectors)})
    records, too_large = Outputs(Settings(record_bytes_max=record_bytes_max), candidate_encoder(SCHEMAS)).records(
        decoded, decisions, VERSION
    )
    return records, too_large, decisions[0]


def expected(key: str, given: dict[str, Any], *, collect_outputs: bool = False) -> bytes:
    """The body made of the whole prediction."""
    return input_json(input_id(key, given["id"]), given, Collected(key, given["id"], MODEL, 1.0, collect_outputs))


def test_every_collected_prediction_is_an_input_of_its_apps_topic() -> None:
    records, _, _ = made(collecting("quality/all"), collecting("other_app/all"))
    assert [(record.topic, record.key, record.value) for record in records] == [
        (topic, input_id(key, given["id"]).encode(), expected(key, given))
        for given in STREAM
        for key, topic in (("acme/quality/all", "inputs.acme.quality"), ("acme/other_app/all", "inputs.acme.other__app"))
    ]


def test_an_input_carries_its_collectors_tags_and_datasets() -> None:
    records, _, _ = made(collecting("quality/all", tags=("night",), dataset_ids=("relabel",)), stream=STREAM[:1])
    (body,) = [orjson.loads(record.value or b"") for record in records]
    assert (body["data"]["metadata"]["collected"]["tags"], body["dataset_ids"]) == (["night"], ["relabel"])


def test_headers_say_where_an_input_comes_from() -> None:
    unversioned = prediction(id="p-3", model={**STREAM[0]["model"], "version_id": ""})
    records, _, _ = made(collecting("quality/all"), stream=[STREAM[0], unversioned])
    models = [f"{MODEL}/{STREAM[0]['model']['version_id']}", MODEL]
    assert [dict(record.headers) for record in records] == [
        {
            "collector": b"acme/quality/all",
            "catalog-version": VERSION.encode(),
            "prediction-id": prediction_id,
            "inclusion-probability": b"1.0",
            "model": model.encode(),
        }
        for prediction_id, model in zip((b"p-1", b"p-3"), models, strict=True)
    ]


def test_outputs_ride_along_for_those_who_ask_and_for_nobody_else() -> None:
    records, _, _ = made(collecting("quality/bare"), collecting("quality/whole", collect_outputs=True), stream=STREAM[:1])
    bare, whole = (record.value for record in records)
    assert bare == expected("acme/quality/bare", STREAM[0])
    assert whole == expected("acme/quality/whole", STREAM[0], collect_outputs=True)
    assert orjson.loads(whole or b"")["data"].keys() - orjson.loads(bare or b"")["data"].keys() == {"concepts", "regions"}


def test_a_second_stage_gets_the_whole_prediction() -> None:
    records, _, _ = made(collecting("quality/later", second=Second(), collect_outputs=True), stream=STREAM[:1])
    (candidate,) = (decode(SCHEMAS, "candidate", record.value) for record in records)
    assert (records[0].topic, records[0].key) == ("queue", b"acme/quality/later")
    assert (candidate["collector"], candidate["catalog_version"], candidate["prediction"]["id"]) == ("acme/quality/later", VERSION, "p-1")
    assert candidate["prediction"]["output"]["data"]["concepts"][0]["id"] == "dog"


def test_what_is_too_large_is_named_and_counted_as_invalid() -> None:
    large = prediction(id="p-4", input=input_of(text={"raw": "x" * 2_000, "url": None}))
    both = collecting("quality/all"), collecting("quality/more", second=Second())
    records, too_large, decided = made(*both, stream=[STREAM[1], large], record_bytes_max=1_000)
    assert [(refused.row, "record_bytes_max is 1000" in refused.detail) for refused in too_large] == [(1, True), (1, True)]
    assert len(records) == 2
    for position, outcome in enumerate((Outcome.COLLECTED, Outcome.QUEUED)):
        assert counted(decided, position) == {outcome: 1, Outcome.INVALID: 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "p" * 50_000},
        {"model": {"user_id": "clarifai", "app_id": "main", "id": "general", "version_id": "v" * 100_000}},
    ],
    ids=["id", "version"],
)
def test_a_record_too_large_by_its_headers_is_left_out_counted_and_named(changes: dict[str, Any]) -> None:
    records, too_large, decided = made(collecting("quality/all"), stream=[prediction(), prediction(**changes)], record_bytes_max=100_000)
    assert [dict(record.headers)["prediction-id"] for record in records] == [b"p-1"]
    assert [refused.row for refused in too_large] == [1]
    assert counted(decided, 0) == {Outcome.COLLECTED: 1, Outcome.INVALID: 1}


def counted(decided: ModelDecisions, position: int) -> dict[Outcome, int]:
    """What one collector's predictions were counted under."""
    return {outcome: count for outcome, count in zip(OUTCOMES, decided.counts[position].tolist(), strict=True) if count}
