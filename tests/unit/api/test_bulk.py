"""Documents of any kind over HTTP: all of a call or nothing, whose they are asked of each, refused with the labels of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processor.catalog.records import App, Collector, Key, Model
from processor.rest.keys import sha256_of
from tests.support.api import COLLABORATOR, COLLECTORS, OWN, RECORDS, STRANGER, TOKEN, Api, api, code, collector

if TYPE_CHECKING:
    import httpx

DOCUMENTS = "/v2/documents"
HERE = {"user_id": "acme", "app_id": "quality"}
APP = {"kind": "App", "user_id": "acme", "id": "quality", "collaborators": ["ann"]}
MODEL = {"kind": "Model", **HERE, "id": "keep-a-half", "model_type_id": "random-sample", "output_info": {"params": {"keep_fraction": 0.5}}}
WORKFLOW = {"kind": "Workflow", **HERE, "id": "half", "nodes": [{"id": "n", "model": {"id": "keep-a-half"}}]}
COLLECTOR = {"kind": "Collector", **HERE, **collector("c", pre_queue_workflow_id="half")}
SHARED = {"model_user_id": "acme", "model_app_id": "quality", "model_id": "shared", "post_inputs_key_id": "ingest"}
ZOES = Collector("zoe", "farm", "z", pre_queue_random_sample=0.5, **SHARED)


def problems(answer: httpx.Response) -> list[tuple[str, str, int]]:
    return [(each["document"], each["path"], each["code"]) for each in answer.json()["problems"]]


def results(answer: httpx.Response) -> list[str]:
    return [each["result"] for each in answer.json()["documents"]]


def test_documents_that_need_one_another_are_written_in_one_call_in_any_order(there: Api) -> None:
    made = there.post(DOCUMENTS, documents=[COLLECTOR, WORKFLOW, MODEL])
    assert (made.status_code, code(made), results(made)) == (200, 10000, ["created"] * 3)
    (order,) = there.cluster.orders
    assert (len(order.changes), order.who, order.apps) == (3, "key acme//token", {("acme", "quality")})
    assert made.json()["catalog_version"] > "0"
    assert there.get(f"{COLLECTORS}/c").json()["collector"]["status"]["code"] == 52001
    again = there.post(DOCUMENTS, documents=[MODEL, WORKFLOW | {"description": "changed"}])
    assert results(again) == ["unchanged", "changed"]


def test_one_that_is_wrong_keeps_all_from_being_written_and_all_that_is_wrong_is_told(there: Api) -> None:
    wrong = [MODEL | {"output_info": {"params": {"keep_fraction": 7}}}, WORKFLOW | {"colour": "red"}, COLLECTOR, 5, {"kind": "Key"}]
    answer = there.post(DOCUMENTS, documents=wrong, names=["a.yaml#1", "a.yaml#2", "b.yaml#1", "b.yaml#2", "b.yaml#3"])
    assert (answer.status_code, code(answer), answer.json()["documents"]) == (400, 11102, [])
    assert problems(answer) == [
        ("a.yaml#1 Model acme/quality/keep-a-half", "output_info.params.keep_fraction", 11102),
        ("a.yaml#2 Workflow acme/quality/half", "colour", 11102),
        ("b.yaml#2", "", 11102),
        ("b.yaml#3 Key", "kind", 11102),
        ("b.yaml#1 Collector acme/quality/c", "pre_queue_workflow_id", 22102),
    ]
    assert there.cluster.orders == []


def test_what_does_not_resolve_is_refused(there: Api) -> None:
    answer = there.post(DOCUMENTS, documents=[WORKFLOW])
    assert (code(answer), problems(answer)) == (21200, [("documents#1 Workflow acme/quality/half", "nodes[0].model.id", 21200)])
    poor = COLLECTOR | {"app_id": "poor", "pre_queue_workflow_id": "", "pre_queue_random_sample": 0.5}
    assert [each for _, _, each in problems(there.post(DOCUMENTS, documents=[poor]))] == [11000, 11009]


def test_what_is_as_it_was_stays_so_even_where_it_no_longer_resolves(there: Api) -> None:
    there.post(DOCUMENTS, documents=[MODEL, WORKFLOW, COLLECTOR])
    there.delete(f"{DOCUMENTS}?kind=Workflow&user_id=acme&app_id=quality&id=half")
    again = there.post(DOCUMENTS, documents=[COLLECTOR, MODEL | {"description": "mine"}])
    assert (results(again), [each["code"] for each in again.json()["warnings"]]) == (["unchanged", "changed"], [22102])
    assert code(there.post(DOCUMENTS, documents=[COLLECTOR | {"description": "mine"}])) == 22102


def test_checking_writes_nothing_and_tells_what_would_be_done(there: Api) -> None:
    checked = there.post(DOCUMENTS, documents=[MODEL, WORKFLOW], check=True)
    assert (results(checked), checked.json()["catalog_version"]) == (["created", "created"], "")
    assert code(there.post(DOCUMENTS, documents=[COLLECTOR], check=True)) == 22102
    assert there.cluster.orders == []


def test_each_document_is_asked_whose_it_is(there: Api) -> None:
    zoes = {"kind": "Model", "user_id": "zoe", "app_id": "farm", "id": "m", "model_type_id": "visual"}
    answer = there.post(DOCUMENTS, documents=[MODEL, zoes, APP])
    assert (code(answer), problems(answer)) == (11008, [("documents#2 Model zoe/farm/m", "", 11008)])
    assert code(there.post(DOCUMENTS, STRANGER, documents=[MODEL])) == 11008
    assert code(there.post(DOCUMENTS, COLLABORATOR, documents=[MODEL])) == 11007
    assert results(there.post(DOCUMENTS, OWN, documents=[MODEL])) == ["created"]
    assert problems(there.post(DOCUMENTS, OWN, documents=[APP])) == [("documents#1 App acme/quality", "", 11008)]
    assert len(there.cluster.orders) == 1


def test_a_scope_that_one_kind_needs_is_missed_for_that_kind_only() -> None:
    with api((*RECORDS, Key("acme", "", "models", ("Models_Add",), sha256_of("models-only")))) as there:
        answer = there.post(DOCUMENTS, "models-only", documents=[MODEL, WORKFLOW])
        assert problems(answer) == [("documents#2 Workflow acme/quality/half", "", 11007)]
        assert "lacks Workflows_Add" in answer.json()["problems"][0]["message"]
        assert results(there.post(DOCUMENTS, "models-only", documents=[MODEL])) == ["created"]


def test_me_is_nobody_here_but_a_user_of_that_name() -> None:
    """Or everybody could write and read what is that user's."""
    theirs = Model("me", "quality", "m", "visual")
    with api((*RECORDS, theirs)) as there:
        answer = there.post(DOCUMENTS, documents=[MODEL | {"user_id": "me"}])
        assert problems(answer) == [("documents#1 Model me/quality/keep-a-half", "", 11008)]
        assert code(there.delete(f"{DOCUMENTS}?kind=Model&user_id=me&app_id=quality&id=m")) == 11008
        assert code(there.get(DOCUMENTS, kind="Model", user_id="me", app_id="quality")) == 11008
        assert there.get(DOCUMENTS, kind="Model", user_id="me").json()["documents"] == []
        assert "m" not in [each["id"] for each in there.get(DOCUMENTS, kind="Model").json()["documents"]]
    with api((theirs, Key("me", "", "token", ("Models_Get",), sha256_of("mine")))) as there:
        assert [each["id"] for each in there.get(DOCUMENTS, "mine", kind="Model").json()["documents"]] == ["m"]


