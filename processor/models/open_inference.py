"""The Open Inference Protocol, version 2, over HTTP with JSON: https://github.com/kserve/open-inference-protocol."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from processor.fetch.exchange import Request, web_url
from processor.models.decode import bad_answer, decode
from processor.models.tensors import DATATYPES, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.fetch import CallFailed
    from processor.models.encode import Encoder, Tensors
    from processor.models.endpoint import OpenInference
    from processor.models.http_calls import HttpCalls
    from processor.models.params import TensorInfo
    from processor.models.served import Input, Output

AXES_MAX = 8
TENSORS_MAX = 64
SHOWN_PROBLEMS = 3


class _Tensor(BaseModel):
    """A tensor of an answer; its values are looked at by hand, because they may be nested or flat."""

    model_config = ConfigDict(strict=True)

    name: str
    shape: list[Annotated[int, Field(ge=0)]] = Field(max_length=AXES_MAX)
    data: list[Any]


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)

    outputs: list[_Tensor] = Field(max_length=TENSORS_MAX)


class OpenInferenceRuntime:
    """Asks a server for one model.

    Args:
        endpoint: the model's URL.
        info: its tensors.
        encoder: makes them.
        calls: the model's calls.
        answer_bytes_max: a longer answer is none.
    """

    def __init__(self, endpoint: OpenInference, info: TensorInfo, encoder: Encoder, calls: HttpCalls, answer_bytes_max: int) -> None:
        self._url = web_url(f"{endpoint.url}/infer")
        self._info = info
        self._encoder = encoder
        self._calls = calls
        self._answer_bytes_max = answer_bytes_max

    async def prepare(self, data: Input) -> Tensors:
        """The tensors of one input."""
        return await self._encoder.encode(data)

    async def call(self, batch: Sequence[Tensors]) -> list[Output | CallFailed]:
        """One output for each."""
        body = request_body(self._info, batch)
        request = Request(self._url, self._answer_bytes_max, {"content-type": "application/json"}, body)
        return await self._calls.post(request, len(batch), lambda answer: decode(self._info, read_tensors(answer), len(batch)))


def request_body(info: TensorInfo, batch: Sequence[Tensors]) -> bytes:
    """The JSON that asks about a batch: each tensor's rows one after another, and the names of the tensors that are wanted back."""
    inputs = [_stacked(each.name, [tensors[each.name] for tensors in batch]) for each in info.params.inputs]
    return orjson.dumps({"inputs": inputs, "outputs": [{"name": each.name} for each in info.params.outputs]})


def _stacked(name: str, rows: list[Tensor]) -> dict[str, Any]:
    tensor = np.stack(rows)
    return {"name": name, "shape": list(tensor.shape), "datatype": DATATYPES[tensor.dtype], "data": tensor.ravel().tolist()}


def read_tensors(body: bytes) -> dict[str, Tensor]:
    """The tensors of an answer, by name.

    Raises:
        CallFailed: bad_answer.
    """
    try:
        answer = _Answer.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise bad_answer(f"it is no JSON ({error})") from None
    except ValidationError as error:
        raise bad_answer(f"it is none of the protocol: {problems_of(error)}") from None
    return {each.name: _tensor(each) for each in answer.outputs}


def problems_of(error: ValidationError) -> str:
    """The first few problems of an answer, for people, without what was sent."""
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found[:SHOWN_PROBLEMS])


def _tensor(given: _Tensor) -> Tensor:
    first: Any = given.data
    while isinstance(first, list):
        first = first[0] if first else None
    try:
        # With the type named, numpy neither guesses nor makes every string as long as the longest.
        values = np.array(given.data, np.object_ if isinstance(first, str) else np.float64)
    except (ValueError, TypeError, OverflowError):
        raise bad_answer(f"tensor {given.name[:100]!r} is ragged, or holds neither numbers nor strings") from None
    if values.size != math.prod(given.shape):
        raise bad_answer(f"tensor {given.name[:100]!r} has {values.size} values, and its shape is {given.shape}")
    try:
        return values.reshape(given.shape)
    except (ValueError, OverflowError):  # without values, one axis may be of any length
        raise bad_answer(f"tensor {given.name[:100]!r} cannot have the shape {given.shape}") from None
