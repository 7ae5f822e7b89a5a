"""The published client, unchanged, in an environment of its own, against `collectors serve` on a real broker."""

from __future__ import annotations

import json
import secrets
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from processor.resources import SCOPES
from processor.rest.status import Code
from processor.settings import Settings
from tests.support.clarifai import VERSION, Client, client_python
from tests.support.embedded_destination import PNG, base64_of
from tests.support.processes import collectors
from tests.support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.brokers import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

QUALITY = {"user_app_id": {"user_id": "acme", "app_id": "quality"}}
POOR = {"user_app_id": {"user_id": "acme", "app_id": "poor"}}
APPS = "{kind: App, user_id: acme, id: quality, plan: professional}\n---\n{kind: App, user_id: acme, id: poor}\n"
PUBLIC = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general-image-recognition", "post_inputs_key_id": "ingest"}
SAMPLER = {"id": "tenth", "model_type_id": "random-sample", "output_info": {"params": {"keep_fraction": 0.1}}}
PATCH = {"action": "overwrite"}
ACTIVE, INACTIVE = "COLLECTOR_ACTIVE", "COLLECTOR_INACTIVE"


def collector(collector_id: str, **fields: Any) -> dict[str, Any]:
    """A collector of the public General model: one call in four."""
    source = PUBLIC | fields.pop("source", {})
    given = {"id": collector_id, "pre_queue_random_sample": 0.25, "collector_source": {"api_post_model_outputs_collector_source": source}}
    return given | fields


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str]]:
    """The client with a personal access token, and the secret of a key that may little.

    The API is on topics of its own, in which one app may have collectors and one may not.
    """
    folder, prefix = tmp_path_factory.mktemp("serve"), f"t{secrets.token_hex(3)}-"
    settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix, instance=f"{prefix}host")
    assert collectors(settings, "topics", "apply", cwd=folder).returncode == 0
    assert collectors(settings, "apply", "-f", "-", cwd=folder, input=APPS).returncode == 0
    token, little = (made_key(settings, folder, key_id, scopes) for key_id, scopes in (("token", sorted(SCOPES)), ("little", ["Keys_Add"])))
    with Serving(settings, folder) as api, Client(api.url, token) as there:
        for app in (QUALITY, POOR):
            assert there.call("PostKeys", **app, keys=[{"id": "ingest", "scopes": ["PostInputs"]}])["names"] == ["SUCCESS"]
        yield there, little


def made_key(settings: Settings, folder: Path, key_id: str, scopes: list[str]) -> str:
    """The secret of a new personal access token; the client's own message for a key shows none."""
    made = collectors(settings, "keys", "create", "--user", "acme", "--id", key_id, "--scopes", ",".join(scopes), "--json", cwd=folder)
    secret: str = json.loads(made.stdout)["secret"]
    return secret


@pytest.fixture
def client(world: tuple[Client, str]) -> Client:
    return world[0]


UNCHANGED = """
import base64, hashlib, importlib.metadata, importlib.util
found = importlib.metadata.distribution("clarifai-grpc")
for file in found.files:
    if file.hash:
        digest = hashlib.new(file.hash.mode, file.locate().read_bytes()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value, file
assert importlib.util.find_spec("processor") is None
print(found.version)
"""


def test_the_client_is_the_published_one_and_alone() -> None:
    """Every file of it is as its package lists it, and nothing of this package is beside it."""
    ran = subprocess.run([client_python(), "-I", "-c", UNCHANGED], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, VERSION), ran.stderr


