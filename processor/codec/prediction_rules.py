"""Rules that a decoded prediction must keep, for those that are read one by one; `processor.codec.column_checks` has them by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.column_checks import JSON_FIELDS, MODEL_PARTS, PREDICTED_AT_MAX_US, PREDICTED_AT_MIN_US, value_problem
from processor.codec.json_text import object_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOTHING: Mapping[str, Any] = {"concepts": (), "regions": ()}


def faults(prediction: Mapping[str, Any]) -> Iterator[BadRecordError]:
    """What one breaks, in the order of BadReason; one that was read without its output is held to the others.

    Args:
        prediction: fields as in the Avro schema.
    """
    if not prediction["id"]:
        yield BadRecordError(BadReason.MISSING_ID, "id is empty")
    for part in MODEL_PARTS:
        if not prediction["model"][part]:
            yield BadRecordError(BadReason.MISSING_MODEL, f"model.{part} is empty")
    time = prediction["predicted_at"]
    # Where it has been made a time of, as in a candidate, it is one of those years.
    if isinstance(time, int) and not PREDICTED_AT_MIN_US <= time <= PREDICTED_AT_MAX_US:
        yield BadRecordError(BadReason.VALUE_OUT_OF_RANGE, f"predicted_at is {time} µs, outside the years 1 to 9999")
    for path, concept in _concepts(prediction):
        if not 0 <= concept["value"] <= 1:
            yield BadRecordError(BadReason.VALUE_OUT_OF_RANGE, value_problem(path, concept["value"]))
    for path, text in _json_texts(prediction):
        if text is not None and (problem := object_problem(text)):
            yield BadRecordError(BadReason.METADATA_NOT_JSON, f"{path} {problem}")


def _concepts(prediction: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    data = prediction["output"]["data"] if "output" in prediction else _NOTHING
    for i, concept in enumerate(data["concepts"]):
        yield f"output.data.concepts[{i}]", concept
    for i, region in enumerate(data["regions"]):
        for j, concept in enumerate(region["data"]["concepts"]):
            yield f"output.data.regions[{i}].data.concepts[{j}]", concept


def _json_texts(prediction: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for side, field in JSON_FIELDS:
        if side in prediction:
            yield f"{side}.data.{field}", prediction[side]["data"][field]
    for i, region in enumerate(prediction["output"]["data"]["regions"] if "output" in prediction else ()):
        yield f"output.data.regions[{i}].region_info", region["region_info"]
