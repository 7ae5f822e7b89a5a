"""Boundaries where people and their programs write: documents, predictions as JSON, bodies of the two REST APIs, URLs."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from processor.catalog.parse import parse_change
from processor.catalog.plan import plan_write
from processor.catalog.records import SCHEMAS as SCHEMA_OF
from processor.catalog.store import Catalog
from processor.catalog.values import to_value
from processor.cli.catalog_io import as_dicts
from processor.codec.ndjson import parse_prediction
from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.destination.limits import Limits
from processor.destination.parse import parse_inputs
from processor.documents import read_documents
from processor.errors import FixDocuments
from processor.fetch.addresses import AddressGuard
from processor.fetch.exchange import shown, web_url
from processor.fetch.failed import CallFailed
from processor.fetch.fetcher import _next
from processor.limits.fingerprints import normalised_url
from processor.rest.json_body import parse_object
from processor.rest.status import Code, Refused
from processor.settings import Settings
from processor.yaml_streams import read_stream
from tests.fuzz.machine import Boundary, from_the_start, one_by_one, tellable
from tests.support import world
from tests.support.api import APP, COLLECTORS, MODELS, RECORDS, WORKFLOWS, Api, api

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

SCHEMAS = Schemas.checked_in()
NOW = "2026-11-22T00:00:00Z"
KNOWN = {int(each): each for each in Code}
LIMITS = Limits()
PLANS = Settings().plans_with_collectors

# Documents.

ODD_DOCUMENTS = """\
kind: KnowledgeGraph
user_id: acme
app_id: quality
id: zoo
concept_relations: [{subject_concept: {id: dog}, predicate: hyponym, object_concept: {id: animal, name: Animal}}]
---
kind: Collector
user_id: acme
app_id: quality
id: limited
pre_queue_random_sample: 0.5
quota: {per_minute: 5, total: 100}
duplicates: {by: [image, text], window_count: 100, window_seconds: 60}
collector_source:
  api_post_model_outputs_collector_source: &it {model_user_id: clarifai, model_app_id: main, model_id: general, post_inputs_key_id: ingest}
---
kind: Collector
user_id: acme
app_id: quality
id: anchored
post_queue_workflow_id: sample
collector_source: {api_post_model_outputs_collector_source: *it}
...
%YAML 1.2
---
{"kind": "App", "user_id": "acme", "id": "quality", "collaborators": ["bob"], "plan": "professional"}
"""


def document_seeds() -> list[bytes]:
    each = [part.encode() for part in (*world.DOCUMENTS.split("---\n"), *ODD_DOCUMENTS.split("---\n")) if part.strip()]
    as_json = [json.dumps(found.value).encode() for found in read_stream(f"{world.DOCUMENTS}---\n{ODD_DOCUMENTS}".encode())]
    return [*each, *as_json, world.DOCUMENTS.encode(), ODD_DOCUMENTS.encode()]


def check_documents(case: bytes) -> str:
    """All problems are told, in text that can be shown; what has none can be planned, written, and is believed when it is read."""
    found = read_documents([("f.yaml", case)])
    told = [*found.problems]
    plan = plan_write(Catalog(PLANS), found.located, NOW)
    told += [*plan.problems, *plan.warnings]
    assert orjson.dumps(as_dicts(tuple(told))) is not None
    str(FixDocuments(tuple(told))).encode()
    assert found.located or found.problems
    for change in plan.changes:
        assert change.record is not None
        value = encode(SCHEMAS, SCHEMA_OF[change.kind], to_value(change.record))
        read = parse_change(change.kind, change.key.encode(), value, "", lambda kind, data: decode(SCHEMAS, SCHEMA_OF[kind], data))
        assert read == change
    return f"{len(found.located)} right, {min(3, len(found.problems))} problems" if found.located else _sort(found.problems[0].message)


def _sort(message: str) -> str:
    return message.partition(":")[0][:30]


# Predictions as JSON.


DATA = {
    "image": {"url": "https://example.com/1.jpg"}, "text": {"raw": "t"}, "metadata": {"site": "nyc", "camera": 7}, "geo": {"geo_point": {}},
}  # fmt: skip
PREDICTION = {
    "id": "p-1",
    "model": {"user_id": "clarifai", "app_id": "main", "id": "general", "version_id": "aa7f"},
    "caller_user_id": "bob", "workflow_id": "", "predicted_at": "2026-11-22T02:00:00Z",
    "input": {"id": "in-1", "data": DATA | {"video": {"base64": "AAAA"}}},
    "output": {"data": {
        "concepts": [{"id": "ai_1", "name": "dog", "value": 0.93}],
        "regions": [{"id": "r", "region_info": {"a": 1}, "data": {"concepts": [{"id": "c", "value": 1}], "text": {"raw": "x"}}}],
        "embeddings": [{"vector": [0.1, 2]}],
    }},
}  # fmt: skip


def check_prediction_text(case: bytes) -> str:
    """All problems are told, or it can be written and read again."""
    try:
        record = parse_prediction(case, "line 1").to_avro()
    except FixDocuments as error:
        tellable(error)
        return _sort(error.problems[0].message)
    decode(SCHEMAS, "prediction", encode(SCHEMAS, "prediction", record))
    return "right"


# The REST API.

PATHS = [COLLECTORS, MODELS, WORKFLOWS, f"{APP}/concepts/knowledge_graphs", "/v2/users/acme/apps", f"{APP}/keys", "/v2/documents"]
CALLS = [(method, path) for path in PATHS for method in ("POST", "PATCH", "DELETE")]
SOURCE = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general", "post_inputs_key_id": "ingest"}
COLLECTOR = {"id": "a", "pre_queue_random_sample": 0.5, "collector_source": {"api_post_model_outputs_collector_source": SOURCE}}
RELATION = {"subject_concept": {"id": "a"}, "predicate": "synonym", "object_concept": {"id": "b"}}
BODIES: list[Any] = [
    {"collectors": [COLLECTOR]},
    {"collectors": [COLLECTOR | {"pre_queue_workflow_id": "sample", "tags": ["a"], "status": {"code": 52002}}], "action": "overwrite"},
    {"models": [{"id": "m", "model_type_id": "random-sample", "output_info": {"params": {"keep_fraction": 0.5}}}]},
    {"workflows": [{"id": "w", "nodes": [{"id": "n", "model": {"id": "keep-a-tenth"}, "node_inputs": []}]}]},
    {"knowledge_graphs": [{"id": "g", "concept_relations": [RELATION]}]},
    {"apps": [{"id": "quality", "description": "d", "collaborators": ["ann"]}]},
    {"keys": [{"id": "k", "scopes": ["PostInputs"], "description": "d"}]},
    {"ids": ["a", "m"]},
    {"delete_all": True},
    {"documents": [{"kind": "App", "user_id": "acme", "id": "quality"}], "names": ["f#1"], "check": False},
]


def api_seeds() -> list[bytes]:
    texts = [json.dumps(body) for body in BODIES]
    return [f"{method} {path}\n{text}".encode() for method, path in CALLS for text in texts]


def _after_the_call(case: bytes) -> int:
    return case.find(b"\n") + 1


@cache
def there() -> Api:
    """One API for all cases, until the process ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    found = stack.enter_context(api(RECORDS))
    found._portal = _Here()  # type: ignore[assignment]  # what is used of one
    return found


