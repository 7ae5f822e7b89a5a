"""The tensors of an answer as the contract's output data. An answer is hostile until its shape and its values have been looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from processor.fetch import CallFailed, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.models.params import Concept, TensorInfo
    from processor.models.served import Output
    from processor.models.tensors import Tensor

ROUNDING = 1e-6  # a softmax in 32 bits may end a little above 1
EMBEDDING_LENGTH_MAX = 65_536
_MATRIX = 2


def decode(info: TensorInfo, tensors: Mapping[str, Tensor], rows: int) -> list[Output | CallFailed]:
    """One output for each row; a row with impossible values fails alone.

    Args:
        info: which tensor means what.
        tensors: the answer's, by name; the first axis is the batch.
        rows: how many inputs were asked about.

    Raises:
        CallFailed: bad_answer, when a tensor is missing or not of the shape that its meaning wants.
    """
    fields = [_field(output.name, output.meaning, tensors, info.data.concepts, rows) for output in info.params.outputs]
    return [_merged([field[row] for field in fields]) for row in range(rows)]


def _merged(parts: Sequence[Output | CallFailed]) -> Output | CallFailed:
    whole: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, CallFailed):
            return part
        whole.update(part)
    return whole


def _field(name: str, meaning: str, tensors: Mapping[str, Tensor], concepts: Sequence[Concept], rows: int) -> Sequence[Output | CallFailed]:
    tensor = tensors.get(name)
    if tensor is None:
        raise bad_answer(f"it has no tensor {name!r}, only {', '.join(map(repr, sorted(tensors)))[:200] or 'none'}")
    if meaning == "text":
        return _texts(name, tensor, rows)
    if tensor.dtype.kind not in "iuf":
        raise bad_answer(f"tensor {name!r} holds no numbers")
    if tensor.ndim != _MATRIX or len(tensor) != rows:
        raise bad_answer(f"tensor {name!r} has shape {list(tensor.shape)}; a row for each of {rows} inputs is wanted")
    return _concepts(name, tensor, concepts) if meaning == "concepts" else _embeddings(name, tensor)


def _concepts(name: str, tensor: Tensor, concepts: Sequence[Concept]) -> list[Output | CallFailed]:
    if tensor.shape[1] != len(concepts):
        raise bad_answer(f"tensor {name!r} has {tensor.shape[1]} values a row, and data.concepts lists {len(concepts)} concepts")
    possible = np.logical_and.reduce((tensor >= -ROUNDING) & (tensor <= 1 + ROUNDING), axis=1)  # false for NaN
    rows = np.clip(tensor, 0, 1).astype(np.float64).tolist()
    return [
        {"concepts": [{"id": concept.id, "name": concept.name, "value": value} for concept, value in zip(concepts, row, strict=True)]}
        if good
        else bad_answer(f"tensor {name!r} has values that are no probabilities from 0 to 1")
        for row, good in zip(rows, possible, strict=True)
    ]


def _embeddings(name: str, tensor: Tensor) -> list[Output | CallFailed]:
    if not 1 <= tensor.shape[1] <= EMBEDDING_LENGTH_MAX:
        raise bad_answer(f"tensor {name!r} has {tensor.shape[1]} values a row; 1 to {EMBEDDING_LENGTH_MAX} are wanted")
    finite = np.logical_and.reduce(np.isfinite(tensor), axis=1)
    rows = tensor.astype(np.float64).tolist()
    return [
        {"embeddings": [{"vector": row}]} if good else bad_answer(f"tensor {name!r} has values that are no finite numbers")
        for row, good in zip(rows, finite, strict=True)
    ]


def _texts(name: str, tensor: Tensor, rows: int) -> list[Output | CallFailed]:
    texts = tensor.ravel().tolist()
    if tensor.shape not in {(rows,), (rows, 1)} or not all(isinstance(text, str) for text in texts):
        raise bad_answer(f"tensor {name!r} is not one text for each of {rows} inputs")
    return [{"text": {"raw": text}} for text in texts]


def bad_answer(words: str) -> CallFailed:
    """An answer that cannot be used, and why."""
    return CallFailed(Failure.BAD_ANSWER, f"the answer cannot be used: {words}")