def test_one_secret_may_be_that_of_several_keys() -> None:
    both = (Key("acme", "", "a", ("Models_Add",), sha256_of("both")), Key("acme", "quality", "b", ("Workflows_Add",), sha256_of("both")))
    with api((*RECORDS, *both)) as there:
        assert results(there.post(DOCUMENTS, "both", documents=[MODEL, WORKFLOW])) == ["created", "created"]


@pytest.mark.parametrize("given", [{"plan": "enterprise"}, {"plan": ""}, {"destination_url": "http://inside"}])
def test_what_an_app_pays_and_where_its_inputs_go_stays_with_the_operators(there: Api, given: dict[str, str]) -> None:
    answer = there.post(DOCUMENTS, documents=[APP | given])
    assert problems(answer) == [("documents#1 App acme/quality", next(iter(given)), 11007)]
    assert results(there.post(DOCUMENTS, documents=[APP | {"plan": "professional"}])) == ["unchanged"]
    assert results(there.post(DOCUMENTS, documents=[APP | {"description": "mine"}])) == ["changed"]
    assert there.get("/v2/users/acme/apps/quality").json()["app"]["plan"] == "professional"


def test_a_pause_is_kept_where_the_document_says_nothing_of_it(there: Api) -> None:
    there.post(DOCUMENTS, documents=[MODEL, WORKFLOW, COLLECTOR | {"status": {"code": 52002}}])
    assert results(there.post(DOCUMENTS, documents=[COLLECTOR])) == ["unchanged"]
    (read,) = there.get(DOCUMENTS, kind="Collector").json()["documents"]
    assert (read["status"]["code"], read["status_reason"]) == (52002, "paused")
    assert results(there.post(DOCUMENTS, documents=[read])) == ["unchanged"], "what was read can be sent back"


