"""The second stage with models that are asked: what they say decides, and one that fails holds up its own collectors only."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.topics.names import QUEUE, QUEUE_DEAD_LETTERS, inputs_topic, prefixed
from tests.support.predictions import input_of, prediction
from tests.support.processes import Processor, give
from tests.support.stage import behind, funnel, records
from tests.support.waiting import wait_until
from tests.support.world import collector, operator, workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

pytestmark = pytest.mark.kafka
SCHEMAS = Schemas.checked_in()
COUNT = 40


class Model(BaseHTTPRequestHandler):
    """Speaks the Open Inference Protocol: how much of a text is the letter x; ``broken`` answers nothing that can be used."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        (texts,) = body["inputs"]
        scores = [text.count("x") / max(1, len(text)) for text in texts["data"]]
        said = {"model_name": "m", "outputs": [{"name": "scores", "shape": [len(scores), 1], "datatype": "FP32", "data": scores}]}
        answer = b"garbage" if "broken" in self.path else orjson.dumps(said)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the models are; ops let the processor reach this machine."""
    monkeypatch.setenv("COLLECTORS_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setenv("COLLECTORS_MODEL_TIMEOUT_MS", "500")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def served(name: str, address: str) -> str:
    info = {
        "params": {"inputs": [{"name": "texts", "from": "text"}], "outputs": [{"name": "scores", "as": "concepts"}]},
        "data": {"concepts": [{"id": "x", "name": "the letter x"}]},
    }
    return (
        operator("quality", name, "text-classifier", orjson.dumps(info).decode()) + f"endpoint: open-inference+{address}/v2/models/{name}\n"
    )


def documents(address: str) -> str:
    many = "{data: {concepts: [{id: x, value: 0.5}]}}"
    return "---\n".join(
        [
            "kind: App\nuser_id: acme\nid: quality\nplan: professional\n",
            served("letters", address),
            served("broken", address),
            operator("quality", "many", "concept-threshold", many),
            workflow("quality", "mostly-x", "letters", "many"),
            workflow("quality", "broken", "broken"),
            collector("quality", "mostly-x", "post_queue_workflow_id: mostly-x"),
            collector("quality", "broken", "post_queue_workflow_id: broken"),
        ]
    )


def texts() -> list[str]:
    return ["x" * i + "o" * (COUNT - i) for i in range(COUNT)]


def publish(settings: Settings) -> None:
    encode_candidate, out = candidate_encoder(SCHEMAS), producer(settings)
    for number, text in enumerate(texts()):
        whole = prediction(id=f"p-{number}", input=input_of(text={"raw": text, "url": None}, metadata=f'{{"n":{number}}}'))
        for name in ("mostly-x", "broken"):
            key = f"acme/quality/{name}"
            value = encode_candidate(key, 0.5, "0" * 24, encode(SCHEMAS, "prediction", whole)[5:])
            out.produce(prefixed(settings, QUEUE), value=value, key=key.encode())
    out.flush()


def set_up(settings: Settings, address: str) -> None:
    for arguments in (
        ("topics", "apply"),
        ("keys", "create", "--user", "acme", "--app", "quality", "--id", "ingest", "--scopes", "PostInputs"),
        ("apply", "-f", "-"),
    ):
        give(settings, *arguments, text=documents(address) if arguments[0] == "apply" else None)


def test_what_a_model_says_decides_and_one_that_fails_fails_for_itself(settings: Settings, address: str) -> None:
    set_up(settings, address)
    publish(settings)
    with Processor(settings, 1, "post-queue") as processor:
        wait_until(lambda: not behind(settings, "post-queue"), "everything to be processed", 120, 0.3)
        assert processor.terminate() == 0, processor.log()
    rows = funnel(settings)
    wanted = [text for text in texts() if text.count("x") / len(text) > 0.5]
    assert rows["acme/quality/mostly-x"]["collected"] == len(wanted)
    assert rows["acme/quality/mostly-x"]["reasons"] == {"post_queue_empty": COUNT - len(wanted)}
    assert rows["acme/quality/broken"]["reasons"] == {"model_failed": COUNT}
    bodies = [orjson.loads(record.value or b"") for record in records(settings, inputs_topic("acme", "quality"))]
    assert [body["data"]["text"]["raw"] for body in bodies] == wanted, "the original input, in the order of the queue"
    _assert_annotated(bodies[0]["data"])
    letters = [dict(letter.headers) for letter in records(settings, QUEUE_DEAD_LETTERS)]
    assert len(letters) == COUNT
    assert {letter["__streams.errors.exception"] for letter in letters} == {b"model_failed"}
    assert b"model acme/quality/broken" in letters[0]["__streams.errors.message"]


def _assert_annotated(data: dict[str, Any]) -> None:
    """The workflow's concepts are added, and the input's own metadata stay."""
    (concept,) = data["concepts"]
    assert (concept["id"], concept["name"]) == ("x", "the letter x")
    assert concept["value"] == pytest.approx(0.525)
    assert data["metadata"]["n"] == 21
    assert data["metadata"]["collected"]["inclusion_probability"] == 0.5
