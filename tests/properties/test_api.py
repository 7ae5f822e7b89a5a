"""Whatever is sent to the API, its answer is the contract's, and each item is there whole or not at all, as its status says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.catalog.records import Collector, KnowledgeGraph, Model, Relation, Workflow, WorkflowNode
from processor.rest.status import DETAILS_MAX, Code
from tests.support.api import APP, COLLECTORS, MODELS, RECORDS, TOKEN, WORKFLOWS, Api, api, code
from tests.support.odd_json import anything, nearly, objects, odd, texts, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

KNOWN = {int(each): each for each in Code}
SUCCEEDED = {Code.SUCCESS, Code.COLLECTOR_ACTIVE, Code.COLLECTOR_INACTIVE}
OTHER_HTTP = {(Code.EXCEEDS_LIMITS, 413), (Code.BAD_REQUEST_FORMAT, 408)}
APPS, GRAPHS, KEYS = "/v2/users/acme/apps", f"{APP}/concepts/knowledge_graphs", f"{APP}/keys"
OF_ANSWERS = {"apps", "kind", "created_at", "modified_at", "status_reason", "user_id", "app_id", "model_version"}
FREE = {"params", "metadata"}
KINDS = {"collectors": "Collector", "models": "Model", "workflows": "Workflow", "knowledge_graphs": "KnowledgeGraph", "apps": "App"}
STATES = [{"code": 52001}, {"code": 52002}, {"code": "COLLECTOR_INACTIVE"}]
GETTABLE = {50: "PUBLIC", 10: "PRIVATE"}
SOME = {"user_id": "acme", "app_id": "quality", "id": "keep-a-tenth", "version_id": "v1"}
PARAMETERS = [
    "page",
    "per_page",
    "perPage",
    "name",
    "model_type_id",
    "user_app_id.app_id",
    "userAppId.userId",
    "version_id",
    "kind",
    "id",
    "after",
]


class Sort(NamedTuple):
    """What can be written in the same way.

    Attributes:
        path: of its list.
        plural: its name in bodies.
        items: some that are right, or nearly.
    """

    path: str
    plural: str
    items: st.SearchStrategy[Any]


class Request(NamedTuple):
    """One write."""

    method: str
    sort: Sort
    body: dict[str, Any]


ids = st.sampled_from(["a", "b", "c"])
descriptions = st.text(max_size=4)
shares = st.sampled_from([0.1, 1, "0.5", 1e-9])
states = st.sampled_from(STATES)
sources = st.fixed_dictionaries(
    {
        "model_user_id": st.just("clarifai"),
        "model_app_id": st.just("main"),
        "model_id": st.sampled_from(["general", "other"]),
        "post_inputs_key_id": st.just("ingest"),
    },
    optional={"caller_user_id": st.sampled_from(["", "bob"]), "model_version_id": st.sampled_from(["", "v1"])},
)
collectors = st.fixed_dictionaries(
    {
        "id": ids,
        "pre_queue_random_sample": shares,
        "collector_source": st.fixed_dictionaries({"api_post_model_outputs_collector_source": sources}),
    },
    optional={
        "description": descriptions,
        "pre_queue_workflow_id": st.sampled_from(["sample", "a"]),
        "collect_outputs": st.booleans(),
        "tags": st.lists(st.sampled_from(["night", "site:oslo", "a"]), max_size=3),
        "dataset_ids": st.lists(st.sampled_from(["d", "relabel"]), max_size=2),
        "status": states,
    },
)
visibilities = st.sampled_from(["PUBLIC", "PRIVATE", {"gettable": 50}, {"gettable": "PRIVATE"}])
models = st.fixed_dictionaries(
    {"id": ids, "model_type_id": st.just("served"), "output_info": st.fixed_dictionaries({}, optional={"params": objects})},
    optional={"name": descriptions, "description": descriptions, "visibility": visibilities},
) | st.fixed_dictionaries(
    {
        "id": ids,
        "model_type_id": st.just("random-sample"),
        "output_info": st.fixed_dictionaries({"params": st.fixed_dictionaries({"keep_fraction": st.floats(0, 1)})}),
    }
)
nodes = st.fixed_dictionaries(
    {"id": ids, "model": st.fixed_dictionaries({"id": st.sampled_from(["keep-a-tenth", "a"])})},
    optional={"suppress_output": st.booleans(), "node_inputs": st.lists(st.fixed_dictionaries({"node_id": ids}), max_size=2)},
)
workflows = st.fixed_dictionaries(
    {"id": ids, "nodes": st.lists(nodes, min_size=1, max_size=3, unique_by=lambda node: node["id"])}, optional={"description": descriptions}
)
concepts = st.fixed_dictionaries({"id": st.text(min_size=1, max_size=4)}, optional={"name": descriptions})
relations = st.fixed_dictionaries(
    {"subject_concept": concepts, "predicate": st.sampled_from(["synonym", "hypernym", "hyponym"]), "object_concept": concepts}
)
graphs = st.fixed_dictionaries({"id": ids, "concept_relations": st.lists(relations, max_size=3)}, optional={"description": descriptions})
apps = st.fixed_dictionaries(
    {"id": st.sampled_from(["quality", "poor", "new"])},
    optional={
        "description": descriptions,
        "collaborators": st.lists(st.sampled_from(["ann", "zoe"]), max_size=2),
        "plan": st.sampled_from(["", "free"]),
    },
)
keys = st.fixed_dictionaries(
    {"id": ids, "scopes": st.lists(st.sampled_from(["Predict", "PostInputs", "Inputs_Get"]), min_size=1, max_size=2)},
    optional={"description": descriptions},
)
SORTS = [
    Sort(COLLECTORS, "collectors", collectors),
    Sort(MODELS, "models", models),
    Sort(WORKFLOWS, "workflows", workflows),
    Sort(GRAPHS, "knowledge_graphs", graphs),
    Sort(APPS, "apps", apps),
    Sort(KEYS, "keys", keys),
]


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A write of a few items, some of them right, some nearly, some of them twice."""
    sort = draw(st.sampled_from(SORTS))
    methods = {"apps": ["POST", "PATCH"], "keys": ["POST"]}.get(sort.plural, ["POST", "POST", "PATCH", "DELETE"])
    method = draw(st.sampled_from(methods))
    if method == "DELETE":
        return Request(
            method,
            sort,
            draw(st.fixed_dictionaries({"ids": st.lists(ids | texts, min_size=1, max_size=3)}) | st.just({"delete_all": True})),
        )
    items = draw(st.lists(sort.items | nearly(sort.items), min_size=1, max_size=4))
    if draw(st.integers(0, 9)) == 0:  # an item of another sort, as if it were one of these
        other = draw(st.sampled_from(SORTS[:-1]))
        items.append(draw(other.items) | {"kind": KINDS[other.plural]})
    if method == "PATCH":
        items = [{name: field for name, field in item.items() if name == "id" or draw(st.booleans())} for item in items]
    return Request(method, sort, {sort.plural: items} | ({"action": "overwrite"} if method == "PATCH" else {}))


