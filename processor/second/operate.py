"""An operator on one candidate: the same vector functions that run before the queue, over a batch of one. Pure.

Each node sees a prediction whose output is what reached the node, so that an operator cannot tell which side of the queue it is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from processor.engine.batch import PredictionBatch
from processor.engine.frame import Frame
from processor.second.data import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.operators.base import Operator
    from processor.operators.content import Content
    from processor.second.data import Data

ONE = np.arange(1)
# A sampler after the queue draws anew: it must not follow what a sampler before it decided.
DRAWN_AFTER = "\0post-queue"


class Operate:
    """Applies operators to candidates.

    Args:
        schema: Arrow columns of a prediction.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def __call__(self, operator: Operator, prediction: Mapping[str, Any], given: Data) -> Data | None:
        """What an operator gives; None: it is empty.

        Args:
            operator: with its parameters.
            prediction: the candidate's, fields as in the Avro schema.
            given: what reached the node.
        """
        seen = {**prediction, "id": prediction["id"] + DRAWN_AFTER, "output": {"data": output_data(given)}}
        batch = PredictionBatch(pa.RecordBatch.from_pylist([seen], schema=self._schema))
        frame = Frame(batch, ONE)
        output = operator.apply(frame, frame.output)
        if not output.present[0]:
            return None
        return given if operator.passes_through else _reduced(given, output.content, batch.vocabulary.id_of)


def output_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Contract data as an output in the Avro schema."""
    return {
        "concepts": [_concept(concept) for concept in data.get("concepts", ())],
        "regions": [_region(region) for region in data.get("regions", ())],
        "text": _text(data.get("text")),
        "embeddings": [{"vector": list(each.get("vector", ()))} for each in data.get("embeddings", ())],
    }


def _concept(concept: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": concept.get("id", ""), "name": concept.get("name", ""), "value": value_of(concept)}


def _region(region: Mapping[str, Any]) -> dict[str, Any]:
    below = region.get("data", {})
    info = region.get("region_info")
    return {
        "id": region.get("id", ""),
        "region_info": None if info is None else orjson.dumps(info).decode(),
        "data": {"concepts": [_concept(concept) for concept in below.get("concepts", ())], "text": _text(below.get("text"))},
    }


def _text(text: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if text is None else {"raw": text.get("raw"), "url": text.get("url")}


def _reduced(given: Data, content: Content, id_of: Callable[[int], str]) -> Data:
    """What is left: concepts and regions as the operator has them, with the names and the rest they had."""
    names = {concept.get("id"): concept.get("name", "") for concept in given.get("concepts", ())}
    concepts = []
    for code, value in zip(content.concepts.codes.tolist(), content.concepts.values.tolist(), strict=True):
        # Without an id it is known by its place.
        concept_id = id_of(code) if code >= 0 else ""
        name = names.get(concept_id, "") if code >= 0 else given["concepts"][-1 - code].get("name", "")
        concepts.append({"id": concept_id, "name": name, "value": value})
    regions = _kept_regions(given, content, id_of)
    return ({"concepts": concepts} if concepts else {}) | ({"regions": regions} if regions else {})


def _kept_regions(given: Data, content: Content, id_of: Callable[[int], str]) -> list[Data]:
    left = content.regions
    kept: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for owner, code in zip(left.owners.tolist(), left.codes.tolist(), strict=True):
        kept.setdefault(_known_by(owner, id_of), set()).add(_known_by(code, id_of))
    regions, place = [], 0
    for position, region in enumerate(given.get("regions", ())):
        concepts = region.get("data", {}).get("concepts", ())
        wanted = kept.get((region.get("id", ""), 0 if region.get("id") else position), set())
        left_over = []
        for concept in concepts:
            if (concept.get("id", ""), 0 if concept.get("id") else place) in wanted:
                left_over.append(concept)
            place += 1
        if left_over:
            regions.append(region | {"data": region.get("data", {}) | {"concepts": left_over}})
    return regions


def _known_by(code: int, id_of: Callable[[int], str]) -> tuple[str, int]:
    """By its id, or by its place where it has none."""
    return (id_of(code), 0) if code >= 0 else ("", -1 - code)
