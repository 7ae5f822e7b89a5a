"""A served model's document: everything wrong is found at once, each with its field path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.models import ModelProblems, parse_served_model
from processor.models.params import ImageInput, MetadataInput, OutputsInfo, TensorInfo, TextInput
from tests.support.served import DIGIT_INPUT, digits, tensors

INFERENCE = "open-inference+https://m.example/v2/models/digits"
OUTPUTS = "post-model-outputs+https://m.example/v2/users/u/apps/a/models/m/outputs"
ONNX = f"onnx:digits.onnx#sha256={'0' * 64}"


def problems(endpoint: str, output_info: Any) -> dict[str, str]:
    with pytest.raises(ModelProblems) as raised:
        parse_served_model(endpoint, output_info)
    return dict(raised.value.problems)


def test_a_model_that_takes_tensors_is_read() -> None:
    inputs = [{"name": "a", **DIGIT_INPUT}, {"name": "b", "from": "text"}, {"name": "c", "from": "metadata", "path": "x.y", "length": 3}]
    outputs = [{"name": "p", "as": "concepts"}, {"name": "t", "as": "text"}, {"name": "e", "as": "embeddings"}]
    given_info = {"params": {"inputs": inputs, "outputs": outputs, "max_batch": 4}, "data": {"concepts": [{"id": "x", "name": "X"}]}}
    for endpoint in (INFERENCE, ONNX):
        info = parse_served_model(endpoint, given_info).info
        assert isinstance(info, TensorInfo)
        image, text, metadata = info.params.inputs
        assert isinstance(image, ImageInput)
        assert (image.scale, image.offset) == ((-1 / 255,), (1.0,))
        assert isinstance(text, TextInput)
        assert isinstance(metadata, MetadataInput)
        assert (metadata.path, metadata.datatype, metadata.length) == ("x.y", "FP32", 3)
        assert info.params.max_batch == 4


def test_a_model_of_the_contract_is_read() -> None:
    info = parse_served_model(OUTPUTS, {"params": {"key_id": "reader"}}).info
    assert isinstance(info, OutputsInfo)
    assert (info.params.key_id, info.params.max_batch) == ("reader", 32)


def test_all_problems_come_at_once() -> None:
    output_info = {
        "params": {
            "inputs": [
                {"name": "", "from": "image", "mode": "CMYK", "width": 0, "colour": 1},
                {"name": "b", "from": "sound"},
                {"name": "c", "from": "metadata", "path": "x", "length": 1.5, "datatype": "FP16"},
            ],
            "outputs": [{"name": "p", "as": "boxes"}, 7],
            "max_batch": 129,
            "batch": 1,
        },
        "data": {"concepts": [{"id": ""}, {"name": 7}]},
        "message": "",
    }
    found = problems("open-inference+https://m.example/infer", output_info)
    assert set(found) == {
        "endpoint",
        "output_info.params.inputs[0].name",
        "output_info.params.inputs[0].mode",
        "output_info.params.inputs[0].width",
        "output_info.params.inputs[0].height",
        "output_info.params.inputs[0].colour",
        "output_info.params.inputs[1]",
        "output_info.params.inputs[2].length",
        "output_info.params.inputs[2].datatype",
        "output_info.params.outputs[0].as",
        "output_info.params.outputs[1]",
        "output_info.params.max_batch",
        "output_info.params.batch",
        "output_info.data.concepts[0].id",
        "output_info.data.concepts[1].id",
        "output_info.data.concepts[1].name",
        "output_info.message",
    }
    assert found["output_info.params.inputs[0].height"] == "is missing"
    assert found["output_info.params.batch"] == "unknown field"


def test_without_a_runtime_only_that_is_said() -> None:
    assert set(problems("https://m.example/v2/models/digits", {"nonsense": 1})) == {"endpoint"}


def test_each_runtime_has_its_own_params() -> None:
    assert set(problems(OUTPUTS, tensors())) == {
        "output_info.params.key_id", "output_info.params.inputs", "output_info.params.outputs", "output_info.data"
    }  # fmt: skip
    assert set(problems(ONNX, {"params": {"key_id": "k"}})) == {
        "output_info.params.key_id", "output_info.params.inputs", "output_info.params.outputs"
    }  # fmt: skip
    assert set(problems(ONNX, {})) == {"output_info.params"}


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"scale": [1, 2]}, "output_info.params.inputs[0]", "1 channels"),
        ({"scale": "1"}, "output_info.params.inputs[0].scale", "a number"),
        ({"scale": []}, "output_info.params.inputs[0].scale", "a number"),
        ({"scale": True}, "output_info.params.inputs[0].scale", "a number"),
        ({"offset": float("nan")}, "output_info.params.inputs[0].offset", "a number"),
        ({"offset": [1, float("inf"), 2]}, "output_info.params.inputs[0].offset", "a number"),
        ({"datatype": "UINT8"}, "output_info.params.inputs[0]", "fractions"),
        ({"mode": "RGB", "scale": [1, 2, 3, 4]}, "output_info.params.inputs[0]", "3 channels"),
        ({"width": 4097}, "output_info.params.inputs[0].width", "4096"),
    ],
)
def test_what_does_not_fit_an_image_is_a_problem(change: dict[str, Any], path: str, words: str) -> None:
    output_info = digits("p")
    output_info["params"]["inputs"][0].update(change)
    assert words in problems(ONNX, output_info)[path]


def test_names_and_meanings_are_there_once() -> None:
    twice = [{"name": "x", "from": "text"}, {"name": "x", "from": "text"}]
    outputs = [{"name": "a", "as": "text"}, {"name": "b", "as": "text"}]
    found = problems(ONNX, {"params": {"inputs": twice, "outputs": outputs}, "data": {"concepts": [{"id": "c"}, {"id": "c"}]}})
    assert found == {
        "output_info.params.inputs": "name 'x' is there twice",
        "output_info.params.outputs": "as 'text' is there twice",
        "output_info.data.concepts": "id 'c' is there twice",
    }


def test_concepts_are_listed_exactly_where_values_need_them() -> None:
    without = {"params": digits("p")["params"]}
    assert "data.concepts has to list" in problems(ONNX, without)["output_info"]
    unread = {**digits("p"), "params": {**digits("p")["params"], "outputs": [{"name": "t", "as": "text"}]}}
    assert "no output is read as concepts" in problems(ONNX, unread)["output_info"]


FIELDS = st.sampled_from(["params", "data", "inputs", "outputs", "concepts", "name", "from", "as", "id", "key_id", "scale"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from([INFERENCE, OUTPUTS, ONNX, "onnx:", "post-model-outputs+", "x"]), JSON)
def test_whatever_a_document_holds_only_problems_are_raised(endpoint: str, output_info: Any) -> None:
    found = []
    try:
        parse_served_model(endpoint, output_info)
    except ModelProblems as error:
        found = error.problems
    assert all(path.startswith(("endpoint", "output_info")) and message for path, message in found)
