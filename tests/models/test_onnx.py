"""ONNX in process: the file that was promised and no other, loaded once, ended when it takes too long."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from onnx import TensorProto, helper

from processor.fetch import Failure
from processor.models.breaker import OPEN_S
from processor.models.onnx import RUNS_AT_ONCE
from tests.support.digits import ONNX_NAME, OPSET, pictures, save_onnx
from tests.support.served import Bench, Document, Given, bench, digits, number, run, tensors

if TYPE_CHECKING:
    from pathlib import Path

READS = digits("probabilities", "X")


def here(folder: Path, **settings: Any) -> Given:
    return Given(folder, {"models_folder": folder, **settings})


def save(model: onnx.ModelProto, folder: Path, name: str) -> str:
    model.ir_version = 10
    content = model.SerializeToString()
    (folder / name).write_bytes(content)
    return f"onnx:{name}#sha256={hashlib.sha256(content).hexdigest()}"


async def failure(there: Bench, endpoint: str, output_info: dict[str, Any] = READS) -> Any:
    (found,) = await there(Document(endpoint, output_info)).predict(pictures(1))
    return found


def test_a_batch_is_run_at_once_and_the_file_is_loaded_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        endpoint = save_onnx(tmp_path)
        async with bench(here(tmp_path)) as there:
            first = there(Document(endpoint, READS))
            assert len(await first.predict(pictures(70))) == 70
            (tmp_path / ONNX_NAME).unlink()
            second = there(Document(endpoint, READS, id="another"))
            assert first is not second
            assert (await second.predict(pictures(1)))[0]["concepts"]

    run(scenario())


def test_another_file_than_the_one_that_was_promised_is_not_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        endpoint = save_onnx(tmp_path)
        (tmp_path / ONNX_NAME).write_bytes((tmp_path / ONNX_NAME).read_bytes() + b"\0")
        async with bench(here(tmp_path)) as there:
            found = await failure(there, endpoint)
            assert (found.reason, "SHA-256" in found.detail) == (Failure.NOT_LOADED, True)

    run(scenario())


def test_only_files_of_the_models_folder_are_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        inside = tmp_path / "inside"
        inside.mkdir()
        endpoint = save_onnx(tmp_path)
        (inside / ONNX_NAME).symlink_to(tmp_path / ONNX_NAME)
        async with bench(here(inside)) as there:
            found = await failure(there, endpoint)
            assert (found.reason, "leads out of" in found.detail) == (Failure.NOT_LOADED, True)
        async with bench(Given(tmp_path)) as there:
            assert "COLLECTORS_MODELS_FOLDER" in (await failure(there, endpoint)).detail

    run(scenario())


def test_a_file_that_comes_later_is_loaded_then_and_is_not_looked_for_all_the_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        endpoint = save_onnx(tmp_path)
        content = (tmp_path / ONNX_NAME).read_bytes()
        (tmp_path / ONNX_NAME).unlink()
        async with bench(here(tmp_path)) as there:
            reasons = [(await failure(there, endpoint)).reason for _ in range(6)]
            assert reasons == [Failure.NOT_LOADED] * 5 + [Failure.CIRCUIT_OPEN]
            (tmp_path / ONNX_NAME).write_bytes(content)
            there.time.now += OPEN_S
            assert (await failure(there, endpoint))["concepts"]

    run(scenario())


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x0a" * 100], ids=["empty", "text", "noise"])
def test_what_is_no_model_is_not_loaded(content: bytes, tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "m.onnx").write_bytes(content)
        async with bench(here(tmp_path)) as there:
            found = await failure(there, f"onnx:m.onnx#sha256={hashlib.sha256(content).hexdigest()}")
            assert found.reason is Failure.NOT_LOADED

    run(scenario())


@pytest.mark.parametrize(
    ("output_info", "words"),
    [
        (digits("probabilities", "pixels"), "no input 'pixels'"),
        (digits("probability", "X"), "no tensor 'probability'"),
        ({**READS, "params": {**READS["params"], "inputs": [{**READS["params"]["inputs"][0], "datatype": "FP64"}]}}, "of FP64"),
    ],
)
def test_what_the_document_says_is_held_against_the_model(output_info: dict[str, Any], words: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(here(tmp_path)) as there:
            found = await failure(there, save_onnx(tmp_path), output_info)
            assert (found.reason, words in found.detail) == (Failure.NOT_LOADED, True), found

    run(scenario())


def test_an_output_that_is_no_tensor_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(here(tmp_path)) as there:
            found = await failure(there, save_onnx(tmp_path, zipmap=True))
            assert (found.reason, "seq(map" in found.detail) == (Failure.NOT_LOADED, True)

    run(scenario())


def test_an_input_of_another_size_is_the_models_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        output_info = {**READS, "params": {**READS["params"], "inputs": [{**READS["params"]["inputs"][0], "width": 7}]}}
        async with bench(here(tmp_path)) as there:
            found = await failure(there, save_onnx(tmp_path), output_info)
            assert (found.reason, "onnxruntime" in found.detail) == (Failure.MODEL_ERROR, True)

    run(scenario())


def endless() -> onnx.ModelProto:
    """A model that counts for ever, and would give y = [x, x]."""
    real = TensorProto.FLOAT
    go, go_on = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "go_on"))
    before, after = (helper.make_tensor_value_info(name, real, None) for name in ("before", "after"))
    steps = [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Identity", ["before"], ["after"])]
    body = helper.make_graph(steps, "body", [helper.make_tensor_value_info("i", TensorProto.INT64, []), go, before], [go_on, after])
    loop = helper.make_node("Loop", ["turns", "yes", "x"], ["counted"], body=body)
    twice = helper.make_node("Concat", ["counted", "counted"], ["y"], axis=1)
    constants = [helper.make_tensor("turns", TensorProto.INT64, [], [2**62]), helper.make_tensor("yes", TensorProto.BOOL, [], [True])]
    takes, gives = helper.make_tensor_value_info("x", real, [None, 1]), helper.make_tensor_value_info("y", real, [None, 2])
    graph = helper.make_graph([loop, twice], "endless", [takes], [gives], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])


def test_a_run_that_takes_too_long_is_given_up_and_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        endpoint = save(endless(), tmp_path, "endless.onnx")
        async with bench(here(tmp_path, model_attempt_timeout_ms=200)) as there:
            model = there(Document(endpoint, tensors(max_batch=1)))
            found = await model.predict([number(0.5)] * (RUNS_AT_ONCE + 1))
            assert {each.reason for each in found} == {Failure.TIMED_OUT}
            async with asyncio.timeout(60):
                await asyncio.to_thread(model._runtime._threads.shutdown, wait=True)

    run(scenario())


def test_a_model_that_refers_to_another_file_finds_none(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "weights").write_bytes(bytes(8))
        weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 2], data_location=TensorProto.EXTERNAL)
        weights.external_data.add(key="location", value="weights")
        real = TensorProto.FLOAT
        takes, gives = helper.make_tensor_value_info("x", real, [None, 1]), helper.make_tensor_value_info("y", real, [None, 2])
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [takes], [gives], [weights])
        endpoint = save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]), tmp_path, "external.onnx")
        async with bench(here(tmp_path)) as there:
            (found,) = await there(Document(endpoint, tensors())).predict([number(0.5)])
            assert found.reason is Failure.NOT_LOADED

    run(scenario())
