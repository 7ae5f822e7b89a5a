"""What ``output_info`` holds for a served model: how an input becomes tensors, and what the tensors it gives mean."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from processor.resources import Id, Part

BATCH_MAX = 128  # as many inputs as one request of the contract takes
BATCH_DEFAULT = 32
SIDE_MAX = 4096
LENGTH_MAX = 4096
TENSORS_MAX = 16
CONCEPTS_MAX = 100_000
NAME_LENGTH_MAX = 200
CHANNELS = {"L": 1, "RGB": 3}


def _broken(rule: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{rule}", {"rule": rule})


def _factor(given: Any) -> tuple[float, ...]:
    """One number for all channels, or one for each."""
    numbers = given if isinstance(given, list) else [given]
    good = [number for number in numbers if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)]
    if not numbers or good != numbers:
        raise _broken("a number is wanted, or a list of one for each channel")
    return tuple(float(number) for number in good)


Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
Factor = Annotated[tuple[float, ...], PlainValidator(_factor)]


class ImageInput(Part):
    """A tensor made of the input's image: pixel · scale + offset."""

    source: Literal["image"] = Field(alias="from")
    name: Name
    datatype: Literal["FP32", "FP64", "UINT8"] = "FP32"
    mode: Literal["L", "RGB"] = "RGB"
    width: int = Field(ge=1, le=SIDE_MAX)
    height: int = Field(ge=1, le=SIDE_MAX)
    layout: Literal["FLAT", "HWC", "CHW"] = "HWC"
    resample: Literal["BILINEAR", "BOX"] = "BILINEAR"
    scale: Factor = (1.0,)
    offset: Factor = (0.0,)

    @model_validator(mode="after")
    def _factors_fit(self) -> ImageInput:
        for name, factor in (("scale", self.scale), ("offset", self.offset)):
            if len(factor) not in {1, CHANNELS[self.mode]}:
                raise _broken(f"{name} has {len(factor)} numbers, and mode {self.mode} has {CHANNELS[self.mode]} channels")
        if self.datatype == "UINT8" and (self.scale, self.offset) != ((1.0,), (0.0,)):
            raise _broken("scale and offset make fractions, which UINT8 has not: take FP32, or leave them out")
        return self


class TextInput(Part):
    """A tensor of one string: the input's text."""

    source: Literal["text"] = Field(alias="from")
    name: Name


class MetadataInput(Part):
    """A tensor of what stands in the input's metadata under a path with dots: one value, or a list of ``length``."""

    source: Literal["metadata"] = Field(alias="from")
    name: Name
    path: Name
    datatype: Literal["FP32", "FP64", "INT64", "BOOL", "BYTES"] = "FP32"
    length: int = Field(1, ge=1, le=LENGTH_MAX)


class TensorOutput(Part):
    """What a tensor means: values of the concepts, a text, or an embedding."""

    name: Name
    meaning: Literal["concepts", "text", "embeddings"] = Field(alias="as")


TensorInput = ImageInput | TextInput | MetadataInput


class TensorParams(Part):
    """The params of a model that takes tensors."""

    inputs: list[Annotated[TensorInput, Field(discriminator="source")]] = Field(min_length=1, max_length=TENSORS_MAX)
    outputs: list[TensorOutput] = Field(min_length=1, max_length=TENSORS_MAX)
    max_batch: int = Field(BATCH_DEFAULT, ge=1, le=BATCH_MAX)

    @field_validator("inputs")
    @classmethod
    def _inputs_differ(cls, inputs: list[TensorInput]) -> list[TensorInput]:
        _check_different("name", [each.name for each in inputs])
        return inputs

    @field_validator("outputs")
    @classmethod
    def _outputs_differ(cls, outputs: list[TensorOutput]) -> list[TensorOutput]:
        _check_different("name", [each.name for each in outputs])
        _check_different("as", [each.meaning for each in outputs])
        return outputs


class Concept(Part):
    """What one value of a tensor stands for."""

    id: Name
    name: str = Field("", max_length=NAME_LENGTH_MAX)


class ConceptData(Part):
    """What the values of a tensor stand for, in the tensor's order."""

    concepts: list[Concept] = Field(default_factory=list, max_length=CONCEPTS_MAX)

    @field_validator("concepts")
    @classmethod
    def _concepts_differ(cls, concepts: list[Concept]) -> list[Concept]:
        _check_different("id", [each.id for each in concepts])
        return concepts


class TensorInfo(Part):
    """The ``output_info`` of a model that takes tensors."""

    params: TensorParams
    data: ConceptData = Field(default_factory=ConceptData)

    @model_validator(mode="after")
    def _values_have_names(self) -> TensorInfo:
        wanted = any(output.meaning == "concepts" for output in self.params.outputs)
        if wanted and not self.data.concepts:
            raise _broken("data.concepts has to list, in order, what the values of the output as concepts stand for")
        if self.data.concepts and not wanted:
            raise _broken("data.concepts says what values stand for, and no output is read as concepts")
        return self


class OutputsParams(Part):
    """The params of a model that speaks the contract: the key it is called with, by its id in the model's own app."""

    key_id: Id
    max_batch: int = Field(BATCH_DEFAULT, ge=1, le=BATCH_MAX)


class OutputsInfo(Part):
    """The ``output_info`` of a model that speaks the contract."""

    params: OutputsParams


def _check_different(field: str, values: list[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise _broken(f"{field} {value!r} is there twice")
        seen.add(value)
