"""Inputs as tensors: metadata and text; and what an input lacks."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from processor.fetch import CallFailed, Failure
from processor.models.encode import Encoder, metadata_tensor
from processor.models.params import MetadataInput, TensorInfo
from tests.support.served import DIGIT_INPUT, run


def wanted(**fields: Any) -> MetadataInput:
    return MetadataInput.model_validate({"name": "x", "from": "metadata", "path": "a.b", **fields})


@pytest.mark.parametrize(
    ("metadata", "fields", "values"),
    [
        ({"a": {"b": 1.5}}, {}, [1.5]),
        ({"a": {"b": 3}}, {}, [3.0]),
        ({"a.b": 2, "a": {"b": 1}}, {}, [2.0]),
        ({"a": {"b": [1, 2.5]}}, {"length": 2}, [1.0, 2.5]),
        ({"a": {"b": [4]}}, {"datatype": "INT64"}, [4]),
        ({"a": {"b": True}}, {"datatype": "BOOL"}, [True]),
        ({"a": {"b": "x"}}, {"datatype": "BYTES"}, ["x"]),
    ],
)
def test_metadata_become_tensors(metadata: dict[str, Any], fields: dict[str, Any], values: list[Any]) -> None:
    assert metadata_tensor({"metadata": metadata}, wanted(**fields)).tolist() == values


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, {}),
        ({"metadata": {"a": 1}}, {}),
        ({"metadata": {"a": {"b": None}}}, {}),
        ({"metadata": {"a": {"b": "1"}}}, {}),
        ({"metadata": {"a": {"b": True}}}, {}),
        ({"metadata": {"a": {"b": [1, 2]}}}, {}),
        ({"metadata": {"a": {"b": [1, [2]]}}}, {"length": 2}),
        ({"metadata": {"a": {"b": 1.0}}}, {"datatype": "INT64"}),
        ({"metadata": {"a": {"b": 2**70}}}, {"datatype": "INT64"}),
        ({"metadata": {"a": {"b": 1e300}}}, {"datatype": "FP32"}),
        ({"metadata": {"a": {"b": 10**400}}}, {"datatype": "FP64"}),
        ({"metadata": []}, {}),
    ],
)
def test_metadata_that_do_not_fit_are_a_bad_input(data: dict[str, Any], fields: dict[str, Any]) -> None:
    with pytest.raises(CallFailed, match=r"a\.b") as raised:
        metadata_tensor(data, wanted(**fields))
    assert raised.value.reason is Failure.BAD_INPUT


def encoder(*inputs: dict[str, Any]) -> Encoder:
    info = TensorInfo.model_validate({"params": {"inputs": list(inputs), "outputs": [{"name": "t", "as": "text"}]}})
    return Encoder(info.params.inputs, None)  # type: ignore[arg-type]  # nothing here is fetched


def test_text_is_one_string() -> None:
    async def scenario() -> None:
        (tensor,) = (await encoder({"name": "x", "from": "text"}).encode({"text": {"raw": "grüezi"}})).values()
        assert (tensor.dtype, tensor.tolist()) == (np.object_, ["grüezi"])

    run(scenario())


NO_BASE64 = [{"image": {"base64": text}} for text in ("", "é", "a b", "a", "aGVsbG8")]


@pytest.mark.parametrize("data", [{}, {"image": {}}, {"image": None}, {"image": "x"}, {"text": {"raw": "x"}}, *NO_BASE64])
def test_an_input_without_a_readable_image_is_a_bad_input(data: dict[str, Any]) -> None:
    async def scenario() -> None:
        with pytest.raises(CallFailed) as raised:
            await encoder({"name": "x", **DIGIT_INPUT}).encode(data)
        assert raised.value.reason is Failure.BAD_INPUT

    run(scenario())


@pytest.mark.parametrize("written", [base64.b64encode, base64.urlsafe_b64encode, lambda content: base64.b64encode(content).rstrip(b"=")])
def test_base64_of_either_alphabet_and_without_padding_is_read(written: Any) -> None:
    async def scenario() -> None:
        content = b"BM" + bytes([58 + 8, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0]) + bytes([40, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0])
        content += bytes(24) + bytes([0, 0, 0, 0]) + bytes([255, 255, 255, 0, 255, 255, 255, 0])
        tensors = await encoder({"name": "x", **DIGIT_INPUT}).encode({"image": {"base64": written(content).decode()}})
        assert tensors["x"].shape == (64,)

    run(scenario())