def test_collectors_that_stop_are_told_of_to_their_owner_only() -> None:
    mine = Collector("acme", "quality", "c", pre_queue_workflow_id="sample", **SHARED)
    key = Key("zoe", "farm", "ingest", ("PostInputs",), sha256_of("zoes"))
    with api((*RECORDS, mine, ZOES, key)) as there:
        private = {"kind": "Model", **HERE, "id": "shared", "model_type_id": "visual-classifier", "name": "Shared by all"}
        answer = there.post(DOCUMENTS, documents=[private])
        assert (results(answer), answer.json()["warnings"]) == (["changed"], [])
        (stopped,) = there.get(DOCUMENTS, STRANGER, kind="Collector").json()["documents"]
        assert "model acme/quality/shared is private" in stopped["status_reason"]
        (warning,) = there.delete(f"{DOCUMENTS}?kind=Workflow&user_id=acme&app_id=quality&id=sample").json()["warnings"]
        assert (warning["document"], "becomes INACTIVE" in warning["message"]) == ("Collector acme/quality/c", True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"documents": []},
        {"documents": MODEL},
        {"documents": [MODEL], "check": 1},
        {"documents": [MODEL], "names": []},
        {"documents": [MODEL], "names": [5]},
        {"documents": [MODEL], "names": [""]},
        {"documents": [MODEL, MODEL], "names": ["a", "a"]},
        {"documents": [MODEL, MODEL]},
        {"documents": [MODEL], "user_app_id": {}},
        {"documents": [None]},
        {"documents": [{"kind": "Model", "id": {"a": 1}, "user_id": ["x"]}]},
    ],
    ids=str,
)
def test_a_body_that_is_none_is_refused(there: Api, body: dict[str, Any]) -> None:
    assert code(there.post(DOCUMENTS, **body)) == 11102
    assert there.cluster.orders == []


def test_more_documents_than_one_request_takes_are_refused(there: Api) -> None:
    assert code(there.post(DOCUMENTS, documents=[{}] * 5001)) == 11006


def test_deep_values_are_refused_as_a_file_with_them_is(there: Api) -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    ((_, path, said),) = problems(there.post(DOCUMENTS, documents=[MODEL | {"output_info": {"params": deep}}]))
    assert (path.startswith("output_info.params.a"), said) == (True, 11102)


def test_a_list_has_all_that_the_key_may_see_and_comes_in_pages(there: Api) -> None:
    there.post(COLLECTORS, collectors=[collector(f"c-{number}") for number in range(5)])
    first = there.get(DOCUMENTS, kind="Collector", per_page=3).json()
    assert ([each["id"] for each in first["documents"]], first["next"]) == (["c-0", "c-1", "c-2"], "acme/quality/c-2")
    second = there.get(DOCUMENTS, kind="Collector", per_page=3, after=first["next"]).json()
    assert ([each["id"] for each in second["documents"]], "next" in second) == (["c-3", "c-4"], False)
    assert "next" not in there.get(DOCUMENTS, kind="Collector", per_page=5).json()
    assert code(there.get(DOCUMENTS, kind="Collector", page=2)) == 11102


