"""The same real model, trained once, behind every runtime: the same pictures give the same concepts."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from processor.fetch import Failure
from processor.models import ModelFailed
from tests.support.digits import model, pictures, save_onnx
from tests.support.served import Document, Given, bench, digits, run
from tests.support.sites import Asked, Site, answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mlserver import MlServer

COUNT = 300
ROUNDING = 1e-5  # 32-bit against 64-bit arithmetic
PIXEL_ROUNDING = 0.02  # a mean of pixels is a pixel again, of 256 shades
SECRET = "s3cret-of-the-reader"  # noqa: S105 - of a server in this file
OUTPUTS_PATH = "/v2/users/lena/apps/mail/models/reader/outputs"


def ink(data: dict[str, Any]) -> np.ndarray:
    """What the model is given for a picture, worked out in another way."""
    with Image.open(io.BytesIO(base64.b64decode(data["image"]["base64"]))) as picture:
        pixels = np.asarray(picture, dtype=float)
    height, width = pixels.shape
    return 1 - pixels.reshape(8, height // 8, 8, width // 8).mean((1, 3)).ravel() / 255


def expected(given: list[dict[str, Any]]) -> np.ndarray:
    found: np.ndarray = model().predict_proba(np.array([ink(data) for data in given]))
    return found


def values(outputs: Any) -> np.ndarray:
    assert not [each for each in outputs if isinstance(each, ModelFailed)][:1]
    assert [concept["id"] for concept in outputs[0]["concepts"]] == [f"digit-{digit}" for digit in range(10)]
    return np.array([[concept["value"] for concept in output["concepts"]] for output in outputs])


@pytest.mark.large
def test_a_real_mlserver_and_a_real_onnx_model_say_the_same(mlserver: MlServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        given = pictures(COUNT)
        endpoint = save_onnx(tmp_path)
        async with bench(Given(tmp_path, {"models_folder": tmp_path})) as there:
            by_http = values(await there(Document(f"open-inference+{mlserver.url}", digits("predict_proba", "pixels"))).predict(given))
            in_process = values(await there(Document(endpoint, digits("probabilities", "X"))).predict(given))
        assert np.abs(by_http - in_process).max() < ROUNDING
        assert (by_http.argmax(1) == in_process.argmax(1)).all()
        assert np.abs(by_http - expected(given)).max() < PIXEL_ROUNDING

    run(scenario())


@pytest.mark.large
def test_what_a_real_mlserver_does_not_know_is_told(mlserver: MlServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(Given(tmp_path)) as there:
            (found,) = await there(Document(f"open-inference+{mlserver.url}", digits("predict_probability"))).predict(pictures(1))
            assert isinstance(found, ModelFailed)
            assert found.reason in {Failure.REFUSED, Failure.MODEL_ERROR}
            (found,) = await there(Document(f"open-inference+{mlserver.url}-2", digits("predict_proba"))).predict(pictures(1))
            assert found.reason is Failure.DENIED

    run(scenario())


async def reader(asked: Asked) -> bytes:
    """The digit model behind the public contract, as CONTRACT-speaking servers answer."""
    if asked.headers.get("authorization") != f"Key {SECRET}":
        return answer(401, {"status": {"code": 11009, "description": "API key not found"}})
    rows = model().predict_proba(np.array([ink(each["data"]) for each in asked.json["inputs"]])).tolist()
    concepts = [[{"id": f"digit-{digit}", "name": str(digit), "value": value} for digit, value in enumerate(row)] for row in rows]
    outputs = [{"id": "o", "status": {"code": 10000}, "data": {"concepts": each}} for each in concepts]
    return answer(body={"status": {"code": 10000, "description": "Ok"}, "outputs": outputs})


def test_a_server_of_the_contract_is_asked_with_the_key_of_the_models_app(tmp_path: Path) -> None:
    async def scenario() -> None:
        given = pictures(35)
        async with Site(reader) as site, bench(Given(tmp_path)) as there:
            there.secrets.put("lena", "mail", "read", f"{SECRET}\n")
            document = Document(f"post-model-outputs+{site.url(OUTPUTS_PATH)}", {"params": {"key_id": "read", "max_batch": 16}})
            assert np.abs(values(await there(document).predict(given)) - expected(given)).max() < ROUNDING
            assert sorted(len(asked.json["inputs"]) for asked in site.asked) == [3, 16, 16], "at once, in any order"
            assert {asked.target for asked in site.asked} == {OUTPUTS_PATH}

    run(scenario())


def test_a_key_without_its_secret_is_denied_before_anything_is_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(reader) as site, bench(Given(tmp_path)) as there:
            document = Document(f"post-model-outputs+{site.url(OUTPUTS_PATH)}", {"params": {"key_id": "read"}})
            (found,) = await there(document).predict(pictures(1))
            assert (found.reason, site.connections) == (Failure.DENIED, 0)
            there.secrets.put("lena", "mail", "read", "se\ncret")
            (found,) = await there(document).predict(pictures(1))
            assert (found.reason, site.connections) == (Failure.DENIED, 0)

    run(scenario())


def test_a_wrong_key_is_denied_and_a_secret_that_is_echoed_is_shown_to_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def echo(asked: Asked) -> bytes:
            return answer(403, f"no: {asked.headers['authorization']}")

        async with Site(echo) as site, bench(Given(tmp_path)) as there:
            there.secrets.put("lena", "mail", "read", SECRET)
            document = Document(f"post-model-outputs+{site.url(OUTPUTS_PATH)}", {"params": {"key_id": "read"}})
            (found,) = await there(document).predict(pictures(1))
            assert (found.reason, SECRET in str(found), "no: Key …" in found.detail) == (Failure.DENIED, False, True)
            assert SECRET not in repr(document)

    run(scenario())
