"""Bodies of inputs, many at once: the very bytes that are made one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.codec import records
from processor.codec.input_bodies import InputWriter, Stamps
from processor.codec.inputs import Collected, input_id, input_json
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from tests.support.predictions import input_of, prediction, predictions

SCHEMAS = Schemas.checked_in()
MODEL = "clarifai/main/general"
metadata = st.sampled_from(
    [
        None,
        "{}",
        " { } ",
        '{"a": "\\u00e9\\\\ \\n"} ',
        '{"\\u0063ollected": 1}',
        '{"collec\\u0074ed": 1}',
        '{"collected":1,"big":18446744073709551617}',
        '{"coll\\u0065cted": {}}',
        '{"a": "\\"collected\\""}',
    ]
)
odd_texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(['"', "\\", "\0", "\u2028", "é\n"])
odd = st.builds(
    lambda url, raw, own, geo: prediction(
        input=input_of(image={"url": url, "base64": None}, text={"raw": raw, "url": None}, metadata=own, geo=geo)
    ),
    odd_texts,
    st.none() | odd_texts,
    metadata,
    st.sampled_from([None, '{"geo_point":{"longitude":1.5}}']),
)

words = st.lists(odd_texts, max_size=2).map(tuple)
collectors = st.builds(
    Collected,
    st.sampled_from(["acme/quality/rare", "é/q/\0"]),
    st.just(""),
    st.just(MODEL),
    st.floats(0, 1),
    collect_outputs=st.just(False),
    tags=words,
    dataset_ids=words,
)


@given(st.lists(predictions | odd, min_size=1, max_size=5), st.lists(collectors, min_size=1, max_size=3), st.data())
def test_they_are_what_is_made_one_by_one(stream: list[dict[str, Any]], several: list[Collected], data: st.DataObject) -> None:
    batch = PredictionDecoder(SCHEMAS).decode([records.encode(SCHEMAS, "prediction", each) for each in stream]).batch
    stamps = Stamps()
    assert [stamps.add(collected) for collected in several] == list(range(len(several)))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, batch.rows - 1), st.integers(0, len(several) - 1)), max_size=8))
    rows, places = (np.array([pair[i] for pair in pairs], np.int32) for i in (0, 1))
    keys, bodies = InputWriter().write(batch.table, rows, places, stamps)
    for row, place, key, made in zip(batch.take(rows), places.tolist(), keys, bodies, strict=True):
        collected = several[place]._replace(prediction_id=row["id"])
        assert key.decode() == input_id(collected.collector, row["id"])
        if made or not may_hide(row["input"]["data"]["metadata"]):
            assert made == input_json(key.decode(), row, collected)


def may_hide(text: str | None) -> bool:
    """Whether metadata may have a field of the name that is put in: bodies of these are made one by one."""
    return text is not None and any(sign in text for sign in ('"collected"', "\\u006", "\\u007"))


@pytest.mark.parametrize("length", [*range(1, 130), 1_000, 100_000])
def test_an_id_of_any_length_is_hashed(length: int) -> None:
    """Around the ends of a block, and over many of them; the body is larger than what room there is at first."""
    given_id = "é" + "x" * length
    table = PredictionDecoder(SCHEMAS).decode([records.encode(SCHEMAS, "prediction", prediction(id=given_id))]).batch.table
    stamps = Stamps()
    stamps.add(Collected("acme/quality/rare", "", MODEL, 0.5))
    keys, bodies = InputWriter().write(table, np.array([0]), np.array([0]), stamps)
    assert keys == [input_id("acme/quality/rare", given_id).encode()]
    assert orjson.loads(bodies[0])["data"]["metadata"]["collected"]["prediction_id"] == given_id


@pytest.mark.parametrize("odd_one", ['"', "\\", *map(chr, range(0x21)), "\x7f", "\u2028", "\U0001f600"])
def test_whatever_json_escapes_is_escaped_wherever_it_stands(odd_one: str) -> None:
    texts = ["x" * place + odd_one + "y" * (19 - place) for place in range(20)]
    table = PredictionDecoder(SCHEMAS).decode([records.encode(SCHEMAS, "prediction", prediction(id=text)) for text in texts]).batch.table
    stamps = Stamps()
    stamps.add(Collected("acme/quality/rare", "", MODEL, 0.5))
    bodies = InputWriter().write(table, np.arange(20), np.zeros(20), stamps).bodies
    for text, body in zip(texts, bodies, strict=True):
        assert b'"prediction_id":' + orjson.dumps(text) in body


def test_a_part_of_a_batch_has_its_own_rows() -> None:
    whole = PredictionDecoder(SCHEMAS).decode([records.encode(SCHEMAS, "prediction", prediction(id=str(n))) for n in range(20)]).batch.table
    stamps = Stamps()
    stamps.add(Collected("acme/quality/rare", "", MODEL, 0.5))
    (key,) = InputWriter().write(whole.slice(11), np.array([2]), np.array([0]), stamps).keys
    assert key.decode() == input_id("acme/quality/rare", "13")


def test_nothing_is_made_of_nothing() -> None:
    table = PredictionDecoder(SCHEMAS).decode([]).batch.table
    assert InputWriter().write(table, np.array([], np.int32), np.array([], np.int64), Stamps()) == ([], [])
