"""What an input looks like: the contract's fields as far as they are stored, in either spelling, and nothing unknown."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from processor.resources import DATASETS_MAX, id_problem
from processor.rest.json_body import proto_names

URL_LENGTH_MAX = 10_000
NAME_LENGTH_MAX = 1_000
CONCEPTS_MAX = 10_000
REGIONS_MAX = 10_000
_VISIBLE = r"^[^\x00-\x1f\x7f]*$"


def _no_boolean(given: Any) -> Any:
    """Proto3 JSON takes numbers as text too, but true is no number."""
    if isinstance(given, bool):
        raise PydanticCustomError("rule", "a number is wanted, not a boolean")
    return given


def _some_id(text: str) -> str:
    if problem := id_problem(text):
        raise PydanticCustomError("rule", "{problem}", {"problem": problem})
    return text


def _id(text: str) -> str:
    return _some_id(text) if text else text


InputId = Annotated[str, AfterValidator(_id)]
DatasetId = Annotated[str, AfterValidator(_some_id)]
Name = Annotated[str, Field(max_length=NAME_LENGTH_MAX, pattern=_VISIBLE)]
SomeName = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX, pattern=_VISIBLE)]
Url = Annotated[str, Field(max_length=URL_LENGTH_MAX, pattern=_VISIBLE)]
Probability = Annotated[float, Field(ge=0, le=1, strict=False), BeforeValidator(_no_boolean)]
JsonObject = dict[str, Any]


class Part(BaseModel):
    """A piece of an input: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    _names = model_validator(mode="before")(proto_names)


class Media(Part):
    """An image, a video or a sound: by URL, or carried along as base64 text, or both."""

    url: Url = ""
    base64: str = ""
    allow_duplicate_url: bool = False

    @model_validator(mode="after")
    def _is_somewhere(self) -> Media:
        if not self.url and not self.base64:
            raise PydanticCustomError("rule", "url or base64 is wanted")
        return self


class Text(Part):
    """A text: carried along, or by URL."""

    raw: str | None = None
    url: Url | None = None
    allow_duplicate_url: bool = False

    @model_validator(mode="after")
    def _is_somewhere(self) -> Text:
        if self.raw is None and not self.url:
            raise PydanticCustomError("rule", "raw or url is wanted")
        return self


class Concept(Part):
    """One thing that was recognised. A value that is left out is 1: somebody says that it is there."""

    id: SomeName
    name: Name = ""
    value: Probability = 1.0


class RegionData(Part):
    """What was recognised in a region."""

    concepts: Annotated[list[Concept], Field(max_length=CONCEPTS_MAX)] = []
    text: Text | None = None


class Region(Part):
    """A part of the input, and what was recognised in it."""

    id: Name = ""
    region_info: JsonObject | None = None
    data: RegionData = RegionData()
    value: Probability = 1.0


class Data(Part):
    """What an input holds."""

    image: Media | None = None
    video: Media | None = None
    audio: Media | None = None
    text: Text | None = None
    metadata: JsonObject | None = None
    geo: JsonObject | None = None
    concepts: Annotated[list[Concept], Field(max_length=CONCEPTS_MAX)] = []
    regions: Annotated[list[Region], Field(max_length=REGIONS_MAX)] = []

    @model_validator(mode="after")
    def _holds_something(self) -> Data:
        if not self.model_fields_set:
            raise PydanticCustomError("rule", "an input without data says nothing")
        return self


class PostedInput(Part):
    """One input; without an id it gets one."""

    id: InputId = ""
    dataset_ids: Annotated[list[DatasetId], Field(max_length=DATASETS_MAX)] = []
    data: Data
