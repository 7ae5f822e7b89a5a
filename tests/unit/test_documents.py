"""Streams to documents: all problems of a call, each with its document and field."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.documents import DOCUMENTS_MAX, FILE_BYTES_MAX, parse_document, read_documents
from processor.errors import PROBLEMS_MAX
from processor.resources import DOCUMENTS, PORTION
from tests.support.documents import FIRST_COLLECTOR, document, source


def problems(*documents: Any) -> list[tuple[str, str, int]]:
    stream = b"\n---\n".join(orjson.dumps(each) for each in documents)
    return [(problem.path, problem.message, problem.code) for problem in read_documents([("f", stream)]).problems]


NODE = {"id": "n", "model": {"id": "m"}}
RELATION = {"subject_concept": {"id": "a"}, "predicate": "is", "object_concept": {"id": "b"}}


def sampling(share: Any, **fields: Any) -> dict[str, Any]:
    """A collector with a random sample."""
    return document("Collector", **({"collector_source": source(), "pre_queue_random_sample": share} | fields))


def only(*documents: Any) -> tuple[str, str, int]:
    (problem,) = problems(*documents)
    return problem


def test_the_first_collector_of_the_manual_is_right() -> None:
    found = read_documents([("first.yaml", FIRST_COLLECTOR)])
    assert found.problems == []
    assert [each.where for each in found.located] == [
        "first.yaml#1 App acme/quality",
        "first.yaml#2 Model acme/quality/keep-a-tenth",
        "first.yaml#3 Workflow acme/quality/sample",
        "first.yaml#4 Collector acme/quality/a-tenth-of-general",
    ]


def test_all_problems_of_a_document_are_told_at_once_with_their_paths() -> None:
    wrong = document(
        "Collector", id="a b", descriptio="d", pre_queue_random_sample=2, collector_source=source(model_id=5, caller_user_id=True)
    )
    found = {path: message for path, message, _ in problems(wrong)}
    inside = "collector_source.api_post_model_outputs_collector_source."
    assert set(found) == {"id", "descriptio", "pre_queue_random_sample", f"{inside}model_id", f"{inside}caller_user_id"}
    assert found["descriptio"] == "Collector has no such field; did you mean description?"
    assert found[f"{inside}model_id"] == "a string is wanted, not the number 5; put it in quotes"
    assert found[f"{inside}caller_user_id"] == "a string is wanted, not true; put it in quotes"


def test_all_problems_of_tags_and_dataset_ids_are_told_at_once() -> None:
    found = problems(sampling(1, tags=["a", "a", "ü", 7], dataset_ids=["-", "d", "d"]))
    assert sorted(path for path, _, _ in found) == ["dataset_ids[0]", "dataset_ids[2]", "tags[1]", "tags[2]", "tags[3]"]


def test_problems_of_several_streams_are_told_together() -> None:
    found = read_documents([("a", b"kind: App\nid: x\n"), ("b", b"- 1\n---\nkind: [\n"), ("c", b"# nothing")])
    assert [(problem.document, problem.path) for problem in found.problems] == [
        ("a#1 App x", "user_id"),
        ("b#1", ""),
        ("b#2", ""),
        ("c", ""),
    ]


@pytest.mark.parametrize(
    ("given_document", "path", "words"),
    [
        ({"user_id": "u"}, "kind", "is missing: one of App, "),
        ({"kind": "Apps"}, "kind", "one of App, Collector, KnowledgeGraph, Model, Workflow is wanted, not 'Apps'"),
        ({"kind": ["App"]}, "kind", "not a list"),
        ({"kind": "Key", "user_id": "u", "id": "k"}, "kind", "collectors keys create"),
        ("App", "", "a mapping with a kind"),
        (document("App", plan=7), "plan", "the number 7; put it in quotes"),
        (document("App", user_id=""), "user_id", "an id starts with a letter or digit"),
        (document("App", id="x" * 81), "id", "at most 80"),
        (document("App", id="x\n"), "id", "an id starts with"),
        (document("App", app_id="x"), "app_id", "App has no such field"),
        (document("App", destination_url="ftp://x"), "destination_url", "http://"),
        (document("App", destination_url="http://[x"), "destination_url", "http://"),
        (document("App", collaborators="bob"), "collaborators", "a list is wanted, not 'bob'"),
        (document("App", collaborators=["bob", ""]), "collaborators[1]", "an id starts with"),
        (document("App", description=[]), "description", "a string is wanted, not a list"),
        (document("Model"), "model_type_id", "is missing"),
        (document("Model", model_type_id="t", visibility="public"), "visibility", "'PRIVATE' or 'PUBLIC' is wanted"),
        (document("Model", model_type_id="t", output_info=[]), "output_info", "a mapping is wanted, not a list"),
        (document("Model", model_type_id="random-sample"), "output_info.params.keep_fraction", "missing"),
        (document("Workflow", nodes=[]), "nodes", "at least one node"),
        (document("Workflow", nodes={}), "nodes", "a list is wanted"),
        (document("Workflow", nodes=["x"]), "nodes[0]", "a mapping is wanted, not 'x'"),
        (document("Workflow", nodes=[NODE | {"suppress_output": "no"}]), "nodes[0].suppress_output", "true or false"),
        (document("KnowledgeGraph", concept_relations=[RELATION]), "concept_relations[0].predicate", "'synonym', 'hypernym' or 'hyponym'"),
        (document("Collector", collector_source=source()), "", "at least one of pre_queue_workflow_id"),
        (sampling(0), "pre_queue_random_sample", "above 0"),
        (sampling(1e-60), "pre_queue_random_sample", "above 0"),
        (sampling(True), "pre_queue_random_sample", "a number is wanted, not true"),
        (sampling("0.1"), "pre_queue_random_sample", "a number is wanted"),
        (sampling(1, collector_source={}), "collector_source.api_post_model_outputs_collector_source", "is missing"),
        (sampling(1, status={"code": 52003}), "status.code", "52001 or 52002"),
        (sampling(1, tags="night"), "tags", "a list is wanted, not 'night'"),
        (sampling(1, tags=[f"t{i}" for i in range(33)]), "tags", "items allowed, at most 32"),
        (sampling(1, tags=["night shift"]), "tags[0]", "1 to 64 letters"),
        (sampling(1, tags=["x" * 65]), "tags[0]", "1 to 64 letters"),
        (sampling(1, tags=["a", "b", "a"]), "tags[2]", "'a' is there already"),
        (sampling(1, dataset_ids=["d", ""]), "dataset_ids[1]", "an id starts with"),
        (sampling(1, dataset_ids=["d", "d"]), "dataset_ids[1]", "'d' is there already"),
        (sampling(1, dataset_ids=[f"d{i}" for i in range(33)]), "dataset_ids", "items allowed, at most 32"),
    ],
)
def test_one_wrong_field_is_one_problem_that_says_the_rule(given_document: Any, path: str, words: str) -> None:
    where, message, code = only(given_document)
    assert (where, code) in {(path, 11102), (path, 22107)}
    assert words in message


def test_a_broken_graph_carries_the_code_of_the_contract() -> None:
    path, message, code = only(document("Workflow", nodes=[{"id": "n", "model": {"id": "m"}, "node_inputs": [{"node_id": "n"}]}]))
    assert (path, code) == ("nodes[0].node_inputs", 22107)
    assert "n -> n" in message


def test_too_many_nodes_are_one_problem_with_the_code_of_the_contract() -> None:
    path, message, code = only(document("Workflow", nodes=[NODE | {"id": f"n{i}"} for i in range(65)]))
    assert (path, code) == ("nodes", 22107)
    assert "at most 64" in message


def test_one_mistake_a_thousand_times_is_told_a_hundred_times() -> None:
    found = problems(document("KnowledgeGraph", concept_relations=[RELATION] * 1000))
    assert len(found) == PROBLEMS_MAX + 1
    assert found[-1][1] == "and 900 more problems"
    listed = {"concepts": [{}] * 1000}
    assert len(problems(document("Model", model_type_id="concept-threshold", output_info={"data": listed}))) == PROBLEMS_MAX
    assert only(document("App", **{f"field{i}": 1 for i in range(1000)}))[1] == "1003 fields, and none has more than 32"


def test_a_long_list_is_looked_at_until_something_is_wrong_which_is_told_with_its_place() -> None:
    right = RELATION | {"predicate": "synonym"}
    assert problems(document("KnowledgeGraph", concept_relations=[right] * (PORTION + 1))) == []
    wrong = right | {"subject_concept": {"id": 5}, "predicate": "is"}
    found = problems(document("KnowledgeGraph", concept_relations=[right] * (PORTION + 7) + [wrong] + [right] * PORTION + [5]))
    where = f"concept_relations[{PORTION + 7}]"
    assert [path for path, _, _ in found] == [f"{where}.subject_concept.id", f"{where}.predicate"]
    assert "synonym" in found[1][1]


def test_null_is_a_field_left_out_as_in_proto3_json() -> None:
    assert problems(document("App", plan=None, collaborators=None)) == []
    assert only(document("App", user_id=None))[:2] == ("user_id", "is missing")


def test_null_means_something_inside_a_models_own_parameters() -> None:
    model = document("Model", model_type_id="metadata-filter", output_info={"params": {"metadata": {"site": None}}})
    (found,) = read_documents([("f", orjson.dumps(model))]).located
    assert found.document.model_dump()["output_info"] == {"params": {"metadata": {"site": None}}}


def test_the_same_document_twice_in_a_call_is_a_problem_of_the_second_besides_its_own() -> None:
    first = document("App")
    found = read_documents([("a", orjson.dumps(first)), ("b", orjson.dumps(first | {"plan": 1}))])
    assert [problem.message for problem in found.problems] == [
        "a string is wanted, not the number 1; put it in quotes",
        "a#1 App acme/x is the same document: a call changes a document once",
    ]


def test_documents_of_different_kinds_may_share_their_ids() -> None:
    assert problems(document("KnowledgeGraph"), document("Model", model_type_id="t")) == []


def test_a_stream_that_is_too_large_is_not_even_read() -> None:
    found = read_documents([("big", b"#" * (FILE_BYTES_MAX + 1))])
    assert [problem.message[:11] for problem in found.problems] == ["larger than"]


def test_a_call_has_a_limit_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DOCUMENTS_MAX == 20_000
    monkeypatch.setattr("processor.documents.DOCUMENTS_MAX", 2)
    assert "at most 2" in only(*(document("App", id=f"a{i}") for i in range(3)))[1]


@pytest.mark.parametrize("odd", [[], {}, 1e300, -1e300, 2**64 - 1, True])
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_field_of_the_wrong_type_is_a_problem_whichever_it_is(kind: str, odd: Any) -> None:
    known = {name for name in DOCUMENTS[kind].model_fields if name not in {"kind", "user_id", "app_id", "id"}}
    found = problems(document(kind, **dict.fromkeys(known, odd)))
    assert found
    assert {path.partition(".")[0].partition("[")[0] for path, _, _ in found} <= {"", *known}


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "nodes", "model", "params", "node_inputs", "x"]), inner)
    ),
    max_leaves=10,
)
fields = sorted({name for kind in DOCUMENTS.values() for name in kind.model_fields} - {"kind"})


@given(st.fixed_dictionaries({"kind": st.sampled_from([*DOCUMENTS, "Key", ""])}, optional=dict.fromkeys(fields, json)))
def test_any_json_is_a_document_or_has_problems(given_document: dict[str, Any]) -> None:
    found = read_documents([("f", orjson.dumps(given_document))])
    assert bool(found.problems) != bool(found.located)
    assert all(problem.message and problem.code for problem in found.problems)


def test_a_model_that_says_how_it_is_called_says_it_rightly() -> None:
    ids = {"kind": "Model", "user_id": "acme", "app_id": "quality", "id": "m", "model_type_id": "visual-classifier"}
    _, broken = parse_document(ids | {"endpoint": "https://example.com", "output_info": {"params": {"colour": 1}}})
    assert [rule.path for rule in broken] == ["endpoint"]
    wrong = {"endpoint": "open-inference+https://example.com/v2/models/m", "output_info": {"params": {"colour": 1}}}
    assert "output_info.params.colour" in [rule.path for rule in parse_document(ids | wrong)[1]]
    assert parse_document(ids)[1] == [], "a model that is only watched says nothing of it"
