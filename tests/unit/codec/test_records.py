"""Single records: whatever version they were written with, they come as ours."""

from __future__ import annotations

from typing import Any

import pytest

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import frame
from processor.codec.records import Encoder, decode, encode, write_body
from processor.codec.registry import Schemas
from tests.support.older_schemas import NEWER_ID, OLDER_ID, older, schemas_of_three_releases
from tests.support.predictions import prediction

SCHEMAS = Schemas.checked_in()
SOURCE = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general", "post_inputs_key_id": "ingest"}

SMALLEST: dict[str, dict[str, Any]] = {
    "app": {"user_id": "acme", "id": "quality"},
    "key": {"user_id": "acme", "id": "ingest", "sha256": "00"},
    "model": {"user_id": "acme", "app_id": "quality", "id": "m", "model_type_id": "random-sample"},
    "workflow": {"user_id": "acme", "app_id": "quality", "id": "w"},
    "knowledge_graph": {"user_id": "acme", "app_id": "quality", "id": "g"},
    "collector": {
        "user_id": "acme",
        "app_id": "quality",
        "id": "c",
        "collector_source": {"api_post_model_outputs_collector_source": SOURCE},
    },
    "counters": {"stage": "pre-queue", "partition": 3},
    "candidate": {"collector": "u/a/c", "inclusion_probability": 1.0, "catalog_version": "", "prediction": prediction()},
}


@pytest.mark.parametrize("name", SMALLEST)
def test_a_record_comes_back_with_the_defaults_of_what_was_left_out(name: str) -> None:
    given = SMALLEST[name]
    decoded = decode(SCHEMAS, name, encode(SCHEMAS, name, given))
    assert decoded.keys() == {field["name"] for field in SCHEMAS.writer(name)["fields"]}
    assert encode(SCHEMAS, name, decoded) == encode(SCHEMAS, name, given)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, BadReason.TOMBSTONE),
        (b"{}", BadReason.NO_FRAMING),
        (frame(99, b""), BadReason.UNKNOWN_SCHEMA_ID),
        (encode(SCHEMAS, "app", SMALLEST["app"])[:-1], BadReason.NOT_DECODABLE),
        (encode(SCHEMAS, "key", SMALLEST["key"]), BadReason.NOT_DECODABLE),
        (encode(SCHEMAS, "app", SMALLEST["app"]).replace(b"quality", b"qualit\xff"), BadReason.INVALID_UTF8),
        (encode(SCHEMAS, "app", SMALLEST["app"]).replace(b"quality", b"qualit\xff")[:-1], BadReason.NOT_DECODABLE),
    ],
    ids=["tombstone", "not framed", "unknown id", "cut off", "another record", "no UTF-8", "no UTF-8 and cut off"],
)
def test_what_cannot_be_read_is_told_with_its_reason(data: bytes | None, reason: BadReason) -> None:
    with pytest.raises(BadRecordError) as raised:
        decode(SCHEMAS, "app", data)
    assert raised.value.reason is reason
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("writer_id", [OLDER_ID, NEWER_ID])
def test_records_of_other_releases_resolve_as_avro_says(writer_id: int) -> None:
    """Fields that the writer did not know get our defaults, fields that we do not know are passed over."""
    schemas = schemas_of_three_releases()
    read = decode(schemas, "prediction", frame(writer_id, write_body(schemas.by_id(writer_id), prediction())))
    wanted = older(prediction()) if writer_id == OLDER_ID else prediction()
    assert read == decode(schemas, "prediction", encode(schemas, "prediction", wanted))


def test_a_value_that_does_not_fit_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="no value and no default for id"):
        encode(SCHEMAS, "app", {"user_id": "acme"})


@pytest.mark.parametrize(
    "given",
    [
        {"names": [{"collector": "acme/a/c", "outcome": "collected", "node": ""}, {"collector": "u/a/c", "outcome": "é", "node": "n"}]},
        {"names": []},
        {"counts": b"12345678"},
        {"next_offset": 1 << 40},
    ],
)
def test_an_encoder_writes_what_encode_writes(given: dict[str, Any]) -> None:
    value = {"stage": "pre-queue", "partition": 3, "model": "m", "chunk": 1, "names": None, "counts": None, "next_offset": -1} | given
    encoder = Encoder(SCHEMAS, "counters")
    first, second, plain = encoder(value), encoder(value), encode(SCHEMAS, "counters", value)
    assert first == second
    assert decode(SCHEMAS, "counters", first) == decode(SCHEMAS, "counters", plain)
    # Items of strings stand in a block that has its size in front, which is a byte more here; all else is the same.
    assert len(first) == len(plain) + 1 if given.get("names") else first == plain


@pytest.mark.parametrize("wrong", [{"counts": 7}, {"names": [{"collector": "c", "outcome": 7, "node": ""}]}])
def test_an_encoder_refuses_what_does_not_fit(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Encoder(SCHEMAS, "counters")({"stage": "s", "partition": 3, "names": None, "counts": None, **wrong})
