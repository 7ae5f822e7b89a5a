"""The protocol's bodies: what is sent, and whatever comes back."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.fetch import CallFailed, Failure
from processor.models.decode import decode
from processor.models.open_inference import read_tensors, request_body
from processor.models.params import TensorInfo
from tests.support.served import digits, tensors


def output(**fields: Any) -> dict[str, Any]:
    return {"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.5], **fields}


def test_rows_are_sent_one_after_another_with_their_shape_and_datatype() -> None:
    inputs = [
        {"name": "n", "from": "metadata", "path": "n", "datatype": "INT64"},
        {"name": "t", "from": "text"},
        {"name": "f", "from": "metadata", "path": "f", "length": 2},
    ]
    info = TensorInfo.model_validate({"params": {"inputs": inputs, "outputs": [{"name": "e", "as": "embeddings"}]}})
    rows = [{"n": np.array([n]), "t": np.array([str(n)], object), "f": np.array([n, 0.5], np.float32)} for n in (1, 2, 3)]
    assert json.loads(request_body(info, rows)) == {
        "inputs": [
            {"name": "n", "shape": [3, 1], "datatype": "INT64", "data": [1, 2, 3]},
            {"name": "t", "shape": [3, 1], "datatype": "BYTES", "data": ["1", "2", "3"]},
            {"name": "f", "shape": [3, 2], "datatype": "FP32", "data": [1.0, 0.5, 2.0, 0.5, 3.0, 0.5]},
        ],
        "outputs": [{"name": "e"}],
    }


def test_an_image_is_sent_as_floats() -> None:
    info = TensorInfo.model_validate(digits("predict_proba"))
    (sent,) = json.loads(request_body(info, [{"pixels": np.zeros(64, np.float32)}]))["inputs"]
    assert (sent["shape"], sent["datatype"], len(sent["data"])) == ([1, 64], "FP32", 64)


@pytest.mark.parametrize("data", [[0.5, 0.25], [[0.5, 0.25]], [[[0.5], [0.25]]]])
def test_flat_and_nested_values_are_the_same(data: list[Any]) -> None:
    found = read_tensors(json.dumps({"model_name": "m", "outputs": [output(data=data)]}).encode())
    assert found["y"].tolist() == [[0.5, 0.25]]


def test_strings_are_read() -> None:
    found = read_tensors(json.dumps({"outputs": [output(shape=[2], datatype="BYTES", data=["a", "b"])]}).encode())
    assert found["y"].tolist() == ["a", "b"]


GARBAGE = [
    b"",
    b"<html>busy</html>",
    b"null",
    b"[]",
    b"{}",
    b'{"outputs": 7}',
    b'{"outputs": [7]}',
    b'{"outputs": [{}]}',
    b'{"error": "out of memory"}',
    b'{"outputs": [{"name": "y", "shape": [1, 2], "data": [NaN, 1]}]}',
    b"[" * 100_000,
    b'{"outputs": [{"name": "y", "shape": [1], "data": ' + b"[" * 900 + b"]" * 900 + b"}]}",
    b"\xff\xfe",
    *(
        json.dumps({"outputs": [output(**fields)]}).encode()
        for fields in (
            {"shape": [1, -2]},
            {"shape": [1.5, 2]},
            {"shape": "1"},
            {"shape": [10**9, 10**9, 10**9]},
            {"shape": [0, 2**63], "data": []},
            {"shape": [0, 2**40, 2**40], "data": []},
            {"shape": [1] * 9},
            {"shape": [3]},
            {"shape": []},
            {"data": None},
            {"data": "AAAA"},
            {"data": {"0": 1}},
            {"data": [[0.5], [0.5, 0.5]]},
            {"data": [0.5, "half"]},
            {"data": [0.5, {}]},
            {"data": [0.5, []]},
            {"data": [10**400, 1]},
            {"name": None},
        )
    ),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_a_bad_answer_with_words(body: bytes) -> None:
    with pytest.raises(CallFailed) as raised:
        read_tensors(body)
    assert raised.value.reason is Failure.BAD_ANSWER
    assert 30 < len(raised.value.detail) < 1_000


FIELDS = st.sampled_from(["outputs", "name", "shape", "data", "datatype"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=15,
)
TENSOR = st.fixed_dictionaries({"name": st.just("y"), "shape": st.lists(st.integers(0, 3), max_size=3), "data": st.lists(JSON, max_size=4)})
INFO = TensorInfo.model_validate(tensors())


@given(JSON | st.fixed_dictionaries({"outputs": st.lists(TENSOR, max_size=2)}))
def test_whatever_json_comes_back_only_a_failed_call_is_raised(answer: Any) -> None:
    with contextlib.suppress(CallFailed):
        decode(INFO, read_tensors(json.dumps(answer).encode()), 1)
