"""The same real model behind every runtime decides in post-queue workflows: the same candidates become the same inputs."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image

from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.topics.names import QUEUE, inputs_topic, prefixed
from tests.support.digits import model, pictures, save_onnx
from tests.support.predictions import input_of, prediction
from tests.support.processes import Processor, give
from tests.support.served import digits
from tests.support.sites import Asked, Background, answer
from tests.support.stage import behind, funnel, records
from tests.support.waiting import wait_until
from tests.support.world import collector, operator, workflow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from processor.settings import Settings
    from tests.support.mlserver import MlServer

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
SCHEMAS = Schemas.checked_in()
COUNT = 300
SURE = 0.9
ROUNDING = 1e-5  # 32-bit against 64-bit arithmetic
COLLECTOR = "acme/quality/unsure"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processor runs: its secrets and its ONNX models are there, and it may ask servers on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLECTORS_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setenv("COLLECTORS_MODELS_FOLDER", str(tmp_path))
    return tmp_path


def inputs(settings: Settings, endpoint: str, info: dict[str, Any]) -> dict[str, Any]:
    """Inputs by their ids that a collector of what the model is not sure about makes of the pictures."""
    settings = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}{endpoint.partition('+')[0].partition(':')[0]}-"})
    documents = [
        "kind: App\nuser_id: acme\nid: quality\nplan: professional\n",
        operator("quality", "reader", "visual-classifier", orjson.dumps(info).decode()) + f"endpoint: {endpoint}\n",
        operator("quality", "unsure", "max-probability", f"{{params: {{value: {SURE}}}}}"),
        workflow("quality", "unsure", "reader", "unsure"),
        collector("quality", "unsure", "post_queue_workflow_id: unsure"),
    ]
    give(settings, "topics", "apply")
    give(settings, "keys", "create", "--user", "acme", "--app", "quality", "--id", "ingest", "--scopes", "PostInputs")
    give(settings, "apply", "-f", "-", text="---\n".join(documents))
    publish(settings)
    with Processor(settings, 1, "post-queue") as processor:
        wait_until(lambda: not behind(settings, "post-queue"), "everything to be processed", 120, 0.3)
        assert processor.terminate() == 0, processor.log()
    found = [orjson.loads(record.value or b"") for record in records(settings, inputs_topic("acme", "quality"))]
    row = funnel(settings)[COLLECTOR]
    assert (row["collected"], row["reasons"]) == (len(found), {"post_queue_empty": COUNT - len(found)}), processor
    return {body["id"]: body["data"] for body in found}


def publish(settings: Settings) -> None:
    encode_candidate, out = candidate_encoder(SCHEMAS), producer(settings)
    for number, data in enumerate(pictures(COUNT)):
        image = {"url": None, "base64": data["image"]["base64"]}
        whole = prediction(id=f"p-{number}", input=input_of(image=image, metadata=f'{{"n":{number}}}'))
        value = encode_candidate(COLLECTOR, 1.0, "0" * 24, encode(SCHEMAS, "prediction", whole)[5:])
        out.produce(prefixed(settings, QUEUE), value=value, key=COLLECTOR.encode())
    out.flush()


def assert_same(some: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    """The same ids in the same order, and the same bodies, but for the last digits of the model's values."""
    assert 0 < len(some) < COUNT, "the model decides"
    assert list(some) == list(others)
    for one, other in zip(some.values(), others.values(), strict=True):
        assert {**one, "concepts": []} == {**other, "concepts": []}
        assert [(each["id"], each["name"]) for each in one["concepts"]] == [(each["id"], each["name"]) for each in other["concepts"]]
        values = [np.array([each["value"] for each in data["concepts"]]) for data in (one, other)]
        assert np.abs(values[0] - values[1]).max() < ROUNDING
        assert values[0].max() < SURE


def in_process(settings: Settings, folder: Path) -> dict[str, Any]:
    return inputs(settings, save_onnx(folder), digits("probabilities", "X"))


@pytest.mark.large
def test_a_real_mlserver_and_a_real_onnx_model_decide_alike(settings: Settings, folder: Path, mlserver: MlServer) -> None:
    by_http = inputs(settings, f"open-inference+{mlserver.url}", digits("predict_proba", "pixels"))
    assert_same(in_process(settings, folder), by_http)


async def reader(asked: Asked) -> bytes:
    """The digit model behind the public contract."""
    read = model().predict_proba(np.array([_ink(each["data"]["image"]["base64"]) for each in asked.json["inputs"]]))
    concepts = [[{"id": f"digit-{digit}", "name": str(digit), "value": value} for digit, value in enumerate(row)] for row in read.tolist()]
    outputs = [{"id": "o", "status": {"code": 10000}, "data": {"concepts": each}} for each in concepts]
    return answer(body={"status": {"code": 10000, "description": "Ok"}, "outputs": outputs})


def _ink(picture: str) -> np.ndarray:
    """64 shares of ink, of the same 256 shades that the other runtimes are given."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        shades = np.asarray(image.convert("L").resize((8, 8), Image.Resampling.BOX), dtype=float)
    ink: np.ndarray = 1 - shades.ravel() / 255
    return ink


def test_a_server_of_the_contract_and_a_real_onnx_model_decide_alike(settings: Settings, folder: Path) -> None:
    in_here = in_process(settings, folder)
    with Background(reader) as there:
        url = there.site.url("/v2/users/lena/apps/mail/models/reader/outputs")
        assert_same(in_here, inputs(settings, f"post-model-outputs+{url}", {"params": {"key_id": "ingest"}}))
        sent = [asked.headers["authorization"] for asked in there.site.asked]
    secret = (folder / ".collectors/secrets/acme.quality.ingest").read_text()
    assert set(sent) == {f"Key {secret}"}, "the key of the model's own app"
    assert len(sent) < COUNT, "several inputs a call"
