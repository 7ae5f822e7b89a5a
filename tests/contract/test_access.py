"""Every call for every sort of caller: one code each, and where it is not let in, nothing is written.

`docs/api.md` has the same as a table for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from processor.catalog.records import App, Collector, Key, Model, Workflow, WorkflowNode
from processor.resources import POST_INPUTS_SCOPES, SCOPES
from processor.rest.keys import sha256_of
from tests.support.api import APP, Api, api, code, collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.catalog.records import Record

SERVED = {"model_type_id": "visual-classifier"}
SOURCE = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general", "post_inputs_key_id": "ingest"}
HERE: tuple[Record, ...] = (
    App("acme", "quality", "professional", ("ann",)),
    Key("acme", "quality", "ingest", ("PostInputs",), sha256_of("ingest")),
    Model("acme", "quality", "old", "visual-classifier", model_version_id="two"),
    Model("acme", "quality", "open", "visual-classifier", visibility="PUBLIC", model_version_id="one"),
    Workflow("acme", "quality", "flow", (WorkflowNode("n", "", "", "old"),)),
    Collector("acme", "quality", "old", pre_queue_random_sample=0.5, **SOURCE),
)
SECRETS = {"owner's token": "t", "owner's key": "k", "collaborator": "c", "other user": "o", "key of another app": "a"}


class Called(NamedTuple):
    """A call of the contract, and what its caller needs.

    Attributes:
        name: as the contract has it.
        method: of HTTP.
        path: with everything filled in.
        body: what is sent.
        scopes: that the key must have.
        collaborator: the code for one with all scopes.
        stranger: the code for another user with all scopes.
    """

    name: str
    method: str
    path: str
    body: dict[str, Any] | None
    scopes: tuple[str, ...]
    collaborator: int = 11007
    stranger: int = 11008


WRITE_COLLECTOR = ("Collectors_Add", *POST_INPUTS_SCOPES)
NEW = collector("new", pre_queue_workflow_id="", pre_queue_random_sample=0.5)
NEW_GRAPH = {"knowledge_graphs": [{"id": "g"}]}
NODES = [{"id": "n", "model": {"id": "old"}}]
PATCH = {"action": "overwrite"}
DOCUMENT = {"kind": "Collector", "user_id": "acme", "app_id": "quality", **NEW}
APP_DOCUMENT = {"kind": "App", "user_id": "acme", "id": "quality", "collaborators": []}
IN_QUALITY = "user_id=acme&app_id=quality"
CALLS = (
    Called("PostCollectors", "POST", f"{APP}/collectors", {"collectors": [NEW]}, WRITE_COLLECTOR),
    Called("PatchCollectors", "PATCH", f"{APP}/collectors", PATCH | {"collectors": [{"id": "old", "description": "new"}]}, WRITE_COLLECTOR),
    Called("DeleteCollectors", "DELETE", f"{APP}/collectors", {"ids": ["old"]}, ("Collectors_Delete",)),
    Called("ListCollectors", "GET", f"{APP}/collectors", None, ("Collectors_Get",), 10000),
    Called("GetCollector", "GET", f"{APP}/collectors/old", None, ("Collectors_Get",), 10000),
    Called("DeleteCollector", "DELETE", f"{APP}/collectors/old", {}, ("Collectors_Delete",)),
    Called("PostModels", "POST", f"{APP}/models", {"models": [{"id": "new"} | SERVED]}, ("Models_Add",)),
    Called("PatchModels", "PATCH", f"{APP}/models", PATCH | {"models": [{"id": "old"}]}, ("Models_Add",)),
    Called("DeleteModels", "DELETE", f"{APP}/models", {"ids": ["old"]}, ("Models_Delete",)),
    Called("DeleteModel", "DELETE", f"{APP}/models/old", {}, ("Models_Delete",)),
    Called("ListModels", "GET", f"{APP}/models", None, ("Models_Get",), 10000, 10000),
    Called("GetModel, private", "GET", f"{APP}/models/old", None, ("Models_Get",), 10000, 21200),
    Called("GetModel, public", "GET", f"{APP}/models/open", None, ("Models_Get",), 10000, 10000),
    Called("PostModelVersions", "POST", f"{APP}/models/old/versions", {"model_versions": [{"id": "three"}]}, ("Models_Add",)),
    Called("ListModelVersions, private", "GET", f"{APP}/models/old/versions", None, ("Models_Get",), 10000, 21200),
    Called("GetModelVersion, public", "GET", f"{APP}/models/open/versions/one", None, ("Models_Get",), 10000, 10000),
    Called("DeleteModelVersion", "DELETE", f"{APP}/models/old/versions/one", {}, ("Models_Delete",)),
    Called("PostWorkflows", "POST", f"{APP}/workflows", {"workflows": [{"id": "new", "nodes": NODES}]}, ("Workflows_Add",)),
    Called("PatchWorkflows", "PATCH", f"{APP}/workflows", PATCH | {"workflows": [{"id": "flow"}]}, ("Workflows_Add",)),
    Called("DeleteWorkflows", "DELETE", f"{APP}/workflows", {"ids": ["flow"]}, ("Workflows_Delete",)),
    Called("DeleteWorkflow", "DELETE", f"{APP}/workflows/flow", {}, ("Workflows_Delete",)),
    Called("ListWorkflows", "GET", f"{APP}/workflows", None, ("Workflows_Get",), 10000),
    Called("GetWorkflow", "GET", f"{APP}/workflows/flow", None, ("Workflows_Get",), 10000),
    Called(
        "PostKnowledgeGraphs", "POST", f"{APP}/concepts/knowledge_graphs", {"knowledge_graphs": [{"id": "g"}]}, ("KnowledgeGraphs_Add",)
    ),
    Called("ListKnowledgeGraphs", "GET", f"{APP}/concepts/knowledge_graphs", None, ("KnowledgeGraphs_Get",), 10000),
    Called("DeleteKnowledgeGraphs", "DELETE", f"{APP}/concepts/knowledge_graphs", {"delete_all": True}, ("KnowledgeGraphs_Delete",)),
    Called("PostAppKeys", "POST", f"{APP}/keys", {"keys": [{"id": "new", "scopes": ["Inputs_Get"]}]}, ("Keys_Add", "Inputs_Get")),
    Called("ListAppKeys", "GET", f"{APP}/keys", None, ("Keys_Get",)),
    Called("GetAppKey", "GET", f"{APP}/keys/ingest", None, ("Keys_Get",)),
    Called("DeleteAppKey", "DELETE", f"{APP}/keys/ingest", {}, ("Keys_Delete",)),
    Called("GetApp", "GET", APP, None, ("Apps_Get",), 10000),
    Called("PostDocuments", "POST", "/v2/documents", {"documents": [DOCUMENT]}, WRITE_COLLECTOR),
    Called("ListDocuments, collectors", "GET", f"/v2/documents?kind=Collector&{IN_QUALITY}", None, ("Collectors_Get",), 10000),
    Called("ListDocuments, models", "GET", f"/v2/documents?kind=Model&{IN_QUALITY}", None, ("Models_Get",), 10000, 10000),
    Called("ListDocuments, keys", "GET", f"/v2/documents?kind=Key&{IN_QUALITY}", None, ("Keys_Get",)),
    Called("ListDocuments, an app", "GET", "/v2/documents?kind=App&user_id=acme&id=quality", None, ("Apps_Get",), 10000),
    Called("DeleteDocument", "DELETE", f"/v2/documents?kind=Collector&{IN_QUALITY}&id=old", {}, ("Collectors_Delete",)),
    Called("DeleteDocument, a key", "DELETE", f"/v2/documents?kind=Key&{IN_QUALITY}&id=ingest", {}, ("Keys_Delete",)),
)
BY_TOKEN = (
    Called("PostApps", "POST", "/v2/users/acme/apps", {"apps": [{"id": "new"}]}, ("Apps_Add",), 11008),
    Called("PatchApps", "PATCH", "/v2/users/acme/apps", PATCH | {"apps": [{"id": "quality"}]}, ("Apps_Add",), 11008),
    Called("ListApps", "GET", "/v2/users/acme/apps", None, ("Apps_Get",), 11008),
    Called("PostKeys", "POST", "/v2/users/acme/keys", {"keys": [{"scopes": ["Inputs_Get"]}]}, ("Keys_Add", "Inputs_Get"), 11008),
    Called("ListKeys", "GET", "/v2/users/acme/keys", None, ("Keys_Get",), 11008),
    Called("GetKey", "GET", "/v2/users/acme/keys/token", None, ("Keys_Get",), 11008),
    Called("DeleteKey", "DELETE", "/v2/users/acme/keys/token", {}, ("Keys_Delete",), 11008),
    Called("PostDocuments, an app", "POST", "/v2/documents", {"documents": [APP_DOCUMENT]}, ("Apps_Add",), 11008),
    Called("DeleteDocument, an app", "DELETE", "/v2/documents?kind=App&user_id=acme&id=quality", {}, ("Apps_Delete",), 11008),
    Called("DeleteDocument, a token", "DELETE", "/v2/documents?kind=Key&user_id=acme&id=token", {}, ("Keys_Delete",), 11008),
)
EVERY = (*CALLS, *BY_TOKEN)
ALL_SCOPES = tuple(sorted(SCOPES))


def keys(scopes: tuple[str, ...] = ALL_SCOPES) -> tuple[Key, ...]:
    return (
        Key("acme", "", "token", scopes, sha256_of(SECRETS["owner's token"])),
        Key("acme", "quality", "own", scopes, sha256_of(SECRETS["owner's key"])),
        Key("ann", "", "token", scopes, sha256_of(SECRETS["collaborator"])),
        Key("zoe", "", "token", scopes, sha256_of(SECRETS["other user"])),
        Key("acme", "other", "own", scopes, sha256_of(SECRETS["key of another app"])),
    )


@pytest.fixture(scope="module")
def shared() -> Iterator[Api]:
    """One API for all that is refused: nothing changes in it."""
    with api((*HERE, *keys())) as found:
        yield found


def called(there: Api, call: Called, secret: str | None) -> int:
    return code(there.ask(call.method, call.path, secret, json=call.body) if call.body is not None else there.get(call.path, secret))


def refused(there: Api, call: Called, secret: str | None, wanted: int) -> None:
    before = len(there.cluster.orders)
    assert called(there, call, secret) == wanted
    assert not [order for order in there.cluster.orders[before:] if order.changes], "nothing is written where it is refused"


def named(calls: tuple[Called, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("call", calls, ids=[call.name for call in calls])


@named(EVERY)
def test_without_a_key_with_an_unknown_or_a_revoked_one_nobody_is_let_in(shared: Api, call: Called) -> None:
    refused(shared, call, None, 11008)
    refused(shared, call, "guessed", 11009)
    revoked = Key("acme", "", "gone", ALL_SCOPES, sha256_of("revoked"))
    shared.cluster.put(revoked)
    shared.cluster.drop(revoked)
    refused(shared, call, "revoked", 11009)


@named(EVERY)
def test_the_owner_is_let_in_by_a_token(call: Called) -> None:
    with api((*HERE, *keys())) as there:
        made_two_versions(there)
        assert called(there, call, SECRETS["owner's token"]) == 10000


@named(CALLS)
def test_the_owner_is_let_in_by_the_apps_own_key(call: Called) -> None:
    with api((*HERE, *keys())) as there:
        made_two_versions(there)
        assert called(there, call, SECRETS["owner's key"]) == 10000


@named(BY_TOKEN)
def test_an_apps_own_key_says_nothing_about_its_users_other_business(shared: Api, call: Called) -> None:
    refused(shared, call, SECRETS["owner's key"], 11008)


@named(EVERY)
def test_a_collaborator_reads_and_does_not_write(shared: Api, call: Called) -> None:
    refused(shared, call, SECRETS["collaborator"], call.collaborator)


@named(EVERY)
def test_another_user_sees_public_models_and_nothing_else(shared: Api, call: Called) -> None:
    refused(shared, call, SECRETS["other user"], call.stranger)


@named(EVERY)
def test_a_key_of_another_app_opens_what_a_stranger_sees(shared: Api, call: Called) -> None:
    refused(shared, call, SECRETS["key of another app"], call.stranger)


@pytest.mark.parametrize(
    ("call", "scope"), [(call, scope) for call in EVERY for scope in call.scopes], ids=lambda each: getattr(each, "name", each)
)
def test_each_scope_that_a_call_needs_is_missed(call: Called, scope: str) -> None:
    """A key with every other scope is told which one it lacks."""
    less = tuple(each for each in ALL_SCOPES if each not in {scope, "PostInputs"})
    with api((*HERE, *keys(less))) as there:
        before = len(there.cluster.orders)
        answer = there.ask(call.method, call.path, SECRETS["owner's token"], json=call.body or {})
        assert (code(answer), scope in answer.json()["status"]["details"]) == (11007, True)
        assert not [order for order in there.cluster.orders[before:] if order.changes]


@named(tuple(call for call in CALLS if call.name in {"PostCollectors", "PatchCollectors", "PostDocuments"}))
@pytest.mark.parametrize("plan", ["", "community"])
def test_an_app_whose_plan_has_no_collectors_gets_none(call: Called, plan: str) -> None:
    with api((*HERE[1:], App("acme", "quality", plan), *keys())) as there:
        refused(there, call, SECRETS["owner's token"], 11000)


def test_a_request_that_names_another_app_than_its_path_is_refused(shared: Api) -> None:
    token = SECRETS["owner's token"]
    assert code(shared.get(f"{APP}/collectors", token, **{"user_app_id.app_id": "other"})) == 11102
    assert code(shared.post(f"{APP}/collectors", token, user_app_id={"user_id": "zoe"}, collectors=[NEW])) == 11102


def made_two_versions(there: Api) -> None:
    """So that the older one can be deleted."""
    assert code(there.post(f"{APP}/models/old/versions", SECRETS["owner's token"], model_versions=[{"id": "one"}])) == 10000
    del there.cluster.orders[:]
