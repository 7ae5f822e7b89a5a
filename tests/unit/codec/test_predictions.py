"""Every reason for which a value is set aside, and what flows on around it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from processor.codec import records
from processor.codec.bad import BadReason
from processor.codec.framing import HEADER_BYTES, frame
from processor.codec.predictions import Decoder, PredictionDecoder, candidate_encoder
from processor.codec.reference import ReferenceDecoder
from processor.codec.registry import Schemas
from tests.support.predictions import input_of, output_of, prediction, region_of

SCHEMAS = Schemas.checked_in()
LIMIT = 6_000_000


@pytest.fixture(params=[PredictionDecoder, ReferenceDecoder])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    """Both decoders, one after the other."""
    made: Decoder = request.param(SCHEMAS, LIMIT)
    return made


def encoded(**changes: Any) -> bytes:
    return records.encode(SCHEMAS, "prediction", prediction(**changes))


def concept(value: float) -> dict[str, Any]:
    return {"id": "ai_9", "name": "cat", "value": value}


GOOD = encoded()
NESTED = '{"a":' * 101 + "1" + "}" * 101

# name -> (a value, its reason, a part of the detail)
BAD: dict[str, tuple[bytes | None, BadReason, str]] = {
    "a tombstone": (None, BadReason.TOMBSTONE, "no value"),
    "nothing": (b"", BadReason.NO_FRAMING, "nothing"),
    "four bytes": (b"\0\0\0\0", BadReason.NO_FRAMING, "00 00 00 00"),
    "JSON": (b'{"id": "p-1"}', BadReason.NO_FRAMING, "7b 22 69 64 22"),
    "an unknown id": (frame(77, GOOD[HEADER_BYTES:]), BadReason.UNKNOWN_SCHEMA_ID, "77"),
    "another record's schema": (records.encode(SCHEMAS, "app", {"user_id": "u", "id": "a"}), BadReason.NOT_DECODABLE, ""),
    "only a header": (GOOD[:HEADER_BYTES], BadReason.NOT_DECODABLE, ""),
    "cut in the middle": (GOOD[: len(GOOD) // 2], BadReason.NOT_DECODABLE, ""),
    "the last byte missing": (GOOD[:-1], BadReason.NOT_DECODABLE, ""),
    "a negative length": (GOOD[:HEADER_BYTES] + b"\x01" + GOOD[HEADER_BYTES + 1 :], BadReason.NOT_DECODABLE, ""),
    "a string of 2 EiB": (GOOD[:HEADER_BYTES] + b"\xfe" * 8 + b"\x3f" + GOOD[HEADER_BYTES:], BadReason.NOT_DECODABLE, ""),
    "2 EiB of concepts": (GOOD.replace(b"\x02\x08ai_1", b"\xfe\xff\xff\xff\xff\xff\xff\xff\x3f\x08ai_1"), BadReason.NOT_DECODABLE, ""),
    "Latin-1": (encoded(caller_user_id="Renee").replace(b"Renee", b"Ren\xe9e"), BadReason.INVALID_UTF8, ""),
    "Latin-1 in a concept": (GOOD.replace(b"dog", b"d\xf6g"), BadReason.INVALID_UTF8, ""),
    "half a character": (
        # The next string begins with the other half: both together are UTF-8, neither alone is.
        encoded(output=output_of(concepts=[concept(0.5) | {"name": "xx"}, concept(0.5) | {"name": "yy"}]))
        .replace(b"xx", b"x\xc3")
        .replace(b"yy", b"\xa9y"),
        BadReason.INVALID_UTF8,
        "",
    ),
    "a surrogate": (encoded(caller_user_id="abc").replace(b"abc", b"\xed\xa0\x80"), BadReason.INVALID_UTF8, ""),
    "no id": (encoded(id=""), BadReason.MISSING_ID, "id is empty"),
    "no model": (encoded(model=prediction()["model"] | {"id": ""}), BadReason.MISSING_MODEL, "model.id"),
    "no user of the model": (encoded(model=prediction()["model"] | {"user_id": ""}), BadReason.MISSING_MODEL, "model.user_id"),
    "no app of the model": (encoded(model=prediction()["model"] | {"app_id": ""}), BadReason.MISSING_MODEL, "model.app_id"),
    "NaN": (
        encoded(output=output_of(concepts=[concept(0.1), concept(float("nan"))])),
        BadReason.VALUE_OUT_OF_RANGE,
        "output.data.concepts[1].value is nan",
    ),
    "infinite": (encoded(output=output_of(concepts=[concept(float("inf"))])), BadReason.VALUE_OUT_OF_RANGE, "is inf"),
    "negative": (encoded(output=output_of(concepts=[concept(-0.25)])), BadReason.VALUE_OUT_OF_RANGE, "is -0.25"),
    "above one": (
        encoded(output=output_of(concepts=[concept(np.nextafter(np.float32(1), np.float32(2)).item())])),
        BadReason.VALUE_OUT_OF_RANGE,
        "is 1.00000012",
    ),
    "NaN in a region": (
        encoded(output=output_of(regions=[region_of(), region_of(concepts=[concept(0.5), concept(float("nan"))])])),
        BadReason.VALUE_OUT_OF_RANGE,
        "output.data.regions[1].data.concepts[1].value is nan",
    ),
    "the year 10000": (encoded(predicted_at=253_402_300_800_000_000), BadReason.VALUE_OUT_OF_RANGE, "predicted_at"),
    "the year 0": (encoded(predicted_at=-62_135_596_800_000_001), BadReason.VALUE_OUT_OF_RANGE, "predicted_at"),
    "metadata no JSON": (encoded(input=input_of(metadata="{'site': 1}")), BadReason.METADATA_NOT_JSON, "input.data.metadata is not JSON"),
    "metadata no object": (
        encoded(input=input_of(metadata="[1]")),
        BadReason.METADATA_NOT_JSON,
        "input.data.metadata is JSON but not an object",
    ),
    "metadata with NaN": (encoded(input=input_of(metadata='{"a":NaN}')), BadReason.METADATA_NOT_JSON, "input.data.metadata"),
    "metadata too deep": (encoded(input=input_of(metadata=NESTED)), BadReason.METADATA_NOT_JSON, "nested deeper than 100"),
    "geo no JSON": (encoded(input=input_of(geo="here")), BadReason.METADATA_NOT_JSON, "input.data.geo"),
    "the output's metadata no JSON": (encoded(output=output_of(metadata="")), BadReason.METADATA_NOT_JSON, "output.data.metadata"),
    "region_info no JSON": (
        encoded(output=output_of(regions=[region_of(), region_of() | {"region_info": "box"}])),
        BadReason.METADATA_NOT_JSON,
        "output.data.regions[1].region_info",
    ),
    "too large": (encoded(input=input_of(image={"url": None, "base64": "A" * LIMIT})), BadReason.TOO_LARGE, "are allowed"),
}


def test_every_reason_has_an_example() -> None:
    assert {reason for _, reason, _ in BAD.values()} == set(BadReason)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_value_is_set_aside_and_its_neighbours_flow(decoder: Decoder, case: str) -> None:
    value, reason, detail = BAD[case]
    decoded = decoder.decode([encoded(id="before"), value, encoded(id="after")])
    assert [(bad.index, bad.reason) for bad in decoded.bad] == [(1, reason)]
    assert detail in decoded.bad[0].detail
    assert decoded.batch.ids.to_pylist() == ["before", "after"]
    assert decoded.positions.tolist() == [0, 2]
    assert decoded.values == [encoded(id="before"), encoded(id="after")]
    assert decoded.body(1) == encoded(id="after")[HEADER_BYTES:]


def test_all_bad_values_at_once_are_told_in_order(decoder: Decoder) -> None:
    batch = [value for value, _, _ in BAD.values()]
    decoded = decoder.decode(batch)
    assert [bad.reason for bad in decoded.bad] == [reason for _, reason, _ in BAD.values()]
    assert [bad.index for bad in decoded.bad] == list(range(len(batch)))
    assert decoded.batch.rows == 0


def test_an_empty_batch_is_an_empty_table(decoder: Decoder) -> None:
    decoded = decoder.decode([])
    assert decoded.batch.rows == 0
    assert decoded.bad == ()
    assert decoded.batch.table.schema == decoder.decode([GOOD]).batch.table.schema


def test_a_record_of_5_mb_is_a_prediction_like_others(decoder: Decoder) -> None:
    content = "A" * 5_000_000
    decoded = decoder.decode([encoded(input=input_of(image={"url": None, "base64": content})), GOOD])
    assert decoded.bad == ()
    assert decoded.batch.take(np.array([0]))[0]["input"]["data"]["image"]["base64"] == content


def test_bytes_after_the_end_are_ignored(decoder: Decoder) -> None:
    decoded = decoder.decode([GOOD + b"more", GOOD])
    assert decoded.bad == ()
    first, second = decoded.batch.table.to_pylist()
    assert first == second


@pytest.mark.parametrize(
    "metadata",
    ["{}", '{"a":' * 100 + "1" + "}" * 100, '{"a":[' + "[]," * 200 + "[]]}", '{"a":"\\u0000\\ud83d\\ude00"}', None],
    ids=["empty", "100 levels", "wide", "escapes", "null"],
)
def test_unusual_metadata_is_good(decoder: Decoder, metadata: str | None) -> None:
    assert decoder.decode([encoded(input=input_of(metadata=metadata))]).bad == ()


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e-40])
def test_the_ends_of_the_range_are_good(decoder: Decoder, value: float) -> None:
    assert decoder.decode([encoded(output=output_of(concepts=[concept(value)]))]).bad == ()


@pytest.mark.parametrize("share", [1, 3, 50, 700])
def test_the_bad_ones_of_a_large_batch_are_found_wherever_they_stand(share: int) -> None:
    """Every so-manyth value is bad: the whole batch, a third, a few, two."""
    bad_ones = [GOOD[:-1], GOOD.replace(b"dog", b"d\xf6g"), GOOD[:HEADER_BYTES] + b"\xff" * 600]
    batch = [bad_ones[i % 3] if i % share == 0 else encoded(id=str(i)) for i in range(1_400)]
    decoded = PredictionDecoder(SCHEMAS).decode(batch)
    assert [bad.index for bad in decoded.bad] == list(range(0, 1_400, share))
    assert decoded.batch.ids.to_pylist() == [str(i) for i in range(1_400) if i % share]


def test_what_fastavro_takes_and_the_columns_do_not_is_found(decoder: Decoder) -> None:
    """A union branch counted from the end, and a number of eleven bytes."""
    start = HEADER_BYTES + len(b"\x06p-1\x10clarifai\x08main\x0egeneral\x08aa7f\x06bob\x00")  # where predicted_at's branch stands
    assert GOOD[start] == 2
    negative = GOOD[:start] + b"\x03" + GOOD[start + 9 :]
    too_long = GOOD[:start] + b"\x82" + b"\x80" * 9 + b"\x00" + GOOD[start + 1 :]
    decoded = decoder.decode([GOOD, negative, too_long, GOOD])
    assert [(bad.index, bad.reason) for bad in decoded.bad] == [(1, BadReason.NOT_DECODABLE), (2, BadReason.NOT_DECODABLE)]


def test_a_candidate_is_a_few_bytes_and_then_the_predictions_own() -> None:
    body = GOOD[HEADER_BYTES:]
    candidate = candidate_encoder(SCHEMAS)("acme/quality/rare", 0.25, "0198-1", body)
    assert candidate.endswith(body)
    decoded = records.decode(SCHEMAS, "candidate", candidate)
    assert decoded["collector"] == "acme/quality/rare"
    assert decoded["inclusion_probability"] == 0.25
    assert decoded["catalog_version"] == "0198-1"
    assert decoded["prediction"]["id"] == "p-1"


def test_the_reference_stands_in_where_the_reader_was_not_compiled() -> None:
    """In a process of its own, which cannot load it."""
    script = (
        "import ctypes\n"
        "def missing(path): raise OSError(path)\n"
        "ctypes.CDLL = missing\n"
        "from processor.codec.decoder import prediction_decoder\n"
        "from processor.codec.registry import Schemas\n"
        "print(type(prediction_decoder(Schemas.checked_in(), 1000)).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "ReferenceDecoder"