def test_collectors_are_posted_read_listed_changed_and_deleted(client: Client) -> None:
    made = client.call("PostCollectors", **QUALITY, collectors=[collector("a", description="mine"), collector("b")])
    assert made["names"] == ["SUCCESS", ACTIVE, ACTIVE]
    (first, _) = made["collectors"]
    assert (first["pre_queue_random_sample"], first["description"]) == (0.25, "mine")
    assert first["collector_source"] == {"api_post_model_outputs_collector_source": PUBLIC}
    assert client.call("GetCollector", **QUALITY, collector_id="a")["collector"] == first
    assert [each["id"] for each in client.call("ListCollectors", **QUALITY, page=2, per_page=1)["collectors"]] == ["b"]
    paused = client.call("PatchCollectors", **QUALITY, **PATCH, collectors=[{"id": "a", "status": {"code": INACTIVE}}])
    assert (paused["names"], paused["collectors"][0]["status"]["details"]) == (["SUCCESS", INACTIVE], "paused")
    assert client.call("PatchCollectors", **QUALITY, **PATCH, collectors=[{"id": "a", "description": "yours"}])["names"][1] == INACTIVE
    back = client.call("PatchCollectors", **QUALITY, **PATCH, collectors=[{"id": "a", "status": {"code": ACTIVE}}])
    assert (back["names"][1], back["collectors"][0]["description"]) == (ACTIVE, "yours")
    assert client.call("DeleteCollectors", **QUALITY, ids=["a"])["names"] == ["SUCCESS"]
    assert client.call("GetCollector", **QUALITY, collector_id="a")["names"] == ["COLLECTOR_MISSING"]
    assert client.call("DeleteCollectors", **QUALITY, delete_all=True)["names"] == ["SUCCESS"]
    assert "collectors" not in client.call("ListCollectors", **QUALITY)


EXTENSIONS = {
    "quota": {"per_hour": 100, "total": 5_000},
    "duplicates": {"by": ["content", "input_id"], "window_count": 500, "window_seconds": 3600, "image_distance": 4, "text_similarity": 0.8},
    "tags": ["night", "site:oslo"],
    "dataset_ids": ["relabel"],
}


def asked(client: Client, method: str, **body: Any) -> Any:
    """A request about collectors that is made without the client; the collector in the answer."""
    url = f"{client.base_url}/v2/users/acme/apps/quality/collectors"
    answer = httpx.request(method, url, headers={"Authorization": f"Key {client.secret}"}, json=body or None)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["collectors"]
    return found


def test_fields_of_our_own_are_passed_over_by_the_client_and_outlive_what_it_changes(client: Client) -> None:
    made = asked(client, "POST", collectors=[collector("extended", **EXTENSIONS)])
    assert {name: made[name] for name in EXTENSIONS} == EXTENSIONS
    read = client.call("ListCollectors", **QUALITY)["collectors"][0]
    assert read.keys().isdisjoint(EXTENSIONS), "the published message has no such fields"
    assert client.call("PatchCollectors", **QUALITY, **PATCH, collectors=[read | {"description": "yours"}])["names"] == ["SUCCESS", ACTIVE]
    assert asked(client, "GET") == made | {"description": "yours"}
    changed = asked(client, "PATCH", **PATCH, collectors=[{"id": "extended", "tags": ["day"], "datasetIds": []}])
    assert (changed["tags"], changed.get("dataset_ids"), changed["quota"]) == (["day"], None, EXTENSIONS["quota"])
    assert client.call("DeleteCollectors", **QUALITY, delete_all=True)["names"] == ["SUCCESS"]


def test_models_and_their_versions(client: Client) -> None:
    posted = client.call("PostModels", **QUALITY, models=[SAMPLER | {"name": "A tenth"}])
    assert posted["names"] == ["SUCCESS"]
    first = posted["model"]["model_version"]["id"]
    assert posted["model"]["output_info"] == {"params": {"keep_fraction": 0.1}}
    fifth = {"output_info": {"params": {"keep_fraction": 0.2}}}
    second = client.call("PostModelVersions", **QUALITY, model_id="tenth", model_versions=[fifth])["model"]["model_version"]["id"]
    versions = client.call("ListModelVersions", **QUALITY, model_id="tenth")["model_versions"]
    assert [each["id"] for each in versions] == [second, first]
    assert client.call("GetModelVersion", **QUALITY, model_id="tenth", version_id=first)["model_version"] == versions[1]
    assert client.call("GetModel", **QUALITY, model_id="tenth")["model"]["output_info"] == fifth["output_info"]
    assert client.call("GetModel", **QUALITY, model_id="tenth", version_id=first)["model"]["model_version"] == versions[1]
    assert client.call("DeleteModelVersion", **QUALITY, model_id="tenth", version_id=second)["names"] == ["SUCCESS"]
    assert client.call("GetModelVersion", **QUALITY, model_id="tenth", version_id=second)["names"] == ["MODEL_DOES_NOT_EXIST"]
    shared = {"id": "tenth", "visibility": {"gettable": "PUBLIC"}}
    assert client.call("PatchModels", **QUALITY, **PATCH, models=[shared])["models"][0]["visibility"] == {"gettable": 50}
    for found in ({"name": "a TENTH"}, {"search": "tenth"}, {"model_type_id": "random-sample"}):  # its own `query` the client cannot send
        assert [each["id"] for each in client.call("ListModels", **QUALITY, per_page=10, **found)["models"]] == ["tenth"]
    assert "models" not in client.call("ListModels", **QUALITY, name="hundredth")
    assert client.call("DeleteModel", **QUALITY, model_id="tenth")["names"] == ["SUCCESS"]
    assert client.call("DeleteModels", **QUALITY, ids=["tenth"])["names"] == ["MODEL_DOES_NOT_EXIST"]


