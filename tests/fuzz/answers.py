"""Boundaries where others answer us: Kafka Connect, schema registries, the REST API's own clients, models, and any HTTP server."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import orjson
from pydantic import SecretStr

from processor.catalog.records import Kind
from processor.cli.api_client import ApiClient
from processor.codec.bad import BadReason
from processor.codec.framing import frame
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from processor.codec.schema_files import INDEX, read_index
from processor.connect.plan import Connector
from processor.connect.rest import RestConnectors
from processor.documents import read_documents
from processor.errors import CollectorsError, FixCluster
from processor.fetch.exchange import Request, exchange, web_url
from processor.fetch.failed import CallFailed
from processor.files import find_file
from processor.kafka.schema_registry import SchemaRegistry
from processor.models.decode import decode
from processor.models.open_inference import read_tensors
from processor.models.params import TensorInfo
from processor.models.post_model_outputs import read_outputs
from processor.settings import Settings
from processor.stages.bad_records import error_headers
from tests.fuzz.judging import work
from tests.fuzz.machine import Boundary, from_the_start, one_by_one, tellable
from tests.support.predictions import prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.cli.catalog_io import Applied, Deleted

SCHEMAS = Schemas.checked_in()
REASONS = frozenset(BadReason)
STATUSES = [200, 200, 200, 200, 404, 409, 422, 500]


BETWEEN = b"\x1e"  # the answers of a case


def split(answer: bytes) -> tuple[int, bytes]:
    """A status, and the body that comes with it."""
    return (STATUSES[answer[0] % len(STATUSES)], answer[1:]) if answer else (200, b"")


def _after_the_last_status(case: bytes) -> int:
    return case.rfind(BETWEEN) + 2


def bodies(*values: Any) -> list[bytes]:
    """Answers with status 200."""
    return [b"\0" + json.dumps(value).encode() for value in values]


def in_turn(*values: Any) -> bytes:
    """Answers to one request after the other."""
    return BETWEEN.join(bodies(*values))


class Answering(httpx.BaseTransport):
    """Answers whatever is asked with the case that is tried, and with its parts in turn where it has several."""

    def __init__(self) -> None:
        self.begin(b"")

    def begin(self, case: bytes) -> None:
        self._answers = itertools.cycle(case.split(BETWEEN))

    def handle_request(self, _request: httpx.Request) -> httpx.Response:
        status, body = split(next(self._answers))
        return httpx.Response(status, content=body, headers={"content-type": "application/json"})


ANSWERING = Answering()


# Kafka Connect.

CONNECTORS = {
    "inputs.acme.quality": {
        "info": {"name": "inputs.acme.quality", "config": {"connector.class": "x", "topics": "inputs.acme.quality"}, "tasks": []},
        "status": {
            "name": "inputs.acme.quality",
            "connector": {"state": "RUNNING", "worker_id": "127.0.0.1:8083"},
            "tasks": [{"id": 0, "state": "FAILED", "worker_id": "127.0.0.1:8083", "trace": "java.lang.Error"}],
            "type": "sink",
        },
    }
}  # fmt: skip


@cache
def connect() -> RestConnectors:
    return RestConnectors("http://connect:8083", ANSWERING)


def check_connect(case: bytes) -> str:
    """Connectors of the right types, or an error for people."""
    ANSWERING.begin(case)
    try:
        connect().pause("inputs.acme.quality")
        found = connect().connectors()
    except FixCluster as error:
        tellable(error)
        return type(error).__name__
    for name, each in found.items():
        assert (type(each), each.name) == (Connector, name)
        assert all(isinstance(text, str) for text in (each.state, each.error, each.worker, *each.config, *each.config.values()))
        assert all(isinstance(task.id, int) and isinstance(task.state, str) and isinstance(task.error, str) for task in each.tasks)
        assert each.failure.encode() is not None
    return f"{min(3, len(found))} connectors"


# The REST API's own client.

ANSWER = {
    "status": {"code": 10000, "description": "Ok", "details": ""},
    "documents": [{"kind": "App", "key": "acme/quality", "result": "created"}],
    "problems": [],
    "warnings": [{"document": "f#1", "path": "id", "message": "m", "code": 0}],
    "catalog_version": "00",
    "key": "acme/quality",
}


THROTTLED: dict[str, Any] = {"status": {"code": 11005, "description": "Slow"}}


@cache
def documents() -> Any:
    return read_documents([("f.yaml", b"kind: App\nuser_id: acme\nid: quality\n")])


@cache
def api_client() -> ApiClient:
    return ApiClient(Settings(api_url="http://api", api_key=SecretStr("secret")), ANSWERING)


def check_api_client(case: bytes) -> str:
    """What it says can be shown, or it is told that this is no answer of the API."""
    ANSWERING.begin(case)
    applied = asked(lambda: api_client().apply(documents()))
    deleted = asked(lambda: api_client().delete(Kind.APP, "acme", "", "quality"))
    looked = asked(lambda: api_client().documents(Kind.APP, "acme", "", ""))
    return f"{applied} {deleted} {looked}"


def asked(ask: Callable[[], Applied | Deleted | list[dict[str, Any]]]) -> str:
    try:
        found = ask()
    except CollectorsError as error:
        tellable(error)
        return type(error).__name__
    if isinstance(found, list):
        assert all(isinstance(name, str) for each in found for name in each)
        return f"{min(len(found), 2)} documents"
    assert orjson.dumps(asdict(found)) is not None
    assert all(tellable(str(problem)) for problem in found.warnings)
    assert all(isinstance(text, str) for each in getattr(found, "documents", ()) for text in (*each, *each.values()))
    return "done"


# Schema registries.

CODE = "prediction"
PRIMITIVES = [
    '"string"',
    '"bytes"',
    "[]",
    '["null"]',
    '{"type": "fixed", "name": "f", "size": 2147483647}',
    '{"type": "array", "items": "null"}',
]


class Registry:
    """Gives ours as schema 1, and others from 2 on."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = (OURS, *texts)

    def register(self, _subject: str, _text: str) -> int:
        return 1

    def texts(self, schema_id: int) -> tuple[str, ...]:
        return (self._texts[schema_id - 1],)


