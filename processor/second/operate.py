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
from processor.operators.disagreement import Disagreement
from processor.second.data import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from processor.operators.base import Operator
    from processor.operators.content import Content, Elements
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
        if isinstance(operator, Disagreement):
            predicted = prediction["output"]["data"].get("concepts") or ()
            return given if operator.disagrees(_values(predicted), _values(given.get("concepts", ()))) else None
        seen = {**prediction, "id": prediction["id"] + DRAWN_AFTER, "output": {"data": output_data(given)}}
        batch = PredictionBatch(pa.RecordBatch.from_pylist([seen], schema=self._schema))
        frame = Frame(batch, ONE)
        output = operator.apply(frame, frame.output)
        if not output.present[0]:
            return None
        return given if operator.passes_through else _reduced(given, output.content, batch.vocabulary.id_of)


def _values(concepts: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Value by concept id."""
    return {concept.get("id", ""): value_of(concept) for concept in concepts}


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
    names = {concept["id"]: concept.get("name", "") for concept in given.get("concepts", ())}
    concepts = [{"id": name, "name": names.get(name, ""), "value": value} for name, value in _pairs(content.concepts, id_of)]
    left: dict[str, set[tuple[str, float]]] = {}
    for owner, pair in zip(content.regions.owners.tolist(), _pairs(content.regions, id_of), strict=True):
        left.setdefault(id_of(owner), set()).add(pair)
    regions = [kept for region in given.get("regions", ()) if (kept := _kept(region, left.get(region["id"], set())))]
    return ({"concepts": concepts} if concepts else {}) | ({"regions": regions} if regions else {})


def _pairs(elements: Elements, id_of: Callable[[int], str]) -> list[tuple[str, float]]:
    return list(zip(map(id_of, elements.codes.tolist()), elements.values.tolist(), strict=True))


def _kept(region: Data, left: set[tuple[str, float]]) -> Data | None:
    """A region with the concepts that are left of it; None: none is."""
    inside = region.get("data", {})
    concepts = [each for each in inside.get("concepts", ()) if (each["id"], float(np.float32(value_of(each)))) in left]
    return region | {"data": inside | {"concepts": concepts}} if concepts else None
