"""Plain dicts, as the oracle reads them, to what the engine takes."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from processor.engine.batch import PredictionBatch
from processor.engine.collector import Collector, Node, Second, Source, Watchers, Workflow
from processor.engine.decide import decide
from processor.engine.frame import Frame
from processor.engine.reasons import OUTCOMES
from processor.operators import Relation, merge_output_info, parse_operator
from tests.support.oracle import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processor.engine.decide import ModelDecisions
    from processor.operators.content import Elements, Output, Vocabulary

_CONCEPTS = pa.list_(pa.struct([("id", pa.string()), ("name", pa.string()), ("value", pa.float32())]))
_TEXT = pa.struct([("raw", pa.string()), ("url", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("model", pa.struct([(name, pa.string()) for name in ("user_id", "app_id", "id", "version_id")])),
        ("caller_user_id", pa.string()),
        ("workflow_id", pa.string()),
        ("input", pa.struct([("id", pa.string()), ("data", pa.struct([("metadata", pa.string())]))])),
        (
            "output",
            pa.struct(
                [
                    (
                        "data",
                        pa.struct(
                            [
                                ("concepts", _CONCEPTS),
                                (
                                    "regions",
                                    pa.list_(
                                        pa.struct(
                                            [
                                                ("id", pa.string()),
                                                ("region_info", pa.string()),
                                                ("data", pa.struct([("concepts", _CONCEPTS), ("text", _TEXT)])),
                                            ]
                                        )
                                    ),
                                ),
                                ("text", _TEXT),
                            ]
                        ),
                    )
                ]
            ),
        ),
    ]
)
"""The Arrow layout of ``schemas/prediction.avsc``, as far as the engine looks."""


def batch(predictions: list[dict[str, Any]]) -> PredictionBatch:
    """Predictions as columns."""
    return PredictionBatch(pa.RecordBatch.from_pylist(predictions, SCHEMA))


def region(region_id: str, concepts: Iterable[tuple[str, float]]) -> dict[str, Any]:
    """A region of a prediction."""
    inside = [{"id": name, "name": "", "value": value} for name, value in concepts]
    return {"id": region_id, "region_info": None, "data": {"concepts": inside, "text": None}}


def collector(key: str = "u/app/c", nodes: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """A collector of ``m/app/one`` as the oracle reads it."""
    return {
        "key": key,
        "model": "m/app/one",
        "version": "",
        "caller": "",
        "active": True,
        "second_stage": False,
        "random_sample": None,
        "nodes": nodes,
    } | fields


def node(node_id: str, kind: str, params: dict[str, Any], *inputs: str, suppress: bool = False) -> dict[str, Any]:
    """A node of a workflow as the oracle reads it."""
    return {"id": node_id, "type": kind, "output_info": {"params": params}, "inputs": list(inputs), "suppress": suppress}


def prediction(prediction_id: str = "p", **fields: Any) -> dict[str, Any]:
    """A prediction of ``m/app/one``. ``concepts``, ``regions``, ``text`` and ``metadata`` go where they belong, other fields on top."""
    concepts = [{"id": name, "name": "", "value": value} for name, value in fields.pop("concepts", ())]
    text = {"raw": fields.pop("text"), "url": None} if "text" in fields else None
    return {
        "id": prediction_id,
        "model": {"user_id": "m", "app_id": "app", "id": "one", "version_id": fields.pop("version", "")},
        "caller_user_id": "",
        "workflow_id": "",
        "input": {"id": "", "data": {"metadata": json.dumps(fields.pop("metadata")) if "metadata" in fields else None}},
        "output": {"data": {"concepts": concepts, "regions": fields.pop("regions", []), "text": text}},
    } | fields


def outputs(model_type_id: str, output_info: dict[str, Any], stream: list[dict[str, Any]], graph: Iterable[Any] = ()) -> list[Any]:
    """What one operator gives for each prediction: None, or its concepts and region concepts as sorted (id, value)."""
    frame = Frame(batch(stream), np.arange(len(stream)))
    operator = parse_operator(model_type_id, output_info, lambda _: tuple(Relation(*relation) for relation in graph))
    return plain(operator.apply(frame, frame.output), frame.vocabulary)


def plain(output: Output, vocabulary: Vocabulary) -> list[Any]:
    """An output as None, or sorted (id, value) of its concepts and of its region concepts, for each row."""

    def pairs(elements: Elements, row: int) -> list[tuple[str, float]]:
        own = slice(elements.offsets[row], elements.offsets[row + 1])
        names = [vocabulary.id_of(code) if code >= 0 else "" for code in elements.codes[own].tolist()]
        return sorted(zip(names, elements.values[own].astype(float).round(6).tolist(), strict=True))

    found = [(pairs(output.content.concepts, row), pairs(output.content.regions, row)) for row in range(len(output.present))]
    return [one if present else None for one, present in zip(found, output.present.tolist(), strict=True)]


def watchers(collectors: list[dict[str, Any]], graphs: Mapping[str, Any] | None = None) -> dict[str, Watchers]:
    """Collectors by model."""
    by_model: dict[str, list[Collector]] = {}
    for one in collectors:
        by_model.setdefault(one["model"], []).append(_collector(one, graphs or {}))
    return {model: Watchers(model, tuple(found)) for model, found in by_model.items()}


def engine_verdicts(
    collectors: list[dict[str, Any]], batches: Iterable[list[dict[str, Any]]], graphs: Mapping[str, Any] | None = None
) -> dict[str, Verdict]:
    """What the engine makes of a stream, by collector key."""
    known, first = watchers(collectors, graphs), 0
    verdicts = {one["key"]: Verdict() for one in collectors}
    for part in batches:
        for decided in decide(batch(part), known):
            _add(decided, first, verdicts)
        first += len(part)
    return verdicts


def _add(decided: ModelDecisions, first: int, verdicts: dict[str, Verdict]) -> None:
    keys = [collector.key for collector in decided.watchers.collectors]
    for key, counts in zip(keys, decided.counts.tolist(), strict=True):
        verdicts[key].counts += Counter({outcome.value: count for outcome, count in zip(OUTCOMES, counts, strict=True) if count})
    for position, node, count in zip(decided.emptied.collectors, decided.emptied.nodes, decided.emptied.counts.tolist(), strict=True):
        verdicts[keys[position]].emptied += Counter({node: count})
    taken = list(zip(decided.rows.tolist(), decided.collectors.tolist(), decided.inclusion.tolist(), strict=True))
    assert [pair[:2] for pair in taken] == sorted({pair[:2] for pair in taken}), "taken once each, in order of (row, collector)"
    for row, position, inclusion in taken:
        verdicts[keys[position]].taken[first + row] = inclusion


def _collector(one: dict[str, Any], graphs: Mapping[str, Any]) -> Collector:
    source = Source(one["model"], one["version"], one["caller"])
    workflow = None if one["nodes"] is None else _workflow(one["nodes"], graphs)
    second = Second() if one["second_stage"] else None
    return Collector(one["key"], source, "" if one["active"] else "paused", one["random_sample"], workflow, second)


def _workflow(nodes: list[dict[str, Any]], graphs: Mapping[str, Any]) -> Workflow:
    positions = {node["id"]: position for position, node in enumerate(nodes)}

    def relations(graph_id: str) -> tuple[Relation, ...] | None:
        return tuple(Relation(*relation) for relation in graphs[graph_id]) if graph_id in graphs else None

    return Workflow(
        tuple(
            Node(
                node["id"],
                parse_operator(node["type"], merge_output_info(node["output_info"], node.get("override") or {}), relations),
                tuple(positions[name] for name in node["inputs"]),
                node["suppress"],
            )
            for node in nodes
        )
    )