OURS = SCHEMAS.text(CODE)


def schema_seeds() -> list[bytes]:
    return [text.encode() for text in (OURS, SCHEMAS.text("collector"), SCHEMAS.text("counters"), *PRIMITIVES)]


@cache
def index() -> Any:
    return read_index(find_file(f"schemas/{INDEX}").parent)


def check_schemas(cases: Sequence[bytes]) -> list[str]:
    """Of records of whatever schemas in one batch, each is a row or bad for a reason, and one in ours is a row for all that."""
    schemas = Schemas(index(), Registry([case.decode("utf-8", "replace") for case in cases]))
    records = [frame(schema_id, some_body()) for schema_id in (*range(2, len(cases) + 2), 1)]
    decoded = PredictionDecoder(schemas).decode(records)
    outcomes = ["row"] * len(records)
    for bad in decoded.bad:
        assert bad.reason in REASONS
        assert error_headers(("predictions", 0, 0), bad.reason, bad.detail)
        outcomes[bad.index] = bad.reason
    assert sorted([*decoded.positions.tolist(), *(bad.index for bad in decoded.bad)]) == list(range(len(records)))
    assert len(decoded.values) == decoded.batch.rows == len(decoded.positions)
    assert outcomes.pop() == "row"
    return outcomes


@cache
def some_body() -> bytes:
    from processor.codec.records import encode  # noqa: PLC0415 - for this once

    return encode(SCHEMAS, CODE, prediction())[5:]


REFERENCES = [{"name": name, "subject": name, "version": number} for number, name in enumerate("ab")]
TREE = ({"schema": OURS, "references": REFERENCES}, {"schema": OURS, "id": 1, "subject": "a", "version": 1})
REGISTRY_ANSWERS = [
    *bodies({"schema": OURS, "id": 7}, {"schema": '"string"', "schemaType": "JSON"}, {"error_code": 40403, "message": "Not found"}),
    *bodies(TREE[0], {"id": 1}),
    in_turn(*TREE),
    in_turn(TREE[0], TREE[0], TREE[1], TREE[1], TREE[0]),
]


@cache
def registry() -> SchemaRegistry:
    made = SchemaRegistry("http://registry:8081")
    made._client._rest_client.max_retries = 0
    made._client._rest_client.session = httpx.Client(transport=ANSWERING)
    return made


def check_registry(case: bytes) -> str:
    """A schema's text, an id, nothing, or an error for people: the client's own errors never come through."""
    there = registry()
    there._unknown.clear()
    there._client.clear_caches()
    ANSWERING.begin(case)
    outcome = []
    for ask in (lambda: there.texts(5), lambda: there.register("s", OURS)):
        try:
            found = ask()
            assert isinstance(found, int) or all(isinstance(text, str) for text in found)
            outcome.append(type(found).__name__)
        except FixCluster as error:
            tellable(error)
            outcome.append(type(error).__name__)
    return " ".join(outcome)


# Models.

