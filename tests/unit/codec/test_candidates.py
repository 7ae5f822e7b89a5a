"""Candidates from bytes: whole, or without what the model said where nobody asks for it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.candidates import candidate_decoder
from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from tests.support.predictions import input_of, output_of, prediction, region_of

SCHEMAS = Schemas.checked_in()
DECODE = candidate_decoder(SCHEMAS)
KEY = "acme/quality/c"


def candidate(key: str = KEY, probability: float = 0.5, **changes: Any) -> bytes:
    return candidate_encoder(SCHEMAS)(key, probability, "0" * 24, encode(SCHEMAS, "prediction", prediction(**changes))[5:])


def nobody(_: str) -> bool:
    return False


def test_what_the_model_said_is_left_out_for_the_collectors_that_do_not_ask_for_it() -> None:
    asked: list[str] = []
    whole, short = DECODE(candidate()), DECODE(candidate(), lambda key: bool(asked.append(key)))
    assert asked == [KEY]
    assert whole["prediction"]["output"]["data"]["concepts"]
    assert short == {**whole, "prediction": {name: value for name, value in whole["prediction"].items() if name != "output"}}
    assert DECODE(candidate(), lambda _: True) == whole


@pytest.mark.parametrize("wants_output", [nobody, lambda _: True], ids=["without output", "whole"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, BadReason.TOMBSTONE),
        (b"garbage", BadReason.NO_FRAMING),
        (candidate()[:20], BadReason.NOT_DECODABLE),
        (candidate("no key"), BadReason.NOT_DECODABLE),
        (candidate(input=input_of(metadata="[1]")), BadReason.METADATA_NOT_JSON),
        (candidate(input=input_of(geo="{")), BadReason.METADATA_NOT_JSON),
        (candidate(id=""), BadReason.MISSING_ID),
        (candidate(probability=math.nan), BadReason.VALUE_OUT_OF_RANGE),
        (candidate(probability=1.5), BadReason.VALUE_OUT_OF_RANGE),
        (candidate(predicted_at=2**62), BadReason.NOT_DECODABLE),
    ],
)
def test_what_is_no_candidate_is_refused_either_way(value: bytes | None, reason: BadReason, wants_output: Any) -> None:
    with pytest.raises(BadRecordError) as raised:
        DECODE(value, wants_output)
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (output_of(regions=[region_of() | {"region_info": "{"}]), BadReason.METADATA_NOT_JSON),
        (output_of(concepts=[{"id": "a", "name": "", "value": math.nan}]), BadReason.VALUE_OUT_OF_RANGE),
        (output_of(metadata="[1]"), BadReason.METADATA_NOT_JSON),
    ],
)
def test_what_the_model_said_is_held_to_the_rules_of_predictions_where_it_is_read(output: dict[str, Any], reason: BadReason) -> None:
    with pytest.raises(BadRecordError) as raised:
        DECODE(candidate(output=output))
    assert raised.value.reason == reason
    assert "output" not in DECODE(candidate(output=output), nobody)["prediction"]