def test_every_operator_is_made_with_the_numbers_that_protobuf_has(client: Client) -> None:
    """All of them are floats there: the third comparison is 3.0."""
    concepts = {"concepts": [{"id": "dog", "value": 0.9}, {"id": "cat", "value": 0.0}]}
    params: dict[str, dict[str, Any]] = {
        "random-sample": {"params": {"keep_fraction": 1}},
        "concept-threshold": {"data": concepts, "params": {"concept_threshold_type": 3}},
        "region-threshold": {"data": concepts, "params": {"concept_threshold_type": "EQUAL"}},
        "max-probability": {"params": {"value": 0.5, "concept_threshold_type": 1}},
        "min-probability": {"params": {"value": 0}},
        "metadata-filter": {"params": {"metadata": {"camera": {"$gt": 7}, "ok": True, "tags": ["a", 1], "nothing": None}}},
        "concept-synonym-mapper": {"params": {"knowledge_graph_id": "graph"}, "data": concepts},
        "close-to-threshold": {"params": {"threshold": 0.5, "epsilon": 0.1, "minimum_objects_close_to_threshold": 2}},
    }
    for model_type, info in params.items():
        made = client.call("PostModels", **QUALITY, models=[{"id": model_type, "model_type_id": model_type, "output_info": info}])
        assert made["names"] == ["SUCCESS"], made
        assert client.call("GetModel", **QUALITY, model_id=model_type)["model"]["output_info"]["params"] == info["params"], model_type
    assert client.call("DeleteModels", **QUALITY, ids=list(params))["names"] == ["SUCCESS"]


def test_workflows_are_posted_read_listed_changed_and_deleted(client: Client) -> None:
    client.call("PostModels", **QUALITY, models=[SAMPLER])
    version = client.call("GetModel", **QUALITY, model_id="tenth")["model"]["model_version"]["id"]
    second = {"id": "again", "model": {"id": "tenth", "model_version": {"id": version}}, "node_inputs": [{"node_id": "first"}]}
    override = {"output_info_override": {"params": {"keep_fraction": 0.5}}}
    nodes = [{"id": "first", "model": {"id": "tenth"}, "suppress_output": True, **override}, second]
    assert client.call("PostWorkflows", **QUALITY, workflows=[{"id": "twice", "nodes": nodes}])["names"] == ["SUCCESS"]
    read = client.call("GetWorkflow", **QUALITY, workflow_id="twice")["workflow"]
    assert read["nodes"] == nodes
    assert client.call("PatchWorkflows", **QUALITY, **PATCH, workflows=[{"id": "twice", "description": "mine"}])["names"] == ["SUCCESS"]
    assert client.call("ListWorkflows", **QUALITY, per_page=5)["workflows"] == [read | {"description": "mine"}]
    running = collector("running", pre_queue_workflow_id="twice")
    assert client.call("PostCollectors", **QUALITY, collectors=[running])["names"] == ["SUCCESS", ACTIVE]
    assert client.call("DeleteWorkflow", **QUALITY, workflow_id="twice")["names"] == ["SUCCESS"]
    stopped = client.call("GetCollector", **QUALITY, collector_id="running")["collector"]["status"]
    assert (stopped["code"], stopped["details"]) == (Code.COLLECTOR_INACTIVE, "workflow acme/quality/twice does not exist")
    client.call("DeleteCollectors", **QUALITY, delete_all=True)
    assert client.call("DeleteWorkflows", **QUALITY, delete_all=True)["names"] == ["SUCCESS"]
    assert client.call("DeleteModels", **QUALITY, delete_all=True)["names"] == ["SUCCESS"]


