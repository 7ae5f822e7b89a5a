"""Tensors as output data: what fits, and what a hostile answer holds instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from processor.fetch import CallFailed, Failure
from processor.models.decode import decode
from processor.models.params import TensorInfo
from tests.support.served import tensors


def info(*meanings: str) -> TensorInfo:
    return TensorInfo.model_validate(tensors([{"name": meaning, "as": meaning} for meaning in meanings]))


def test_values_become_concepts_in_the_order_of_the_document() -> None:
    (one, two) = decode(info("concepts"), {"concepts": np.array([[0.25, 0.75], [1, 0]])}, 2)
    assert one == {"concepts": [{"id": "low", "name": "", "value": 0.25}, {"id": "high", "name": "", "value": 0.75}]}
    assert two == {"concepts": [{"id": "low", "name": "", "value": 1.0}, {"id": "high", "name": "", "value": 0.0}]}


def test_rounding_of_a_softmax_is_forgiven() -> None:
    (one,) = decode(info("concepts"), {"concepts": np.array([[1.0000001, -0.0000001]], np.float32)}, 1)
    assert not isinstance(one, CallFailed)
    assert [concept["value"] for concept in one["concepts"]] == [1.0, 0.0]


def test_several_tensors_make_one_output() -> None:
    given: dict[str, Any] = {"text": np.array(["a"], object), "embeddings": np.array([[1, 2]]), "concepts": np.array([[0, 1]])}
    (one,) = decode(info("text", "embeddings", "concepts"), given, 1)
    assert not isinstance(one, CallFailed)
    assert (one["text"], one["embeddings"], len(one["concepts"])) == ({"raw": "a"}, [{"vector": [1.0, 2.0]}], 2)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_text_a_row(shape: tuple[int, ...]) -> None:
    assert decode(info("text"), {"text": np.array(["a", ""], object).reshape(shape)}, 2) == [{"text": {"raw": "a"}}, {"text": {"raw": ""}}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_row_of_impossible_values_fails_alone(value: float) -> None:
    good, bad = decode(info("concepts"), {"concepts": np.array([[0.1, 0.9], [0.1, value]])}, 2)
    assert not isinstance(good, CallFailed)
    assert isinstance(bad, CallFailed)
    assert bad.reason is Failure.BAD_ANSWER


def test_an_embedding_that_is_not_finite_fails_alone() -> None:
    bad, good = decode(info("embeddings"), {"embeddings": np.array([[float("inf")], [1e300]])}, 2)
    assert isinstance(bad, CallFailed)
    assert good == {"embeddings": [{"vector": [1e300]}]}


@pytest.mark.parametrize(
    ("meaning", "tensor"),
    [
        ("concepts", np.zeros((1, 2))),
        ("concepts", np.zeros((3, 2))),
        ("concepts", np.zeros((2, 3))),
        ("concepts", np.zeros((2, 0))),
        ("concepts", np.zeros(2)),
        ("concepts", np.zeros((2, 2, 1))),
        ("concepts", np.array(0.5)),
        ("concepts", np.array([["a", "b"], ["c", "d"]], object)),
        ("embeddings", np.zeros((2, 0))),
        ("embeddings", np.zeros((2, 70_000), np.uint8)),
        ("text", np.zeros(2)),
        ("text", np.array(["a", 7], object)),
        ("text", np.array(["a"], object)),
        ("text", np.array([["a", "b"], ["c", "d"]], object)),
        ("text", np.array([["a"], ["b", "c"]], object)),
    ],
)
def test_a_tensor_of_another_shape_is_a_bad_answer(meaning: str, tensor: Any) -> None:
    with pytest.raises(CallFailed, match="the answer cannot be used") as raised:
        decode(info(meaning), {meaning: tensor}, 2)
    assert raised.value.reason is Failure.BAD_ANSWER


def test_a_tensor_that_is_missing_is_named() -> None:
    with pytest.raises(CallFailed, match="no tensor 'text', only 'other'"):
        decode(info("text"), {"other": np.zeros(1)}, 1)
