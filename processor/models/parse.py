"""A served model from its document. Everything that is wrong is found at once, with field paths, before the document is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from processor.errors import CollectorsError
from processor.models.endpoint import POST_MODEL_OUTPUTS, parse_endpoint, runtime_of
from processor.models.params import OutputsInfo, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from processor.models.endpoint import Endpoint

_WORDS = {"missing": "is missing", "extra_forbidden": "unknown field"}
_SOURCES = frozenset({"image", "text", "metadata"})


class ModelProblems(CollectorsError):
    """Everything wrong with a served model's document.

    Attributes:
        problems: (field path in the document, message).
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{path}: {message}" for path, message in problems))


@dataclass(frozen=True, slots=True)
class ServedModelSpec:
    """A served model's document, parsed.

    Attributes:
        endpoint: runtime and place.
        info: `OutputsInfo` where the endpoint is `PostModelOutputs`, else `TensorInfo`.
    """

    endpoint: Endpoint
    info: TensorInfo | OutputsInfo


def parse_served_model(endpoint: str, output_info: Mapping[str, Any]) -> ServedModelSpec:
    """A served model from its document: pure, so that `collectors apply` can ask what the processor would say.

    Args:
        endpoint: as in the document.
        output_info: as in the document, a node's override already merged in.

    Raises:
        ModelProblems: all of them. What ``output_info`` has to hold depends on the runtime, so without one it is not looked at.
    """
    problems = []
    where, info = None, None
    try:
        where = parse_endpoint(endpoint)
    except ValueError as error:
        problems.append(("endpoint", str(error)))
    if runtime := runtime_of(endpoint):
        try:
            info = (OutputsInfo if runtime == POST_MODEL_OUTPUTS else TensorInfo).model_validate(output_info)
        except ValidationError as error:
            problems.extend(_problems(error))
    if where is None or info is None:
        raise ModelProblems(problems)
    return ServedModelSpec(where, info)


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors(include_url=False, include_input=False):
        yield _path(found["loc"]), _WORDS.get(found["type"], found["msg"])


def _path(location: Sequence[int | str]) -> str:
    """As in the document: without the name of the sort of input, which pydantic puts behind the number of the input."""
    path = "output_info"
    for before, part in zip(("", *location), location, strict=False):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (isinstance(before, int) and part in _SOURCES):
            path += f".{part}"
    return path