def test_what_the_client_read_it_can_send_back(client: Client) -> None:
    client.call("PostModels", **QUALITY, models=[SAMPLER])
    client.call("PostWorkflows", **QUALITY, workflows=[{"id": "sample", "nodes": [{"id": "n", "model": {"id": "tenth"}}]}])
    client.call("PostCollectors", **QUALITY, collectors=[collector("c", pre_queue_workflow_id="sample")])
    for what, read in (("Collectors", "ListCollectors"), ("Models", "ListModels"), ("Workflows", "ListWorkflows")):
        before = client.call(read, **QUALITY)
        again = client.call(f"Patch{what}", **QUALITY, **PATCH, **{what.lower(): before[what.lower()]})
        assert again["names"][0] == "SUCCESS", again
        assert client.call(read, **QUALITY)[what.lower()] == before[what.lower()]
    model = client.call("GetModel", **QUALITY, model_id="tenth")["model"]
    node = {"id": "n", "model": model}
    assert client.call("PostWorkflows", **QUALITY, workflows=[{"id": "whole", "nodes": [node]}])["names"] == ["SUCCESS"]
    for what in ("Collectors", "Workflows", "Models"):
        assert client.call(f"Delete{what}", **QUALITY, delete_all=True)["names"] == ["SUCCESS"]


def test_knowledge_graphs_keys_and_apps_as_far_as_the_client_knows_them(client: Client) -> None:
    """Its knowledge graph has no relations, and its key no secret: those are read elsewhere."""
    assert client.call("PostKnowledgeGraphs", **QUALITY, knowledge_graphs=[{"id": "g", "description": "mine"}])["names"] == ["SUCCESS"]
    assert client.call("ListKnowledgeGraphs", **QUALITY)["knowledge_graphs"] == [{"id": "g", "description": "mine"}]
    app_key = {"id": "reader", "scopes": ["Models_Get"], "apps": [{"id": "quality", "user_id": "acme"}]}
    made = client.call("PostKeys", **QUALITY, keys=[app_key])
    assert (made["names"], made["keys"][0]["apps"]) == (["SUCCESS"], app_key["apps"])
    assert [each["id"] for each in client.call("ListAppKeys", **QUALITY)["keys"]] == ["ingest", "reader"]
    assert [each["id"] for each in client.call("ListKeys", user_app_id={"user_id": "acme"})["keys"]] == ["little", "token"]
    assert client.call("GetKey", **QUALITY, key_id="reader")["key"] == made["keys"][0]
    assert client.call("DeleteKey", **QUALITY, key_id="reader")["names"] == ["SUCCESS"]
    assert client.call("GetKey", **QUALITY, key_id="reader")["names"] == ["CONN_DOES_NOT_EXIST"]
    assert client.call("PostApps", user_app_id={"user_id": "acme"}, apps=[{"id": "new"}])["names"] == ["SUCCESS"]
    patched = client.call("PatchApps", user_app_id={"user_id": "acme"}, **PATCH, apps=[{"id": "new", "description": "mine"}])
    assert (patched["names"], patched["apps"][0]["description"]) == (["SUCCESS"], "mine")
    assert [each["id"] for each in client.call("ListApps", user_app_id={"user_id": "me"})["apps"]] == ["new", "poor", "quality"]
    assert client.call("GetApp", **QUALITY)["app"]["id"] == "quality"


def test_inputs_are_posted_listed_read_and_deleted(client: Client) -> None:
    picture = {"id": "picture", "data": {"image": {"base64": base64_of(PNG)}, "metadata": {"site": "nyc", "camera": 7, "on": [True, None]}}}
    text = {
        "id": "text",
        "dataset_ids": ["relabel"],
        "data": {"text": {"raw": "a cat"}, "concepts": [{"id": "cat", "value": 1.0}, {"id": "dog", "value": 0.25}]},
    }
    assert client.call("PostInputs", **QUALITY, inputs=[picture, text])["names"] == ["SUCCESS", "INPUT_SUCCESS", "INPUT_SUCCESS"]
    again = client.call("PostInputs", **QUALITY, inputs=[text, {"id": "new", "data": {"text": {"raw": "b"}}}])
    assert again["names"] == ["MIXED_STATUS", "INPUT_DUPLICATE", "INPUT_SUCCESS"]
    listed = client.call("ListInputs", **QUALITY, page=1, per_page=10)["inputs"]
    assert [each["id"] for each in listed] == ["picture", "text", "new"]
    assert listed[0]["data"]["metadata"] == picture["data"]["metadata"]
    assert (listed[1]["data"], listed[1]["dataset_ids"]) == (text["data"], ["relabel"])
    assert client.call("GetInput", **QUALITY, input_id="text")["input"] == listed[1]
    assert client.call("DeleteInput", **QUALITY, input_id="text")["names"] == ["SUCCESS"]
    assert client.call("DeleteInputs", **QUALITY, ids=["picture", "new"])["names"] == ["SUCCESS"]
    assert client.call("GetInput", **QUALITY, input_id="text")["names"] == ["INPUT_DOES_NOT_EXIST"]


