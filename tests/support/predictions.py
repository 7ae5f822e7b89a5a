"""Predictions for tests: one complete example, and Hypothesis strategies for all that the schema allows."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import strategies as st

MICROS_MAX = 253_402_300_799_999_999


def prediction(**changes: Any) -> dict[str, Any]:
    """A prediction with fields as in the Avro schema; ``changes`` replace whole fields."""
    return {
        "id": "p-1",
        "model": {"user_id": "clarifai", "app_id": "main", "id": "general", "version_id": "aa7f"},
        "caller_user_id": "bob",
        "workflow_id": "",
        "predicted_at": 1_795_312_800_000_000,
        "input": input_of(image={"url": "https://example.com/1.jpg", "base64": None}, metadata='{"site":"nyc"}'),
        "output": output_of(concepts=[{"id": "ai_1", "name": "dog", "value": 0.5}]),
    } | changes


def input_of(**data: Any) -> dict[str, Any]:
    """An input with these fields in its data."""
    empty = dict.fromkeys(("image", "video", "audio", "text", "metadata", "geo"))
    return {"id": "in-1", "data": empty | data}


def output_of(**data: Any) -> dict[str, Any]:
    """An output with these fields in its data."""
    lists: dict[str, Any] = {"concepts": [], "regions": [], "embeddings": []}
    return {"data": input_of()["data"] | lists | data}


def region_of(**data: Any) -> dict[str, Any]:
    """A region with one concept."""
    inside = {"concepts": [{"id": "ai_2", "name": "nose", "value": 0.25}], "text": None}
    return {"id": "r-1", "region_info": '{"bounding_box":{"top_row":0.1}}', "data": inside | data}


texts = st.text(st.characters(codec="utf-8"), max_size=6)
ids = texts.filter(bool)
floats32 = st.floats(0, 1, width=32)
json_objects = st.dictionaries(texts, st.none() | st.booleans() | st.integers(-9, 9) | texts | st.lists(st.integers(0, 3)), max_size=3)
json_texts = json_objects.map(lambda value: orjson.dumps(value).decode())


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """That, or null."""
    return st.none() | strategy


media = st.fixed_dictionaries({"url": maybe(texts), "base64": maybe(texts)})
written = st.fixed_dictionaries({"raw": maybe(texts), "url": maybe(texts)})
concepts = st.lists(st.fixed_dictionaries({"id": texts, "name": texts, "value": floats32}), max_size=3)
region_data = st.fixed_dictionaries({"concepts": concepts, "text": maybe(written)})
regions = st.lists(st.fixed_dictionaries({"id": texts, "region_info": maybe(json_texts), "data": region_data}), max_size=2)
embeddings = st.lists(st.fixed_dictionaries({"vector": st.lists(st.floats(width=32, allow_nan=False), max_size=3)}), max_size=2)
input_data = {name: maybe(media) for name in ("image", "video", "audio")} | {
    "text": maybe(written),
    "metadata": maybe(json_texts),
    "geo": maybe(json_texts),
}
output_data = input_data | {"concepts": concepts, "regions": regions, "embeddings": embeddings}

predictions = st.fixed_dictionaries(
    {
        "id": ids,
        "model": st.fixed_dictionaries({"user_id": ids, "app_id": ids, "id": ids, "version_id": texts}),
        "caller_user_id": texts,
        "workflow_id": texts,
        "predicted_at": maybe(st.integers(0, MICROS_MAX)),
        "input": st.fixed_dictionaries({"id": texts, "data": st.fixed_dictionaries(input_data)}),
        "output": st.fixed_dictionaries({"data": st.fixed_dictionaries(output_data)}),
    }
)