THERE = (
    KnowledgeGraph("acme", "quality", "a", (Relation("dog", "hyponym", "animal"),), "stored"),
    Model("acme", "quality", "a", "served", '{"params":{"stored":true}}', name="stored"),
    Workflow("acme", "quality", "a", (WorkflowNode("a", "", "", "keep-a-tenth"),), "stored"),
    Collector(
        "acme",
        "quality",
        "a",
        pre_queue_workflow_id="sample",
        model_user_id="clarifai",
        model_app_id="main",
        model_id="general",
        post_inputs_key_id="ingest",
        description="stored",
    ),
)


@pytest.fixture(scope="module")
def there() -> Iterator[Api]:
    with api((*RECORDS, *THERE)) as found:
        yield found


def check_answer(answer: httpx.Response) -> None:
    """It is the contract's, and no fault of ours."""
    assert answer.headers["content-type"] == "application/json"
    below = answer.json()
    check_status(below.pop("status"), answer.status_code)
    for items in below.values():
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, dict) and isinstance(item.get("status"), dict):
                check_status(item["status"] | {"req_id": "the top has it"})


def check_status(status: dict[str, Any], http: int | None = None) -> None:
    known = KNOWN[status["code"]]
    assert known is not Code.INTERNAL
    assert http in {None, known.http} or (known, http) in OTHER_HTTP
    assert status["description"] == known.words
    assert status["req_id"]
    assert len(status.get("details", "")) <= DETAILS_MAX