CYCLE = [{"id": each, "model": {"id": "m"}, "node_inputs": [{"node_id": other}]} for each, other in (("a", "b"), ("b", "a"))]
REFUSED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("COLLECTOR_MISSING", "GetCollector", {"collector_id": "none"}),
    ("COLLECTOR_MISSING", "DeleteCollectors", {"ids": ["none"]}),
    ("COLLECTOR_MISSING", "PatchCollectors", PATCH | {"collectors": [{"id": "none"}]}),
    ("MODEL_DOES_NOT_EXIST", "GetModel", {"model_id": "none"}),
    ("MODEL_DOES_NOT_EXIST", "PostWorkflows", {"workflows": [{"id": "w", "nodes": [{"id": "n", "model": {"id": "none"}}]}]}),
    ("WORKFLOW_DOES_NOT_EXIST", "GetWorkflow", {"workflow_id": "none"}),
    ("WORKFLOW_DOES_NOT_EXIST", "PostCollectors", {"collectors": [collector("c", post_queue_workflow_id="none")]}),
    ("WORKFLOW_INVALID_GRAPH", "PostWorkflows", {"workflows": [{"id": "w", "nodes": CYCLE}]}),
    ("CONN_KEY_NOT_FOUND", "PostCollectors", {"collectors": [collector("c", source={"post_inputs_key_id": "none"})]}),
    ("CONN_INVALID_REQUEST", "PostCollectors", {"collectors": [collector("c", pre_queue_random_sample=3)]}),
    ("CONN_INVALID_REQUEST", "PatchCollectors", {"collectors": [{"id": "c"}], "action": "merge"}),
    ("CONN_INVALID_REQUEST", "DeleteCollectors", {}),
    ("CONN_INVALID_REQUEST", "PostCollectors", {}),
    ("CONN_EXCEEDS_LIMITS", "PostCollectors", {"collectors": [collector(f"c{number}") for number in range(129)]}),
    ("CONN_INSUFFICIENT_SCOPES", "PostKeys", {"keys": [{"id": "more", "scopes": ["Inputs_Get"]}], "with": "little"}),
    ("CONN_KEY_NOT_FOUND", "ListCollectors", {"with": "guessed"}),
    ("CONN_KEY_INVALID", "ListCollectors", {"user_app_id": {"user_id": "zoe", "app_id": "farm"}}),
    ("CONN_ACCOUNT_ISSUES", "PostCollectors", POOR | {"collectors": [collector("c")]}),
    ("FAILURE", "PostCollectors", {"collectors": [collector("c", pre_queue_random_sample=3), collector("d", post_queue_workflow_id="w")]}),
    ("CONN_DOES_NOT_EXIST", "GetUser", {}),
    ("CONN_METHOD_NOT_ALLOWED", "DeleteApp", {}),
    ("MIXED_STATUS", "PostModels", {"models": [SAMPLER | {"id": "kept"}, {"id": "m", "model_type_id": "random-sample"}]}),
    ("INPUT_UNSUPPORTED_FORMAT", "PostInputs", {"inputs": [{"id": "x", "data": {"image": {"base64": base64_of(b"no image")}}}]}),
)  # fmt: skip


@pytest.mark.parametrize(("name", "call", "wanted"), REFUSED, ids=[f"{call}, {name}" for name, call, _ in REFUSED])
def test_what_is_refused_comes_as_the_clients_own_code(world: tuple[Client, str], name: str, call: str, wanted: dict[str, Any]) -> None:
    client, little = world
    given = QUALITY | wanted
    answer = client.call(call, {None: None, "little": little}.get(key := given.pop("with", None), key), **given)
    assert answer["names"][0] == name, answer
    assert answer["status"]["description"]
    assert len(answer["status"]["req_id"]) == 32