class _Here:
    """An event loop in this thread: it is quicker than to wait for one in another."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        atexit.register(self._loop.close)

    def call(self, question: Callable[[], Coroutine[Any, Any, httpx.Response]]) -> httpx.Response:
        return self._loop.run_until_complete(question())


def check_api(case: bytes) -> str:
    """The answer is the contract's, and no fault of ours. The first line says which call; one that is none is a POST of collectors."""
    line, _, body = case.partition(b"\n")
    method, _, path = line.partition(b" ")
    call = (method.decode("latin-1"), path.decode("latin-1"))
    method_sent, path_sent = call if call in CALLS else ("POST", COLLECTORS)
    if len(there().cluster.orders) > 50:
        there().cluster.reset()
    answer: httpx.Response = there().ask(method_sent, path_sent, content=body)
    status = answer.json()["status"]
    known = KNOWN[status["code"]]
    assert known is not Code.INTERNAL
    assert answer.status_code < 500
    return f"{method_sent} {known.name}"


# The destination's.

REGION = {"id": "r", "region_info": {"bounding_box": {"top_row": 0.1}}, "data": {"concepts": [{"id": "n", "value": 1}]}}
COLLECTED = {"collected": {"collector": "u/a/c"}}
POSTED = {
    "inputs": [
        {"id": "a", "data": {"image": {"url": "https://example.com/1.jpg"}, "metadata": COLLECTED}, "dataset_ids": ["d"]},
        {"id": "b", "data": {"image": {"base64": "R0lGODlh"}, "concepts": [{"id": "dog", "value": 0.5}], "text": {"raw": "t"}}},
        {"data": {"regions": [REGION]}},
    ],
    "input_id_conflict_resolution": "SKIP",
}


def check_destination_body(case: bytes) -> str:
    """Every item can be stored or is told what is wrong with it; or the whole body is refused."""
    try:
        body = parse_object(case)
        posted = parse_inputs(body, LIMITS)
    except Refused as error:
        return f"refused with {error.code.name}: {_sort(str(error))}"
    assert len(posted.inputs) + len(posted.problems) == len(body["inputs"])
    for item in posted.inputs:
        assert isinstance(json.loads(item.data), dict)
    for problem in posted.problems:
        tellable(problem.details)
    return f"{len(posted.inputs)} taken" if posted.inputs else posted.problems[0].code.name


# URLs.

GUARD = AddressGuard()
URLS = [
    "https://example.com/a/b.jpg?x=1#f", "http://[::1]:8080/", "http://127.0.0.1", "//example.com/x", "../up", "https://user:pw@example.com",
    "https://bücher.example/ü", "http://0x7f.1/", "https://example.com:99999/", "http://[::ffff:10.0.0.1]/", "ftp://example.com", "http://a%00b/",
]  # fmt: skip


def check_url(case: bytes) -> str:
    """A URL that anybody wrote down may be asked, or it is told why not; where it redirects to as well."""
    text = case.decode("utf-8", "surrogateescape")
    assert normalised_url(case.decode("utf-8", "replace")) is not None
    try:
        _next(httpx.URL("https://example.com/a/b"), text)
    except CallFailed as error:
        tellable(error.detail)
    try:
        url = web_url(text)
    except ValueError as error:
        return _sort(str(error))
    assert shown(url)
    with contextlib.suppress(ValueError):  # a name, which a resolver makes an address of
        assert GUARD.problem(url.host, url.port or 80) is not None
    return url.scheme


def _bodies(*values: Any) -> Sequence[bytes]:
    return [json.dumps(value).encode() for value in values]


TEXT_BOUNDARIES = [
    Boundary("documents", document_seeds, one_by_one(check_documents), json_at=from_the_start),
    Boundary("ndjson", lambda: _bodies(PREDICTION), one_by_one(check_prediction_text), json_at=from_the_start),
    Boundary("api", api_seeds, one_by_one(check_api), json_at=_after_the_call),
    Boundary("destination", lambda: _bodies(POSTED), one_by_one(check_destination_body), json_at=from_the_start),
    Boundary("urls", lambda: [url.encode() for url in URLS], one_by_one(check_url)),
]
