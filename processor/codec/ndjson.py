"""Predictions as people and model servers write them: JSON objects under the names of ``schemas/prediction.avsc``.

Read strictly: nothing unknown, nothing converted, every problem told with its path. A null is a field left out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from processor.codec.json_text import object_problem
from processor.errors import FixDocuments, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

FLOAT32_MAX = 3.4028234663852886e38
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def _base64(text: str) -> str:
    if not _BASE64.fullmatch(text):
        raise PydanticCustomError("rule", "base64 text is wanted, without line breaks and without a data: prefix")
    return text


def _moment(given: Any) -> Any:
    """A datetime with a zone, from RFC 3339 text or as it is; numbers are refused, because nobody knows their unit."""
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("rule", "an RFC 3339 time with its zone is wanted, as 2026-11-22T02:00:00Z")


def _json_object(value: dict[str, Any]) -> dict[str, Any]:
    try:
        problem = object_problem(orjson.dumps(value).decode())
    except TypeError as error:
        problem = f"cannot be written as JSON: {error}"
    if problem:
        raise PydanticCustomError("rule", "{problem}", {"problem": problem})
    return value


Name = Annotated[str, Field(min_length=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Float32 = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
Base64 = Annotated[str, AfterValidator(_base64)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json_object)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Part(BaseModel):
    """A piece of a prediction: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        # Most parts have no null, and are handed on as they are.
        if isinstance(given, dict) and None in given.values():
            return {name: value for name, value in given.items() if value is not None}
        return given


class Media(Part):
    """An image, a video or a sound: by URL, or carried along as base64 text."""

    url: Name | None = None
    base64: Base64 | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Media:
        if self.url is None and not self.base64:
            raise PydanticCustomError("rule", "url or base64 is wanted")
        return self


class Text(Part):
    """A text: carried along, or by URL."""

    raw: str | None = None
    url: Name | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Text:
        if self.url is None and self.raw is None:
            raise PydanticCustomError("rule", "raw or url is wanted")
        return self


class Concept(Part):
    """One thing that a model recognised, with its probability."""

    id: Name
    name: str = ""
    value: Probability


class RegionData(Part):
    """What a model found in a region."""

    concepts: list[Concept] = []
    text: Text | None = None


class Region(Part):
    """A part of the input that a model found something in."""

    id: Name
    region_info: JsonObject | None = None
    data: RegionData = RegionData()


class Embedding(Part):
    """One vector that stands for the input."""

    vector: list[Float32]


class Data(Part):
    """What an input and an output may both hold."""

    image: Media | None = None
    video: Media | None = None
    audio: Media | None = None
    text: Text | None = None
    metadata: JsonObject | None = None
    geo: JsonObject | None = None


class OutputData(Data):
    """What a model answered."""

    concepts: list[Concept] = []
    regions: list[Region] = []
    embeddings: list[Embedding] = []


class Input(Part):
    """What a model was given."""

    id: str = ""
    data: Data = Data()


class Output(Part):
    """What a model answered."""

    data: OutputData = OutputData()


class ModelRef(Part):
    """Which model was called."""

    user_id: Name
    app_id: Name
    id: Name
    version_id: str = ""


class Prediction(Part):
    """One call of a model."""

    id: Name
    model: ModelRef
    caller_user_id: str = ""
    workflow_id: str = ""
    predicted_at: Moment | None = None
    input: Input
    output: Output = Output()

    def to_avro(self) -> dict[str, Any]:
        """Fields as in the Avro schema."""
        record = self.model_dump()
        for side in (record["input"]["data"], record["output"]["data"]):
            for name in ("metadata", "geo"):
                side[name] = _text(side[name])
        for region in record["output"]["data"]["regions"]:
            region["region_info"] = _text(region["region_info"])
        return record


def parse_prediction(value: Any, document: str = "prediction") -> Prediction:
    """Check one prediction.

    Args:
        value: a Prediction (taken as it is), a mapping, or JSON as text or bytes.
        document: how problems call it, such as ``line 3``.

    Raises:
        FixDocuments: every problem, with its path.
    """
    if isinstance(value, Prediction):
        return value
    try:
        return Prediction.model_validate(orjson.loads(value) if isinstance(value, bytes | str) else value)
    except orjson.JSONDecodeError as error:
        raise FixDocuments((Problem(document, "", f"is not JSON: {error}"),)) from None
    except ValidationError as error:
        raise FixDocuments(tuple(_problem(document, each) for each in error.errors(include_url=False))) from None


def from_avro(record: Mapping[str, Any]) -> dict[str, Any]:
    """A decoded prediction as NDJSON has it; what is null is left out. A JSON text that is none stays a text."""
    prediction: dict[str, Any] = _without_nulls(record)
    if "predicted_at" in prediction:
        moment: datetime = prediction["predicted_at"]
        prediction["predicted_at"] = moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")  # Arrow's are UTC without a zone
    for side in (prediction["input"]["data"], prediction["output"]["data"], *prediction["output"]["data"]["regions"]):
        for name in ("metadata", "geo", "region_info"):
            if name in side:
                side[name] = _value(side[name])
    return prediction


def _problem(document: str, error: Any) -> Problem:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    message = "no such field" if error["type"] == "extra_forbidden" else error["msg"]
    return Problem(document, path, message)


def _text(value: dict[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _value(text: str) -> Any:
    return text if object_problem(text) else orjson.loads(text)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
