"""The body of an input: what is in it, what is not, and that its JSON Schema says the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jsonschema
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.codec import records
from processor.codec.inputs import Collected, input_id, input_json
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from tests.docs.pages import ROOT
from tests.support.predictions import input_of, output_of, prediction, predictions, region_of

SCHEMA = json.loads((ROOT / "schemas" / "input.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
SCHEMAS = Schemas.checked_in()
BARE = Collected("acme/quality/rare", "p-1", "clarifai/main/general", 0.25)
WHOLE = Collected("acme/quality/rare", "p-1", "clarifai/main/general", 0.25, collect_outputs=True)
KEY = input_id(BARE.collector, BARE.prediction_id)
PROVENANCE = {"collector": "acme/quality/rare", "prediction_id": "p-1", "model": "clarifai/main/general", "inclusion_probability": 0.25}


def body(collected: Collected = BARE, **changes: Any) -> Any:
    """The body of an input, valid by its schema."""
    made = json.loads(input_json(KEY, prediction(**changes), collected))
    VALIDATOR.validate(made)
    return made


def test_the_id_is_the_first_32_hex_digits_of_sha256_over_collector_nul_prediction() -> None:
    assert input_id("u/a/c", "p-é") == hashlib.sha256("u/a/c\0p-é".encode()).hexdigest()[:32]


def test_an_input_is_the_original_input_and_where_it_came_from() -> None:
    assert body() == {
        "id": KEY,
        "data": {"image": {"url": "https://example.com/1.jpg"}, "metadata": {"site": "nyc", "collected": PROVENANCE}},
    }


def test_an_input_without_metadata_still_tells_where_it_came_from() -> None:
    assert body(input=input_of(text={"raw": "hello", "url": None}))["data"] == {
        "text": {"raw": "hello"},
        "metadata": {"collected": PROVENANCE},
    }


def test_provenance_wins_over_metadata_of_the_same_name() -> None:
    assert body(input=input_of(metadata='{"collected":"me"}'))["data"]["metadata"] == {"collected": PROVENANCE}


numbers = st.sampled_from(["18446744073709551617", "-9223372036854775809", "0.10000000000000000555", "1e5", "1.50", "-0", "1E300", "7"])
spaces = st.sampled_from(["", " ", "\n", "\t \r\n"])
plain = st.recursive(
    numbers | st.sampled_from(["null", "true", "{}", "[ ]", '"\\u00e9"', '"é\\n"', '"\\"collected\\""', '{"collected": 1}']),
    lambda inner: st.builds(lambda first, space, second: f"[{first},{space}{second}]", inner, spaces, inner),
    max_leaves=4,
)
names = st.sampled_from(["site", "é", "a\\u0062", "collecte", "collected ", r"\"collected", "x.y", ""])
fields = st.dictionaries(names, st.tuples(spaces, plain, spaces).map("".join), max_size=4)


def written(own: dict[str, str], space: str = "") -> str:
    return f"{space}{{{space}" + ",".join(f'{space}"{name}"{space}:{value}' for name, value in own.items()) + f"{space}}}{space}"


def metadata_in(text: str | None) -> str:
    """The metadata in the body of an input, as they are written there."""
    made = input_json(KEY, prediction(input=input_of(metadata=text)), BARE).decode()
    assert json.loads(made)["data"]["metadata"]["collected"] == PROVENANCE
    start, end = f'{{"id":"{KEY}","data":{{"metadata":', "}}"
    assert made.startswith(start)
    assert made.endswith(end)
    return made[len(start) : -len(end)]


@given(fields, spaces)
def test_metadata_are_carried_as_they_were_written(own: dict[str, str], space: str) -> None:
    """Byte by byte: a number beyond 64 bits would come out as another one if it were read and written again."""
    text, appended = written(own, space), f'"collected":{orjson.dumps(PROVENANCE).decode()}}}'
    made = metadata_in(text)
    assert made.endswith(appended)
    before = made.removesuffix(appended)
    assert before == (text.rstrip()[:-1] + "," if own else text.rstrip()[:-1])


@given(fields, st.sampled_from(["collected", "\\u0063ollected", "collect\\u0065d"]), plain)
def test_numbers_are_carried_even_where_provenance_takes_a_fields_place(own: dict[str, str], name: str, value: str) -> None:
    def exactly(text: str) -> Any:
        return json.loads(text, parse_int=str, parse_float=str)

    expected = exactly(written(own)) | {"collected": exactly(orjson.dumps(PROVENANCE).decode())}
    assert exactly(metadata_in(written({name: value, **own}))) == expected


@pytest.mark.parametrize("text", [None, "{}", " {\n} ", '{"collected": {"collector": 1}}'])
def test_metadata_without_fields_of_their_own_are_provenance(text: str | None) -> None:
    assert json.loads(metadata_in(text)) == {"collected": PROVENANCE}


def test_geo_is_carried_as_it_came() -> None:
    assert b'"geo":{"geo_point": {"longitude": 1.50}}' in input_json(
        KEY, prediction(input=input_of(geo='{"geo_point": {"longitude": 1.50}}')), BARE
    )


def test_outputs_ride_along_only_when_asked_for() -> None:
    output = output_of(concepts=[{"id": "ai_1", "name": "dog", "value": 0.5}], regions=[region_of(text={"raw": "STOP", "url": None})])
    assert body(BARE, output=output)["data"].keys() == {"image", "metadata"}
    data = body(WHOLE, output=output)["data"]
    assert data["concepts"] == [{"id": "ai_1", "name": "dog", "value": 0.5}]
    assert data["regions"] == [
        {
            "id": "r-1",
            "region_info": {"bounding_box": {"top_row": 0.1}},
            "data": {"concepts": [{"id": "ai_2", "name": "nose", "value": 0.25}], "text": {"raw": "STOP"}},
        }
    ]


def test_tags_stand_with_where_it_came_from_and_datasets_beside_the_id() -> None:
    made = body(BARE._replace(tags=("night", "site:oslo"), dataset_ids=("relabel", "a")))
    assert made["dataset_ids"] == ["relabel", "a"]
    assert made["data"]["metadata"]["collected"] == PROVENANCE | {"tags": ["night", "site:oslo"]}
    assert body(BARE, input=input_of(metadata='{"tags": ["own"]}'))["data"]["metadata"] == {"tags": ["own"], "collected": PROVENANCE}


def test_an_empty_output_adds_nothing() -> None:
    assert body(WHOLE, output=output_of())["data"].keys() == {"image", "metadata"}


marks = st.lists(st.sampled_from(["a", "b", "c.d/e"]), max_size=3, unique=True).map(tuple)


@given(st.lists(predictions, min_size=1, max_size=4), marks, marks)
def test_whatever_is_collected_keeps_to_the_schema(
    given_predictions: list[dict[str, Any]], tags: tuple[str, ...], datasets: tuple[str, ...]
) -> None:
    decoded = PredictionDecoder(SCHEMAS).decode([records.encode(SCHEMAS, "prediction", each) for each in given_predictions])
    for row in decoded.batch.take(np.arange(decoded.batch.rows)):
        made = orjson.loads(input_json(KEY, row, WHOLE._replace(tags=tags, dataset_ids=datasets)))
        VALIDATOR.validate(made)
        assert made.get("dataset_ids", []) == [*datasets]
        assert made["data"]["metadata"]["collected"].get("tags", []) == [*tags]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.pop("id"),
        lambda made: made.update(id="short"),
        lambda made: made.update(extra=1),
        lambda made: made["data"].update(embeddings=[]),
        lambda made: made["data"]["metadata"].pop("collected"),
        lambda made: made["data"]["metadata"]["collected"].update(inclusion_probability=0),
        lambda made: made["data"]["concepts"][0].update(value=1.5),
        lambda made: made["data"]["image"].update(url=7),
    ],
)
def test_the_schema_refuses_what_an_input_never_is(spoil: Any) -> None:
    made = body(WHOLE)
    spoil(made)
    assert not VALIDATOR.is_valid(made)


def test_every_part_of_the_schema_is_described() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert [path for path, part in _properties(SCHEMA) if not part.get("description") and "$ref" not in part] == []


def _properties(schema: Any, path: str = "") -> list[tuple[str, Any]]:
    if not isinstance(schema, dict):
        return []
    here = [(f"{path}.{name}", part) for name, part in schema.get("properties", {}).items()]
    inner = [*here, *((f"{path}.{name}", part) for name, part in schema.get("$defs", {}).items())]
    return here + [found for name, part in inner for found in _properties(part, name)]
