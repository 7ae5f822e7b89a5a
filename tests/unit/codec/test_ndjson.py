"""Predictions as people write them: every problem is told with its path, and what is good goes through Avro and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given

from processor.codec.ndjson import Prediction, from_avro, parse_prediction
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.errors import FixDocuments
from tests.support.predictions import predictions

SCHEMAS = Schemas.checked_in()
# As the interface shows it, and with everything that it may hold besides.
EXAMPLE = {
    "id": "p-1",
    "model": {"user_id": "clarifai", "app_id": "main", "id": "general-image-recognition", "version_id": "aa7f"},
    "caller_user_id": "bob",
    "workflow_id": "wf",
    "predicted_at": "2026-11-22T02:00:00Z",
    "input": {
        "id": "in-1",
        "data": {
            "image": {"url": "https://example.com/1.jpg"},
            "video": {"base64": "AAAA"},
            "audio": {"base64": "_-8=", "url": "https://example.com/1.wav"},
            "text": {"raw": "a cat"},
            "metadata": {"site": "nyc", "camera": 7, "tags": ["a", None, {"b": 1.5}]},
            "geo": {"geo_point": {"longitude": -73.9, "latitude": 40.7}},
        },
    },
    "output": {
        "data": {
            "concepts": [{"id": "ai_1", "name": "dog", "value": 0.5}],
            "regions": [
                {
                    "id": "r-1",
                    "region_info": {"bounding_box": {"top_row": 0.25}},
                    "data": {"concepts": [{"id": "ai_2", "name": "nose", "value": 1}], "text": {"raw": "STOP"}},
                }
            ],
            "embeddings": [{"vector": [0.5, -2]}],
            "text": {"url": "https://example.com/answer.txt"},
            "image": {"base64": "AAAA"},
            "metadata": {"ms": 12},
        }
    },
}
SMALLEST = {"id": "p-1", "model": {"user_id": "u", "app_id": "a", "id": "m"}, "input": {}}


def problems(value: Any) -> dict[str, str]:
    """Path -> message of everything that is wrong."""
    with pytest.raises(FixDocuments) as raised:
        parse_prediction(value, "line 3")
    assert {problem.document for problem in raised.value.problems} == {"line 3"}
    return {problem.path: problem.message for problem in raised.value.problems}


def through_avro(value: Any) -> dict[str, Any]:
    return from_avro(decode(SCHEMAS, "prediction", encode(SCHEMAS, "prediction", parse_prediction(value).to_avro())))


def test_everything_comes_back_as_it_was_written() -> None:
    assert through_avro(EXAMPLE) == EXAMPLE


def test_text_bytes_and_mappings_are_read_alike() -> None:
    assert parse_prediction(orjson.dumps(EXAMPLE)) == parse_prediction(orjson.dumps(EXAMPLE).decode()) == parse_prediction(EXAMPLE)


def test_a_checked_prediction_is_taken_as_it_is() -> None:
    checked = Prediction.model_validate(SMALLEST)
    assert parse_prediction(checked) is checked


def test_what_is_left_out_has_its_default() -> None:
    assert through_avro(SMALLEST) == {
        "id": "p-1",
        "model": SMALLEST["model"] | {"version_id": ""},
        "caller_user_id": "",
        "workflow_id": "",
        "input": {"id": "", "data": {}},
        "output": {"data": {"concepts": [], "regions": [], "embeddings": []}},
    }


def test_a_null_is_a_field_left_out() -> None:
    nulls = SMALLEST | {"predicted_at": None, "output": None, "caller_user_id": None, "input": {"data": {"image": None, "metadata": None}}}
    assert parse_prediction(nulls) == parse_prediction(SMALLEST | {"input": {"data": {}}})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T02:00:00Z", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("2026-11-22T03:30:00.123456+01:30", datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-22T02:00:00.123456789Z", datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=UTC)),
        (datetime(2026, 11, 22, 1, tzinfo=timezone(timedelta(hours=-1))), datetime(2026, 11, 22, 2, tzinfo=UTC)),
    ],
)
def test_a_time_is_rfc_3339_or_a_datetime_with_a_zone(text: Any, moment: datetime) -> None:
    assert parse_prediction(SMALLEST | {"predicted_at": text}).predicted_at == moment


@pytest.mark.parametrize(
    "time",
    ["yesterday", "2026-11-22", "2026-11-22T02:00:00", 1_795_312_800, "0001-01-01T00:00:00+05:00", datetime(2026, 1, 1)],  # noqa: DTZ001 - no zone is the point
)
def test_a_time_without_zone_or_unit_is_refused(time: Any) -> None:
    assert "RFC 3339" in problems(SMALLEST | {"predicted_at": time})["predicted_at"]


def test_all_problems_are_told_at_once_with_their_paths() -> None:
    value = {
        "model": {"user_id": "", "app_id": "a", "id": "m", "name": "x"},
        "caller_user_id": 7,
        "input": {"data": {"image": {}, "text": {}, "video": {"base64": "data:video/mp4;base64,AAAA"}, "metadata": [1], "concepts": []}},
        "output": {
            "data": {
                "concepts": [{"id": "ok", "value": 0.5}, {"id": "", "value": 1.5}, {"id": "c"}, {"id": "c", "value": "0.5"}],
                "regions": [{"id": "r", "data": {"concepts": [{"id": "c", "value": -0.1}]}}],
                "embeddings": [{"vector": [1e39]}],
            }
        },
        "outputs": {},
    }
    told = problems(value)
    assert told.keys() == {
        "id",
        "model.user_id",
        "model.name",
        "caller_user_id",
        "input.data.image",
        "input.data.text",
        "input.data.video.base64",
        "input.data.metadata",
        "input.data.concepts",
        "output.data.concepts[1].id",
        "output.data.concepts[1].value",
        "output.data.concepts[2].value",
        "output.data.concepts[3].value",
        "output.data.regions[0].data.concepts[0].value",
        "output.data.embeddings[0].vector[0]",
        "outputs",
    }
    assert told["outputs"] == "no such field"
    assert "url or base64" in told["input.data.image"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.0000001, -1e-9])
def test_a_value_that_is_no_probability_is_refused(value: float) -> None:
    told = problems(SMALLEST | {"output": {"data": {"concepts": [{"id": "c", "value": value}]}}})
    assert told.keys() == {"output.data.concepts[0].value"}


@pytest.mark.parametrize("metadata", [{"a": {1, 2}}, {1: "a"}, {"a": object()}])
def test_metadata_that_json_cannot_hold_is_refused(metadata: Any) -> None:
    assert problems(SMALLEST | {"input": {"data": {"metadata": metadata}}})


def test_metadata_nested_too_deeply_is_refused() -> None:
    metadata: dict[str, Any] = {}
    for _ in range(100):
        metadata = {"a": metadata}
    assert "nested deeper" in problems(SMALLEST | {"input": {"data": {"metadata": metadata}}})["input.data.metadata"]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '"p-1"'])
def test_a_line_that_is_no_object_is_refused(text: str) -> None:
    assert problems(text).keys() == {""}


@given(predictions)
def test_whatever_a_topic_holds_can_be_shown_as_json(prediction: dict[str, Any]) -> None:
    value = encode(SCHEMAS, "prediction", prediction)
    shown = from_avro(decode(SCHEMAS, "prediction", value))
    assert orjson.loads(orjson.dumps(shown))["input"] == shown["input"]
    (row,) = PredictionDecoder(SCHEMAS).decode([value]).batch.table.to_pylist()
    assert from_avro(row) == shown


def test_a_json_text_that_is_none_is_shown_as_it_is() -> None:
    record = parse_prediction(SMALLEST).to_avro()
    record["input"]["data"]["metadata"] = "{'a': 1}"
    assert from_avro(record)["input"]["data"]["metadata"] == "{'a': 1}"
