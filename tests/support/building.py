"""Plain dicts, as the oracle reads them, to what the engine takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from processor.engine.batch import PredictionBatch
from processor.engine.collector import Collector, Node, Source, Watchers, Workflow
from processor.engine.decide import decide
from processor.engine.reasons import OUTCOMES
from processor.operators import Relation, merge_output_info, parse_operator
from tests.support.oracle import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processor.engine.decide import ModelDecisions

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


def prediction(
    prediction_id: str = "p", *, concepts: Iterable[tuple[str, float]] = (), metadata: str | None = None, **others: Any
) -> dict[str, Any]:
    """A prediction of ``m/app/one``."""
    return {
        "id": prediction_id,
        "model": {"user_id": "m", "app_id": "app", "id": "one", "version_id": ""},
        "caller_user_id": "",
        "workflow_id": "",
        "input": {"id": "", "data": {"metadata": metadata}},
        "output": {"data": {"concepts": [{"id": name, "name": "", "value": value} for name, value in concepts], "regions": []}},
    } | others


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
    return Collector(one["key"], source, "" if one["active"] else "paused", one["random_sample"], workflow, one["second_stage"])


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
