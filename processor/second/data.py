"""What flows through a post-queue workflow: the contract's ``data`` as plain mappings, and what becomes of the original input. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Data = dict[str, Any]

CONTENT = ("image", "video", "audio", "text")
ANNOTATIONS = ("concepts", "regions")


def original_data(prediction: Mapping[str, Any]) -> Data:
    """The original input's data: fields as in the contract, what is absent left out.

    Args:
        prediction: fields as in the Avro schema; its JSON texts have been checked.
    """
    given = prediction["input"]["data"]
    data = {name: {field: value for field, value in given[name].items() if value} for name in CONTENT if given[name] is not None}
    for name in ("metadata", "geo"):
        if given[name]:
            data[name] = orjson.loads(given[name])
    return data


def unite(parts: Sequence[Data]) -> Data:
    """What several nodes gave together: concepts and regions by id with the larger value, other fields from the first that has them."""
    if len(parts) == 1:
        return parts[0]
    united: Data = {}
    for part in parts:
        for name, value in part.items():
            united.setdefault(name, value)
    concepts = _by_id(concept for part in parts for concept in part.get("concepts", ()))
    regions = _regions(region for part in parts for region in part.get("regions", ()))
    return united | ({"concepts": concepts} if concepts else {}) | ({"regions": regions} if regions else {})


def _by_id(concepts: Iterable[Mapping[str, Any]]) -> list[Data]:
    """One of each id, the largest."""
    found: dict[str, Data] = {}
    for concept in concepts:
        key = concept["id"]
        if key not in found or value_of(concept) > value_of(found[key]):
            found[key] = dict(concept)
    return list(found.values())


def _regions(regions: Iterable[Mapping[str, Any]]) -> list[Data]:
    found: dict[str, Data] = {}
    for region in regions:
        before = found.setdefault(region["id"], dict(region))
        concepts = [*before.get("data", {}).get("concepts", ()), *region.get("data", {}).get("concepts", ())]
        found[region["id"]] = before | {"data": before.get("data", {}) | {"concepts": _by_id(concepts)}}
    return list(found.values())


# What has no id is like nothing else, and yet the same thing however many ways it came: inside a workflow it goes by where it came from.
_PLACED = "\0"


def placed(data: Mapping[str, Any], origin: str) -> Data:
    """Data in which every concept and region has an id; those without get one that says where they came from."""
    concepts = [_with_id(concept, f"{origin}/{i}") for i, concept in enumerate(data.get("concepts", ()))]
    regions = []
    for i, region in enumerate(data.get("regions", ())):
        inside = region.get("data", {})
        own = [_with_id(concept, f"{origin}/{i}/{k}") for k, concept in enumerate(inside.get("concepts", ()))]
        regions.append(_with_id(region, f"{origin}//{i}") | {"data": {**inside, "concepts": own}})
    return {**data} | ({"concepts": concepts} if concepts else {}) | ({"regions": regions} if regions else {})


def _with_id(part: Mapping[str, Any], place: str) -> Data:
    return {**part} if part.get("id") else {**part, "id": _PLACED + place}


def unplaced(data: Mapping[str, Any]) -> Data:
    """Data as others are to see it: without the ids that `placed` gave."""
    concepts = [_without_id(concept) for concept in data.get("concepts", ())]
    regions = [
        _without_id(region) | {"data": {**inside, "concepts": [_without_id(concept) for concept in inside.get("concepts", ())]}}
        for region in data.get("regions", ())
        if (inside := region.get("data", {})) is not None
    ]
    return {**data} | ({"concepts": concepts} if concepts else {}) | ({"regions": regions} if regions else {})


def _without_id(part: Mapping[str, Any]) -> Data:
    return {name: value for name, value in part.items() if name != "id" or not value.startswith(_PLACED)}


def value_of(concept: Mapping[str, Any]) -> float:
    """How sure; a concept that is there without a value is there."""
    return float(concept.get("value", 1.0))


def posted(original: Data, output: Data) -> Data:
    """The original input with a workflow's output: its fields replace those of the same name, metadata merge, annotations are added."""
    data = original | {name: value for name, value in output.items() if name not in (*ANNOTATIONS, "metadata", "embeddings")}
    if "metadata" in output:
        data["metadata"] = original.get("metadata", {}) | output["metadata"]
    for name in ANNOTATIONS:
        if output.get(name):
            data[name] = output[name]
    return data
