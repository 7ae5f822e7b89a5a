"""Bodies that nobody would send by intention: each has an answer of the contract's, and nothing that could not be read back is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from processor.catalog.records import KnowledgeGraph, Relation
from processor.catalog.values import to_document
from processor.catalog.write import VALUE_BYTES_MAX, size_problem
from processor.resources import RELATIONS_MAX
from processor.rest.status import DETAILS_MAX
from processor.yaml_streams import DEPTH_MAX, VALUES_MAX
from tests.support.api import COLLECTORS, MODELS, WORKFLOWS, code, collector

if TYPE_CHECKING:
    import httpx

    from tests.support.api import Api


def nested(levels: int) -> dict[str, Any]:
    """Objects in one another."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def model(model_id: str, params: Any) -> dict[str, Any]:
    return {"id": model_id, "model_type_id": "served", "output_info": {"params": params}}


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, 7, True])
def test_an_id_that_is_no_text_is_a_problem_of_its_item(there: Api, odd: Any) -> None:
    assert code(there.post(MODELS, models=[model("m", {}) | {"user_id": odd}])) == 11102
    assert code(there.patch("/v2/users/acme/apps", apps=[{"id": "quality", "plan": odd}])) == 11102
    assert code(there.post(MODELS, models=[model("m", {}) | {"id": odd}])) == 11102
    assert there.cluster.orders == []


def test_a_call_writes_no_other_kind_than_its_own(there: Api) -> None:
    assert code(there.post(WORKFLOWS, workflows=[collector("c", kind="Collector")])) == 11102
    assert code(there.post(COLLECTORS, collectors=[collector("c", kind="Workflow")])) == 11102
    assert code(there.post(COLLECTORS, collectors=[collector("c", kind="Key")])) == 11102
    assert there.cluster.orders == []
    assert code(there.post(COLLECTORS, collectors=[collector("c", kind="Collector")])) == 10000


@pytest.mark.parametrize("odd", [{}, [], 0, False])
@pytest.mark.parametrize("field", ["id", "description", "output_info"])
def test_what_is_nothing_of_another_type_is_no_field_left_out(there: Api, field: str, odd: Any) -> None:
    answer = there.post(f"{MODELS}/shared/versions", model_versions=[{field: odd}])
    assert (code(answer) == 11102) == ((field, odd) != ("output_info", {}))


@pytest.mark.parametrize("levels", [DEPTH_MAX - 1, 150, 250, 300, 900])
def test_what_is_nested_too_deeply_to_be_read_back_is_not_written(there: Api, levels: int) -> None:
    in_words = '{"in":' * (levels - 1) + "{}" + "}" * (levels - 1)  # deeper than a client's own JSON writer goes

    def send(path: str, body: str) -> httpx.Response:
        return there.ask("POST", path, content=body.replace("$", in_words).encode())

    answers = [
        send(MODELS, '{"models": [{"id": "m", "model_type_id": "served", "output_info": {"params": $}}]}'),
        send(
            WORKFLOWS,
            '{"workflows": [{"id": "w", "nodes": [{"id": "n", "model": {"id": "shared"}, "output_info_override": {"params": $}}]}]}',
        ),
        send(f"{MODELS}/shared/versions", '{"model_versions": [{"output_info": {"params": $}}]}'),
        send(COLLECTORS, '{"collectors": [{"id": "c", "collector_source": $}]}'),
    ]
    assert [code(answer) for answer in answers] == [11102] * len(answers)
    assert there.cluster.orders == []


def test_what_has_too_many_values_is_not_even_looked_at(there: Api) -> None:
    many = b"[" + b"1," * VALUES_MAX + b"1]"
    answer = there.ask("POST", WORKFLOWS, content=b'{"workflows": [{"id": "w", "nodes": ' + many + b"}]}")
    assert (code(answer), "values" in answer.json()["status"]["details"]) == (11102, True)


def test_what_is_nested_as_deeply_as_may_be_is_read_back(there: Api) -> None:
    params = nested(DEPTH_MAX - 2)
    assert code(there.post(MODELS, models=[model("m", params)])) == 10000
    shown = there.get(f"{MODELS}/m").json()["model"]
    assert shown["output_info"] == {"params": params}
    assert code(there.patch(MODELS, models=[shown])) == 10000


def test_an_item_that_is_too_large_does_not_keep_the_others_from_being_written(there: Api) -> None:
    answer = there.post(MODELS, models=[model("large", {"text": "x" * VALUE_BYTES_MAX}), model("small", {})])
    assert code(answer) == 10010
    assert [item["status"]["code"] for item in answer.json()["models"]] == [11006, 10000]
    assert code(there.get(f"{MODELS}/large")) == 21200
    assert code(there.get(f"{MODELS}/small")) == 10000


def test_what_counts_is_the_size_of_the_record_and_not_that_of_its_json() -> None:
    relations = tuple(Relation(f"concept-{i}", "synonym", f"concept-{i + 1}") for i in range(RELATIONS_MAX))
    graph = KnowledgeGraph("acme", "quality", "g", relations)
    assert len(orjson.dumps(to_document(graph))) > VALUE_BYTES_MAX
    assert size_problem(graph) == ""
    assert "takes" in size_problem(replace(graph, description="x" * VALUE_BYTES_MAX))


def test_details_end_however_much_is_wrong(there: Api) -> None:
    pattern = {"metadata": {"site": {"$regex": "(" * 10_000}}}
    filtering = {"id": "m", "model_type_id": "metadata-filter", "output_info": {"params": pattern}}
    (item,) = there.post(MODELS, models=[filtering]).json()["models"]
    assert len(item["status"]["details"]) == DETAILS_MAX
    there.post(MODELS, models=[filtering | {"output_info": {"params": {"metadata": {}}}}])
    versions = there.post(f"{MODELS}/m/versions", model_versions=[{"output_info": {"params": pattern}}])
    assert len(versions.json()["status"]["details"]) == DETAILS_MAX
    assert len(there.get("/v2/models", user_app_id="x" * 10_000).json()["status"]["details"]) <= DETAILS_MAX


def test_a_name_of_thousands_of_letters_is_unknown_in_any_spelling(there: Api) -> None:
    assert code(there.post(MODELS, models=[model("m", {}) | {"A" * 10_000: 1}])) == 11102


def test_a_patch_that_changes_nothing_writes_nothing(there: Api) -> None:
    there.post(COLLECTORS, collectors=[collector()])
    before = len(there.cluster.audit)
    assert code(there.patch(COLLECTORS, collectors=[there.get(f"{COLLECTORS}/c").json()["collector"]])) == 10000
    assert code(there.patch(MODELS, models=[{"id": "shared"}])) == 10000
    assert len(there.cluster.audit) == before


def test_a_model_that_was_read_can_be_posted_anew(there: Api) -> None:
    shown = there.get(f"{MODELS}/keep-a-tenth").json()["model"]
    there.delete(MODELS, ids=["keep-a-tenth"])
    assert code(there.post(MODELS, models=[shown])) == 10000
    again = there.get(f"{MODELS}/keep-a-tenth").json()["model"]
    assert (again["output_info"], again["name"]) == (shown["output_info"], shown["name"])
