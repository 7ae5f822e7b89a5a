"""The public contract's own call of a model: PostModelOutputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from processor.depth import DEPTH_MAX, deeper_than
from processor.fetch import CallFailed, Failure
from processor.fetch.exchange import Request, web_url
from processor.models.decode import EMBEDDING_LENGTH_MAX, bad_answer
from processor.models.open_inference import problems_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.models.endpoint import PostModelOutputs
    from processor.models.http_calls import HttpCalls
    from processor.models.served import Input, Output

SUCCESS = 10000
MIXED = 10010
SAID_LENGTH_MAX = 200
INPUT_FIELDS = ("image", "video", "audio", "text", "metadata", "geo")
_Probability = Annotated[float, Field(ge=0, le=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


def _writable(given: dict[str, Any]) -> dict[str, Any]:
    """What is collected is written as JSON again, and a writer does not go as deep as a reader."""
    if deeper_than(given, DEPTH_MAX):
        raise PydanticCustomError("rule", "nested deeper than {levels} levels", {"levels": DEPTH_MAX})
    return given


_Object = Annotated[dict[str, Any], AfterValidator(_writable)]


class _Strict(BaseModel):
    """Of an answer: what is named has to be right, what is not named is not ours."""

    model_config = ConfigDict(strict=True)


class _Status(_Strict):
    code: int = 0
    description: str = ""
    details: str = ""


class _Concept(_Strict):
    id: Annotated[str, Field(min_length=1)]
    name: str = ""
    value: _Probability = 0.0  # proto3 JSON leaves zeros out


class _RegionData(_Strict):
    concepts: list[_Concept] = []


class _Region(_Strict):
    id: str = ""
    region_info: _Object = Field({}, validation_alias=AliasChoices("region_info", "regionInfo"))
    data: _RegionData = _RegionData()


class _Text(_Strict):
    raw: str = ""


class _Embedding(_Strict):
    vector: list[_Finite] = Field(min_length=1, max_length=EMBEDDING_LENGTH_MAX)


class _Data(_Strict):
    concepts: list[_Concept] = []
    regions: list[_Region] = []
    text: _Text = _Text()
    embeddings: list[_Embedding] = []
    metadata: _Object = {}


class _Output(_Strict):
    status: _Status = _Status(code=SUCCESS)
    data: dict[str, Any] = {}


class _Answer(_Strict):
    status: _Status
    outputs: list[_Output] = []


class PostModelOutputsRuntime:
    """Asks a server of the contract for one model.

    Args:
        endpoint: the model's URL.
        secret: the key's secret as it is now, None where it is not stored on this machine.
        calls: the model's calls.
        answer_bytes_max: a longer answer is none.
    """

    def __init__(self, endpoint: PostModelOutputs, secret: Callable[[], str | None], calls: HttpCalls, answer_bytes_max: int) -> None:
        self._url = web_url(endpoint.url)
        self._secret = secret
        self._calls = calls
        self._answer_bytes_max = answer_bytes_max

    async def prepare(self, data: Input) -> Input:
        """The input as it is: what it refers to by URL is fetched by the server, which is what the contract says."""
        return {name: data[name] for name in INPUT_FIELDS if name in data}

    async def call(self, batch: Sequence[Input]) -> list[Output | CallFailed]:
        """One output for each."""
        secret = (self._secret() or "").strip()
        if not secret.isascii() or not secret.isprintable() or not secret:
            raise CallFailed(Failure.DENIED, "the secret of its key is not stored on this machine: `collectors keys import`")
        headers = {"authorization": f"Key {secret}", "content-type": "application/json"}
        body = orjson.dumps({"inputs": [{"data": data} for data in batch]})
        request = Request(self._url, self._answer_bytes_max, headers, body)
        try:
            return await self._calls.post(request, len(batch), lambda answer: read_outputs(answer, len(batch)))
        except CallFailed as failure:
            # An answer may quote what it was sent, and what failed is shown to people.
            raise CallFailed(failure.reason, failure.detail.replace(secret, "…"), failure.retry_after_s) from None


def read_outputs(body: bytes, inputs: int) -> list[Output | CallFailed]:
    """The outputs of an answer; one that failed, or cannot be used, fails alone.

    Raises:
        CallFailed: the answer as a whole failed or cannot be used.
    """
    try:
        answer = _Answer.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise bad_answer(f"it is no JSON ({error})") from None
    except ValidationError as error:
        raise bad_answer(f"it is none of the contract: {problems_of(error)}") from None
    if answer.status.code not in {SUCCESS, MIXED}:
        raise CallFailed(Failure.REFUSED, _said(answer.status))
    if len(answer.outputs) != inputs:
        raise bad_answer(f"it has {len(answer.outputs)} outputs for {inputs} inputs")
    return [_output(each) for each in answer.outputs]


def _output(output: _Output) -> Output | CallFailed:
    if output.status.code != SUCCESS:
        return CallFailed(Failure.REFUSED, _said(output.status))
    try:
        data = _Data.model_validate(output.data)
    except ValidationError as error:
        return bad_answer(problems_of(error))
    given = data.model_dump(exclude=None if data.text.raw else {"text"})
    return {name: value for name, value in given.items() if value}


def _said(status: _Status) -> str:
    return f"it answered {status.code} {status.description} {status.details}".strip()[:SAID_LENGTH_MAX]