def shown(there: Api) -> dict[str, dict[str, Any]]:
    """Everything in the app, as GET shows it, by list and id."""
    return {sort.plural: {item["id"]: item for item in there.get(sort.path, per_page=1000).json()[sort.plural]} for sort in SORTS}


def stored(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without what is worked out from other documents."""
    return {plural: {each: _without_status(item) for each, item in of.items()} for plural, of in items.items()}


def _without_status(item: dict[str, Any]) -> dict[str, Any]:
    return {name: field for name, field in item.items() if name != "status"}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(made=st.lists(requests(), min_size=1, max_size=4))
def test_each_item_is_as_it_was_sent_or_as_it_was_before(there: Api, made: list[Request]) -> None:
    there.cluster.reset()
    before = shown(there)
    for request in made:
        answer = there.ask(request.method, request.sort.path, content=written(request.body))
        check_answer(answer)
        after = shown(there)
        check_written(request, answer, before, after)
        before = after
    assert not [entry for entry in there.cluster.audit if b"sha256" in entry]


def check_written(request: Request, answer: httpx.Response, before: Any, after: Any) -> None:
    """Exactly the items that are said to be written are different now, and they are as they were sent."""
    plural = request.sort.plural
    items = answer.json().get(plural, [])
    written_now = {item["id"]: item for item in items if item["status"]["code"] in SUCCEEDED}
    assert len(written_now) == sum(item["status"]["code"] in SUCCEEDED for item in items), "an id was written twice"
    wanted = stored(before)
    for item_id, item in written_now.items():
        if request.method == "DELETE":
            del wanted[plural][item_id]
        else:
            item.pop("secret", None)
            assert after[plural][item_id] == item
            wanted[plural][item_id] = _without_status(item)
    assert stored(after) == wanted
    if request.method != "DELETE" and items:
        check_as_sent(request, items, before[plural])
    assert (code(answer) == Code.SUCCESS) == (plural in answer.json() and len(written_now) == len(items))


def check_as_sent(request: Request, items: list[dict[str, Any]], before: dict[str, Any]) -> None:
    plural = request.sort.plural
    for sent, item in zip(request.body[plural], items, strict=True):
        if item["status"]["code"] in SUCCEEDED:
            old = fields_of(plural, before[item["id"]]) if request.method == "PATCH" else {}
            wanted = {"id": item["id"]} | old | fields_of(plural, sent)
            assert as_text(without_defaults(wanted)) == as_text(without_defaults(fields_of(plural, item)))


def fields_of(plural: str, item: dict[str, Any]) -> dict[str, Any]:
    """What a document says of itself, whether it was sent or is shown."""
    given = {name: field for name, field in named(item).items() if name not in OF_ANSWERS}
    status = given.pop("status", None)
    if plural == "collectors" and status is not None:
        given["paused"] = status["code"] not in {52001, "COLLECTOR_ACTIVE"} and status.get("details", "paused") == "paused"
    if "pre_queue_random_sample" in given:
        given["pre_queue_random_sample"] = float(given["pre_queue_random_sample"])
    if "visibility" in given:
        visibility = given["visibility"]
        given["visibility"] = GETTABLE.get(visibility["gettable"], visibility["gettable"]) if isinstance(visibility, dict) else visibility
    if "scopes" in given:
        given["scopes"] = list(dict.fromkeys(given["scopes"]))
    return given


def named(value: Any) -> Any:
    """Without nulls, which are fields left out, but for those of a model's own parameters."""
    if isinstance(value, list):
        return [named(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: field if name in FREE else named(field) for name, field in value.items() if field is not None}


def without_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [without_defaults(each) for each in value]
    if not isinstance(value, dict):
        return value
    bare = {name: field if name == "output_info" else without_defaults(field) for name, field in value.items()}
    return {name: field for name, field in bare.items() if field not in ("", [], {}, "PRIVATE") and field is not False}


def as_text(value: Any) -> str:
    """For comparing: in JSON, true is not 1."""
    return json.dumps(value, sort_keys=True)


@pytest.fixture(scope="module")
def calls(there: Api) -> list[tuple[str, str]]:
    """Method and path of everything that can be called."""
    described = there.get("/openapi.json", None).json()["paths"]
    return [(method.upper(), path) for path, methods in described.items() for method in methods]


bodies = st.sampled_from(SORTS).flatmap(
    lambda sort: nearly(
        st.fixed_dictionaries(
            {sort.plural: st.lists(sort.items | nearly(sort.items, odd) | odd, max_size=3)},
            optional={"action": st.just("overwrite") | odd, "user_app_id": st.fixed_dictionaries({"user_id": st.just("acme") | odd}) | odd},
        ),
        odd,
    )
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), body=st.binary(max_size=40) | (anything | odd | bodies).map(written))
def test_any_body_at_any_call_gets_an_answer_of_the_contract(
    there: Api, calls: list[tuple[str, str]], data: st.DataObject, body: bytes
) -> None:
    method, path = data.draw(st.sampled_from([call for call in calls if call[0] != "GET"]))
    there.cluster.reset()
    answer = there.ask(method, path.format(**SOME), content=body)
    check_answer(answer)
    if code(answer) not in {Code.SUCCESS, Code.MIXED_STATUS}:
        assert not [change for order in there.cluster.orders for change in order.changes], "refused, and written"


@settings(max_examples=300)
@given(data=st.data(), parts=st.lists(st.text(max_size=6) | st.sampled_from(["..", "me", "a/b"]), min_size=4, max_size=4))
def test_any_path_gets_an_answer_of_the_contract(there: Api, calls: list[tuple[str, str]], data: st.DataObject, parts: list[str]) -> None:
    method, path = data.draw(st.sampled_from(calls))
    names = {name: quote(part, safe="") for name, part in zip(("user_id", "app_id", "id", "version_id"), parts, strict=True)}
    check_answer(there.ask(method, path.format(**{name: data.draw(st.sampled_from([SOME[name], names[name]])) for name in SOME})))


@settings(max_examples=300)
@given(
    data=st.data(),
    query=st.lists(st.tuples(st.sampled_from(PARAMETERS) | texts, st.sampled_from(["1", "0", "b", "Model"]) | texts), max_size=4),
)
def test_any_query_gets_an_answer_of_the_contract(
    there: Api, calls: list[tuple[str, str]], data: st.DataObject, query: list[tuple[str, str]]
) -> None:
    method, path = data.draw(st.sampled_from(calls))
    check_answer(there.ask(method, path.format(**SOME), params=query))


@given(data=st.data(), header=st.text(st.characters(max_codepoint=255), max_size=12) | st.just(f"Basic {TOKEN}"))
def test_any_authorization_header_but_a_keys_is_refused(there: Api, calls: list[tuple[str, str]], data: st.DataObject, header: str) -> None:
    method, path = data.draw(st.sampled_from(calls))
    answer = there.ask(method, path.format(**SOME), None, headers={"authorization": header.encode("latin-1")})
    check_answer(answer)
    assert answer.status_code == 401


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(made=st.lists(requests(), min_size=1, max_size=4))
def test_what_is_shown_can_be_sent_back_and_changes_nothing(there: Api, made: list[Request]) -> None:
    there.cluster.reset()
    for request in made:
        there.ask(request.method, request.sort.path, content=written(request.body))
    before, written_before = shown(there), len(there.cluster.audit)
    for sort in SORTS[:-1]:
        if items := list(before[sort.plural].values()):
            answer = there.patch(sort.path, **{sort.plural: items})
            assert code(answer) == Code.SUCCESS, answer.text
    assert shown(there) == before
    assert len(there.cluster.audit) == written_before