ASKED_WITH = [{"from": "text", "name": "t"}]
NUMBERS = {"inputs": ASKED_WITH, "outputs": [{"name": "p", "as": "concepts"}, {"name": "e", "as": "embeddings"}]}
WORDS = {"inputs": ASKED_WITH, "outputs": [{"name": "s", "as": "text"}]}
INFOS = [
    TensorInfo.model_validate(info)
    for info in ({"params": NUMBERS, "data": {"concepts": [{"id": "dog"}, {"id": "cat"}]}}, {"params": WORDS})
]
TENSORS = {
    "model_name": "m",
    "outputs": [
        {"name": "p", "shape": [2, 2], "datatype": "FP32", "data": [0.1, 0.9, 0.5, 0.5]},
        {"name": "e", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2, 3], [4, 5, 6]]},
        {"name": "s", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
    ],
}
MODEL_OUTPUT = {
    "status": {"code": 10000, "description": "Ok"},
    "data": {
        "concepts": [{"id": "dog", "name": "dog", "value": 0.5}],
        "regions": [{"id": "r", "region_info": {"bounding_box": {"top_row": 0.1}}, "data": {"concepts": [{"id": "n", "value": 1}]}}],
        "text": {"raw": "t"}, "embeddings": [{"vector": [1, 0.5]}], "metadata": {"a": {"b": [1]}},
    },
}  # fmt: skip
OUTPUTS_ANSWER = {"status": {"code": 10000, "description": "Ok"}, "outputs": [MODEL_OUTPUT, MODEL_OUTPUT]}
ROWS = 2


def used(case: bytes, outputs: Sequence[Any]) -> list[str]:
    """What an answer's outputs come to: each is a failure, or goes through operators and into an input."""
    return [type(output).__name__ if isinstance(output, CallFailed) else used_one(case, output) for output in outputs]


def used_one(case: bytes, output: dict[str, Any]) -> str:
    work(case, prediction(), output)
    return "+".join(sorted(output))


def check_tensors(case: bytes) -> str:
    """Outputs that can be used, failures of single ones, or a failure of the whole answer."""
    outcome = []
    for info in INFOS:
        try:
            outcome += used(case, decode(info, read_tensors(case), ROWS))
        except CallFailed as failure:
            tellable(failure.detail)
            outcome.append(_sort(failure))
    return " ".join(outcome)


def check_outputs(case: bytes) -> str:
    """As of tensors."""
    try:
        found = read_outputs(case, ROWS)
    except CallFailed as failure:
        tellable(failure.detail)
        return _sort(failure)
    return " ".join(used(case, found))


def _sort(failure: CallFailed) -> str:
    words = failure.detail.removeprefix("the answer cannot be used: ")
    return f"{failure.reason}: {words[:12]}"


# HTTP.

HTTP = [
    b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://example.com/x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nConnection: close\r\n\r\nbusy",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
]
LOOP = asyncio.new_event_loop()
ASKED = Request(web_url("http://model.example/infer"), 64, {"authorization": "Key secret"}, b"{}")


def _without_secret(failure: CallFailed) -> str:
    assert "secret" not in failure.detail
    return f"{failure.reason}: {failure.detail[-20:]}"


def check_http(case: bytes) -> str:
    """An answer of limited size, or a failure that names no secret."""

    async def ask() -> str:
        backend = httpcore.AsyncMockBackend([case[start : start + 16] for start in range(0, len(case), 16)])
        async with httpcore.AsyncConnectionPool(network_backend=backend) as pool:
            answer = await exchange(pool, ASKED)  # type: ignore[arg-type]  # a pool as ours is
        assert len(answer.body) <= ASKED.answer_bytes_max
        assert answer.said.isprintable()
        return f"{answer.status // 100}xx"

    try:
        return LOOP.run_until_complete(ask())
    except CallFailed as failure:
        return _without_secret(failure)


CONNECT_ANSWERS = [*bodies(CONNECTORS, {"error_code": 409, "message": "busy"}), in_turn({}, CONNECTORS)]
API_ANSWERS = [*bodies(ANSWER, THROTTLED), in_turn(ANSWER | {"next": "b"}, ANSWER)]
ANSWER_BOUNDARIES = [
    Boundary("connect", lambda: CONNECT_ANSWERS, one_by_one(check_connect), json_at=_after_the_last_status),
    Boundary("api-client", lambda: API_ANSWERS, one_by_one(check_api_client), json_at=_after_the_last_status),
    Boundary("schemas", schema_seeds, check_schemas, at_once=32, json_at=from_the_start),
    Boundary("registry", lambda: REGISTRY_ANSWERS, one_by_one(check_registry), json_at=_after_the_last_status),
    Boundary("open-inference", lambda: [json.dumps(TENSORS).encode()], one_by_one(check_tensors), json_at=from_the_start),
    Boundary("model-outputs", lambda: [json.dumps(OUTPUTS_ANSWER).encode()], one_by_one(check_outputs), json_at=from_the_start),
    Boundary("http", lambda: HTTP, one_by_one(check_http)),
]
