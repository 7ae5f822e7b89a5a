"""What is collected of a prediction: the body of one input in POST …/inputs, as ``schemas/input.schema.json`` describes it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUT_ID_DIGITS = 32
CONTENT = ("image", "video", "audio", "text")


class Collected(NamedTuple):
    """Where an input comes from.

    Attributes:
        collector: ``user/app/collector``.
        prediction_id: the prediction's own id.
        model: ``user/app/model`` whose call it was.
        inclusion_probability: how likely the collector's samplers were to let it pass.
        collect_outputs: the prediction's concepts and regions ride along.
        tags: words that the input is marked with.
        dataset_ids: datasets of the app that the destination puts the input into.
    """

    collector: str
    prediction_id: str
    model: str
    inclusion_probability: float
    collect_outputs: bool = False
    tags: tuple[str, ...] = ()
    dataset_ids: tuple[str, ...] = ()


def input_id(collector: str, prediction_id: str) -> str:
    """Id of the input that a collector makes of a prediction: the same whenever and wherever it is made again."""
    return hashlib.sha256(f"{collector}\0{prediction_id}".encode()).hexdigest()[:INPUT_ID_DIGITS]


def input_json(key: str, prediction: Mapping[str, Any], collected: Collected, output: Mapping[str, Any] | None = None) -> bytes:
    """The body of one input.

    Args:
        key: its `input_id`.
        prediction: fields as in the Avro schema; its JSON texts have been checked, as decoded predictions' have.
        collected: by whom.
        output: of a post-queue workflow, as the contract has it: its fields replace the input's of the same name, metadata
            merge, and concepts and regions are added.
    """
    original, given = prediction["input"]["data"], output or {}
    data: dict[str, Any] = {name: _without_nulls(original[name]) for name in CONTENT if original[name] is not None}
    data |= {name: given[name] for name in (*CONTENT, "geo") if name in given}
    data["metadata"] = _metadata(_merged(original["metadata"] or "{}", given.get("metadata")), collected)
    if original["geo"] is not None and "geo" not in given:
        data["geo"] = orjson.Fragment(original["geo"])
    annotations = _annotations(prediction["output"]["data"]) if collected.collect_outputs else {}
    for name in ("concepts", "regions"):
        if both := [*annotations.get(name, ()), *given.get(name, ())]:
            data[name] = both
    datasets = {"dataset_ids": collected.dataset_ids} if collected.dataset_ids else {}
    return orjson.dumps({"id": key, **datasets, "data": data})


def _merged(text: str, more: Mapping[str, Any] | None) -> str:
    """Metadata with a workflow's over them; without those, as they were written."""
    return orjson.dumps(orjson.loads(text) | more).decode() if more else text


def provenance_json(collected: Collected) -> str:
    """What stands under ``collected`` in an input's metadata."""
    provenance: dict[str, Any] = {
        "collector": collected.collector,
        "prediction_id": collected.prediction_id,
        "model": collected.model,
        "inclusion_probability": collected.inclusion_probability,
    }
    if collected.tags:
        provenance["tags"] = collected.tags
    return orjson.dumps(provenance).decode()


def opened_metadata(text: str) -> str:
    """An input's own metadata as they were written, up to where ``"collected":…}`` follows."""
    # An escaped letter could be one of the name.
    if ('"collected"' in text or "\\" in text) and "collected" in orjson.loads(text):
        text = _without_collected(text)
    own = text.rstrip()[:-1]
    return own if own.strip() == "{" else f"{own},"


def _metadata(text: str, collected: Collected) -> orjson.Fragment:
    """The input's own metadata, and where it came from."""
    return orjson.Fragment(f'{opened_metadata(text)}"collected":{provenance_json(collected)}}}')


def _without_collected(text: str) -> str:
    """A JSON object without the field ``collected``; numbers stay as they are written, since not all of them fit into 64 bits."""
    own = json.loads(text, parse_int=orjson.Fragment, parse_float=orjson.Fragment)
    del own["collected"]
    return orjson.dumps(own).decode()


def _annotations(output: Mapping[str, Any]) -> dict[str, Any]:
    """The model's whole answer, as far as it is an annotation; nothing where there is nothing."""
    parts = {
        "concepts": output["concepts"],
        "regions": [_region(region) for region in output["regions"]],
    }
    return {name: part for name, part in parts.items() if part}


def _region(region: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": region["id"], "data": {"concepts": region["data"]["concepts"]}}
    if region["data"]["text"] is not None:
        answer["data"]["text"] = _without_nulls(region["data"]["text"])
    if region["region_info"] is not None:
        answer["region_info"] = orjson.Fragment(region["region_info"])
    return answer


def _without_nulls(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value is not None}