def test_a_list_is_narrowed_by_user_app_and_id(there: Api) -> None:
    def ids(secret: str = TOKEN, **query: str) -> list[str]:
        return [each["id"] for each in there.get(DOCUMENTS, secret, **query).json()["documents"]]

    assert ids(kind="Model") == ["keep-a-tenth", "shared"]
    assert ids(kind="Model", user_id="acme", app_id="quality", id="shared") == ["shared"]
    assert ids(kind="Model", user_id="acme", app_id="poor") == []
    assert ids(kind="Model", id="none") == []
    assert ids(kind="App") == ["poor", "quality"]
    assert ids(kind="App", user_id="acme", id="poor") == ["poor"]
    assert ids(kind="Key") == ["token", "ingest", "own"]
    assert ids(OWN, kind="Key") == ["ingest", "own"], "the key of an app tells of its app alone"
    assert ids(OWN, kind="App") == ["quality"]
    assert ids(COLLABORATOR, kind="App") == ["quality"]
    assert ids(COLLABORATOR, kind="Key") == ["token"]
    assert ids(STRANGER, kind="Model") == ["shared"], "public models are everybody's to see"
    assert ids(STRANGER, kind="Workflow") == []
    assert code(there.get(DOCUMENTS, STRANGER, kind="Workflow", user_id="acme", app_id="quality")) == 11008
    for query in ({}, {"kind": "Collectible"}, {"kind": "Model", "colour": "red"}, {"kind": "Model", "per_page": 0}):
        assert code(there.get(DOCUMENTS, **query)) == 11102


def test_no_list_has_a_hash_or_a_secret(there: Api) -> None:
    assert sha256_of("ingest") not in there.get(DOCUMENTS, kind="Key").text


def test_one_document_is_deleted_and_a_keys_secret_with_it(there: Api) -> None:
    made = there.post("/v2/users/acme/apps/quality/keys", keys=[{"id": "k", "scopes": ["Inputs_Get"]}])
    assert code(made) == 10000
    gone = there.delete(f"{DOCUMENTS}?kind=Key&user_id=acme&app_id=quality&id=k")
    assert gone.json() | {"status": 0, "catalog_version": ""} == {
        "status": 0,
        "kind": "Key",
        "key": "acme/quality/k",
        "result": "deleted",
        "warnings": [],
        "catalog_version": "",
    }
    assert there.secrets.kept == {}
    again = there.delete(f"{DOCUMENTS}?kind=Key&user_id=acme&app_id=quality&id=k")
    assert (code(again), again.json()["status"]["details"]) == (11101, "there is no Key acme/quality/k; nothing was deleted")
    assert code(there.delete(f"{DOCUMENTS}?kind=App&user_id=acme&id=poor")) == 10000
    assert code(there.delete(f"{DOCUMENTS}?kind=App&user_id=acme&id=quality", OWN)) == 11008
    assert code(there.delete(f"{DOCUMENTS}?kind=Key&user_id=acme&id=token")) == 10000
    assert code(there.get(DOCUMENTS, kind="Key")) == 11009


@pytest.mark.parametrize(
    "query", ["", "kind=Model", "kind=Model&id=shared", "kind=Model&user_id=acme&id=shared", "kind=App&user_id=acme&app_id=a&id=b"]
)
def test_what_does_not_name_one_document_deletes_nothing(there: Api, query: str) -> None:
    assert code(there.delete(f"{DOCUMENTS}?{query}")) == 11102
    assert there.cluster.orders == []


def test_a_collector_that_is_as_it_was_has_its_topic_made_all_the_same(there: Api) -> None:
    there.post(DOCUMENTS, documents=[MODEL, WORKFLOW, COLLECTOR])
    again = there.post(DOCUMENTS, documents=[COLLECTOR])
    assert (results(again), again.json()["catalog_version"]) == (["unchanged"], "")
    assert (there.cluster.orders[-1].changes, there.cluster.orders[-1].apps) == ([], {("acme", "quality")})


def test_a_records_app_that_is_gone_is_nobodys_secret() -> None:
    """An app that was never written, whose owner has documents in it."""
    with api(
        (Key("acme", "", "token", ("Models_Get",), sha256_of(TOKEN)), Model("acme", "gone", "m", "visual"), App("zoe", "farm"))
    ) as there:
        assert [each["id"] for each in there.get(DOCUMENTS, kind="Model").json()["documents"]] == ["m"]
