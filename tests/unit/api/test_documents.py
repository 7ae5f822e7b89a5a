"""Collectors, models and workflows over HTTP: made, read, changed, deleted; each item whole or absent, with its own status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import APP, COLLECTORS, MODELS, OWN, WORKFLOWS, code, collector

if TYPE_CHECKING:
    from tests.support.api import Api

GRAPHS = f"{APP}/concepts/knowledge_graphs"


def test_a_collector_is_made_read_changed_listed_and_deleted(there: Api) -> None:
    made = there.post(COLLECTORS, collectors=[collector(description="mine")])
    assert (made.status_code, code(made)) == (200, 10000)
    (item,) = made.json()["collectors"]
    assert item["status"] == {"code": 52001, "description": "Collector is active"}
    assert there.get(f"{COLLECTORS}/c").json()["collector"] == item
    assert code(there.patch(COLLECTORS, collectors=[{"id": "c", "description": "yours"}])) == 10000
    (listed,) = there.get(COLLECTORS).json()["collectors"]
    assert listed == item | {"description": "yours"}
    assert code(there.delete(COLLECTORS, ids=["c"])) == 10000
    assert code(there.get(f"{COLLECTORS}/c")) == 52000
    assert there.get(COLLECTORS).json()["collectors"] == []


def test_the_app_may_be_left_to_the_key(there: Api) -> None:
    assert code(there.post("/v2/collectors", OWN, collectors=[collector()])) == 10000
    assert there.get("/v2/collectors/c", OWN).json()["collector"] == there.get(f"{COLLECTORS}/c").json()["collector"]
    assert code(there.get("/v2/collectors")) == 11008, "a token does not say which app"
    named = there.post("/v2/collectors", user_app_id={"user_id": "me", "app_id": "quality"}, collectors=[collector("d")])
    assert code(named) == 10000


def test_both_spellings_and_names_of_enums_are_taken(there: Api) -> None:
    source = {"modelUserId": "clarifai", "modelAppId": "main", "modelId": "general", "postInputsKeyId": "ingest"}
    camel = {
        "id": "c",
        "preQueueRandomSample": "0.25",
        "status": {"code": "COLLECTOR_INACTIVE"},
        "collectorSource": {"apiPostModelOutputsCollectorSource": source},
    }
    (item,) = there.post(COLLECTORS, collectors=[camel]).json()["collectors"]
    assert item["pre_queue_random_sample"] == 0.25
    assert item["status"]["code"] == 52002
    assert item["status"]["details"] == "paused"
    model = {"id": "m", "modelTypeId": "visual", "visibility": {"gettable": 50}, "outputInfo": {"params": {"keepThisName": 1}}}
    (made,) = there.post(MODELS, models=[model]).json()["models"]
    assert made["visibility"] == {"gettable": "PUBLIC"}
    assert made["output_info"] == {"params": {"keepThisName": 1}}, "names of parameters are the model's own"


def test_a_patch_keeps_what_is_not_sent_and_a_pause_above_all(there: Api) -> None:
    there.post(COLLECTORS, collectors=[collector(pre_queue_random_sample=0.5)])
    there.patch(COLLECTORS, collectors=[{"id": "c", "status": {"code": 52002}}])
    (item,) = there.patch(COLLECTORS, collectors=[{"id": "c", "description": "still paused"}]).json()["collectors"]
    assert (item["status"]["code"], item["pre_queue_random_sample"]) == (52002, 0.5)
    (item,) = there.patch(COLLECTORS, collectors=[{"id": "c", "status": {"code": 52001}}]).json()["collectors"]
    assert (item["status"]["code"], item["description"]) == (52001, "still paused")
    assert code(there.patch(COLLECTORS, action="merge", collectors=[{"id": "c"}])) == 11102
    assert code(there.patch(COLLECTORS, collectors=[{"id": "none"}])) == 52000


def test_items_are_whole_or_absent_each_with_its_own_status(there: Api) -> None:
    good, bad, twice = collector("a"), collector("b", pre_queue_workflow_id="none"), collector("a", description="again")
    answer = there.post(COLLECTORS, collectors=[good, bad, twice])
    assert (answer.status_code, code(answer)) == (207, 10010)
    assert [item["status"]["code"] for item in answer.json()["collectors"]] == [52001, 22102, 11102]
    assert [item["id"] for item in there.get(COLLECTORS).json()["collectors"]] == ["a"]
    assert len(there.cluster.orders) == 1


def test_all_failed_is_told_by_the_one_code_or_as_a_failure(there: Api) -> None:
    missing = collector("b", pre_queue_workflow_id="none")
    assert code(there.post(COLLECTORS, collectors=[missing, missing | {"id": "c"}])) == 22102
    assert code(there.post(COLLECTORS, collectors=[missing, collector("d", source={"post_inputs_key_id": "none"})])) == 10020
    assert there.cluster.orders == [] or all(not order.changes for order in there.cluster.orders)


def test_everything_wrong_with_an_item_is_told_at_once_with_path_rule_and_code(there: Api) -> None:
    wrong = collector("c", pre_queue_workflow_id="none", source={"post_inputs_key_id": "nokey", "model_user_id": "bob"})
    (item,) = there.post(COLLECTORS, collectors=[wrong]).json()["collectors"]
    assert item["status"]["code"] == 11102
    for part in ("pre_queue_workflow_id: ", "(22102)", "post_inputs_key_id: ", "(11009)", "model_id: ", "(21200)"):
        assert part in item["status"]["details"]
    (item,) = there.post(COLLECTORS, collectors=[collector("c", colour="red", pre_queue_random_sample=3)]).json()["collectors"]
    assert "colour: " in item["status"]["details"]
    assert "pre_queue_random_sample: " in item["status"]["details"]


def test_a_source_may_be_named_by_its_models_name(there: Api) -> None:
    named = collector(source={"model_user_id": "acme", "model_app_id": "quality", "model_id": "Keep a tenth"})
    (item,) = there.post(COLLECTORS, collectors=[named]).json()["collectors"]
    assert item["collector_source"]["api_post_model_outputs_collector_source"]["model_id"] == "keep-a-tenth"
    unknown = collector("d", source={"model_user_id": "acme", "model_app_id": "quality", "model_id": "Keep nothing"})
    assert code(there.post(COLLECTORS, collectors=[unknown])) == 11102


def test_models_are_found_by_name_and_by_type(there: Api) -> None:
    def found(**query: str) -> list[str]:
        return [item["id"] for item in there.get(MODELS, **query).json()["models"]]

    assert found() == ["keep-a-tenth", "shared"]
    assert found(name="TENTH") == ["keep-a-tenth"]
    assert found(model_type_id="visual-classifier") == ["shared"]
    assert found(name="tenth", model_type_id="visual-classifier") == []
    assert code(there.get(MODELS, colour="red")) == 11102


def test_pages_follow_one_another(there: Api) -> None:
    there.post(MODELS, models=[{"id": f"m{i}", "model_type_id": "t"} for i in range(5)])
    pages = [[item["id"] for item in there.get(MODELS, page=page, per_page=3).json()["models"]] for page in (1, 2, 3, 4)]
    assert pages == [["keep-a-tenth", "m0", "m1"], ["m2", "m3", "m4"], ["shared"], []]
    for query in ({"page": 0}, {"per_page": 1001}, {"page": "x"}):
        assert code(there.get(MODELS, **query)) == 11102


def test_versions_of_a_model_stay_for_workflows_that_name_them(there: Api) -> None:
    half = {"model_version": {"id": "half", "output_info": {"params": {"keep_fraction": 0.5}}}}
    (model,) = there.post(MODELS, models=[{"id": "m", "model_type_id": "random-sample"} | half]).json()["models"]
    assert model["model_version"]["id"] == "half"
    posted = there.post(f"{MODELS}/m/versions", model_versions=[{"output_info": {"params": {"keep_fraction": 0.1}}}])
    newest = posted.json()["model"]["model_version"]["id"]
    assert posted.json()["model"]["output_info"] == {"params": {"keep_fraction": 0.1}}
    then = there.get(f"{MODELS}/m", version_id="half").json()["model"]
    assert (then["model_version"]["id"], then["output_info"]) == ("half", {"params": {"keep_fraction": 0.5}})
    assert code(there.get(f"{MODELS}/m", version_id="none")) == 21200
    assert [version["id"] for version in there.get(f"{MODELS}/m/versions").json()["model_versions"]] == [newest, "half"]
    old = there.get(f"{MODELS}/m/versions/half").json()["model_version"]
    assert old["output_info"] == {"params": {"keep_fraction": 0.5}}
    node = {"id": "n", "model": {"id": "m", "model_version": {"id": "half"}}}
    assert code(there.post(WORKFLOWS, workflows=[{"id": "w", "nodes": [node]}])) == 10000
    gone = {"id": "n", "model": {"id": "m", "model_version": {"id": "gone"}}}
    assert code(there.post(WORKFLOWS, workflows=[{"id": "x", "nodes": [gone]}])) == 21200
    assert code(there.delete(f"{MODELS}/m/versions/{newest}")) == 10000
    assert there.get(f"{MODELS}/m").json()["model"]["model_version"]["id"] == "half"
    assert code(there.delete(f"{MODELS}/m/versions/half")) == 11102, "the only one"
    wrong = there.post(f"{MODELS}/m/versions", model_versions=[{"output_info": {"params": {"keep_fraction": 7}}}])
    assert (code(wrong), "keep_fraction" in wrong.json()["status"]["details"]) == (11102, True)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([{"id": "a", "model": {"id": "none"}}], 21200),
        ([{"id": "a", "model": {"id": "keep-a-tenth"}, "node_inputs": [{"node_id": "b"}]}], 22107),
        (
            [
                {"id": "a", "model": {"id": "keep-a-tenth"}, "node_inputs": [{"node_id": "b"}]},
                {"id": "b", "model": {"id": "keep-a-tenth"}, "node_inputs": [{"node_id": "a"}]},
            ],
            22107,
        ),
        ([{"id": "a", "model": {"id": "keep-a-tenth"}, "suppress_output": True}], 22107),
    ],
    ids=["no such model", "no such node", "a cycle", "no leaf"],
)
def test_a_workflow_that_cannot_run_is_refused_with_its_code(there: Api, nodes: list[object], said: int) -> None:
    assert code(there.post(WORKFLOWS, workflows=[{"id": "w", "nodes": nodes}])) == said


def test_a_served_model_before_the_queue_is_refused(there: Api) -> None:
    there.post(WORKFLOWS, workflows=[{"id": "served", "nodes": [{"id": "a", "model": {"id": "shared"}}]}])
    assert code(there.post(COLLECTORS, collectors=[collector(pre_queue_workflow_id="served")])) == 22107


def test_posting_models_answers_with_one_model_as_the_contract_has_it(there: Api) -> None:
    made = there.post(MODELS, models=[{"id": "m", "model_type_id": "visual"}]).json()
    assert [made["model"]] == made["models"]


def test_a_node_may_carry_all_that_was_read_of_its_model(there: Api) -> None:
    model = there.get(f"{MODELS}/keep-a-tenth").json()["model"]
    assert code(there.post(WORKFLOWS, workflows=[{"id": "w", "nodes": [{"id": "n", "model": model}]}])) == 10000


def test_what_is_read_can_be_sent_back(there: Api) -> None:
    there.post(COLLECTORS, collectors=[collector()])
    for path, plural, singular in (
        (COLLECTORS, "collectors", "collector"),
        (MODELS, "models", "model"),
        (WORKFLOWS, "workflows", "workflow"),
    ):
        (item, *_) = there.get(path).json()[plural]
        assert code(there.patch(path, **{plural: [item]})) == 10000
        assert there.get(f"{path}/{item['id']}").json()[singular] == item


def test_all_documents_of_an_app_go_with_delete_all_and_nothing_goes_without_saying_so(there: Api) -> None:
    there.post(COLLECTORS, collectors=[collector("a"), collector("b")])
    for body in ({}, {"ids": []}, {"ids": ["a"], "delete_all": True}, {"delete_all": False}):
        assert code(there.delete(COLLECTORS, **body)) == 11102
    mixed = there.delete(COLLECTORS, ids=["a", "none"])
    assert (code(mixed), [item["status"]["code"] for item in mixed.json()["collectors"]]) == (10010, [10000, 52000])
    assert code(there.delete(COLLECTORS, delete_all=True)) == 10000
    assert there.get(COLLECTORS).json()["collectors"] == []


def test_knowledge_graphs_and_apps_have_the_same_calls(there: Api) -> None:
    relation = {"subject_concept": {"id": "dog"}, "predicate": "hyponym", "object_concept": {"id": "animal"}}
    assert code(there.post(GRAPHS, knowledge_graphs=[{"id": "g", "concept_relations": [relation]}])) == 10000
    assert there.get(GRAPHS).json()["knowledge_graphs"][0]["concept_relations"] == [relation]
    assert code(there.post("/v2/users/acme/apps", apps=[{"id": "new", "description": "mine"}])) == 10000
    assert [app["id"] for app in there.get("/v2/users/me/apps").json()["apps"]] == ["new", "poor", "quality"]
    assert there.get("/v2/users/acme/apps/quality").json()["app"]["plan"] == "professional"
    assert code(there.patch("/v2/users/acme/apps", apps=[{"id": "new", "collaborators": ["bob"]}])) == 10000


def test_only_operators_say_what_an_app_pays_and_where_its_inputs_go(there: Api) -> None:
    apps = "/v2/users/acme/apps"
    assert code(there.patch(apps, apps=[{"id": "poor", "plan": "enterprise"}])) == 11007
    assert code(there.patch(apps, apps=[{"id": "poor", "destination_url": "http://inside"}])) == 11007
    assert code(there.patch(apps, apps=[{"id": "quality", "plan": ""}])) == 11007
    assert code(there.patch(apps, apps=[{"id": "quality", "plan": "professional", "description": "as it was"}])) == 10000


def test_who_wrote_is_told_to_the_audit_log(there: Api) -> None:
    there.post(COLLECTORS, OWN, collectors=[collector()])
    (order,) = there.cluster.orders
    assert (order.who, order.before, set(order.apps)) == ("key acme/quality/own", [None], {("acme", "quality")})
