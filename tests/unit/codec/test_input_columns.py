"""Bodies of inputs by column: the very bytes that are made one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processor.codec import records
from processor.codec.input_columns import body, collector_text, prediction_texts
from processor.codec.inputs import Collected, input_id, input_json
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from tests.support.predictions import input_of, prediction, predictions

SCHEMAS = Schemas.checked_in()
MODEL = "clarifai/main/general"
metadata = st.sampled_from(
    [None, "{}", " { } ", '{"collected":1,"big":18446744073709551617}', '{"coll\\u0065cted": {}}', '{"a": "\\"collected\\""}']
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


@given(st.lists(predictions | odd, min_size=1, max_size=5), collectors, st.data())
def test_they_are_what_is_made_one_by_one(stream: list[dict[str, Any]], collected: Collected, data: st.DataObject) -> None:
    batch = PredictionDecoder(SCHEMAS).decode([records.encode(SCHEMAS, "prediction", each) for each in stream]).batch
    rows = np.array(data.draw(st.lists(st.integers(0, batch.rows - 1), unique=True)), np.int64)
    expected = []
    for row in batch.take(rows):
        key = input_id(collected.collector, row["id"])
        expected.append(input_json(key, row, collected._replace(prediction_id=row["id"])))
    text = collector_text(collected)
    made = [body(input_id(collected.collector, part.id), part, text) for part in prediction_texts(batch.table, rows)]
    assert made == expected
