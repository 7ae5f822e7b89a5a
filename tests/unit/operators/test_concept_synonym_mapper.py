"""``concept-synonym-mapper``: concepts in the words of another model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.operators import Relation, concept_synonym_mapper, parse_operator
from tests.support.building import outputs, prediction, region

if TYPE_CHECKING:
    import pytest

GRAPH = [
    ("puppy", "hyponym", "dog"),
    ("dog", "hyponym", "animal"),
    ("hound", "synonym", "dog"),
    ("animal", "hypernym", "cat"),
    ("dog", "lives_in", "house"),
]


def mapped(concepts: list[tuple[str, float]], targets: list[str] | None = None, graph: list[tuple[str, str, str]] | None = None) -> Any:
    info: dict[str, Any] = {"params": {"knowledge_graph_id": "g"}}
    if targets:
        info["data"] = {"concepts": [{"id": target} for target in targets]}
    (output,) = outputs("concept-synonym-mapper", info, [prediction(concepts=concepts)], GRAPH if graph is None else graph)
    return output and output[0]


def test_hyponyms_lead_upwards_and_transitively() -> None:
    assert mapped([("puppy", 0.5)]) == [("animal", 0.5), ("dog", 0.5), ("hound", 0.5)]


def test_nothing_leads_downwards() -> None:
    assert mapped([("animal", 0.5)]) is None


def test_hypernym_is_the_reverse_of_hyponym() -> None:
    assert mapped([("cat", 0.5)]) == [("animal", 0.5)]


def test_synonyms_lead_both_ways() -> None:
    assert mapped([("dog", 0.5)], ["hound"]) == [("hound", 0.5)]
    assert mapped([("hound", 0.5)], ["dog"]) == [("dog", 0.5)]


def test_other_predicates_lead_nowhere() -> None:
    assert mapped([("dog", 0.5)], ["house"]) is None


def test_the_largest_value_wins_where_several_meet() -> None:
    assert mapped([("puppy", 0.5), ("cat", 0.7), ("hound", 0.6)], ["animal"]) == [("animal", 0.7)]


def test_only_targets_come_out_and_a_target_maps_to_itself() -> None:
    assert mapped([("dog", 0.5), ("zebra", 0.9)], ["dog", "animal"]) == [("animal", 0.5), ("dog", 0.5)]


def test_a_concept_the_graph_does_not_know_maps_to_itself_as_a_target_only() -> None:
    assert mapped([("zebra", 0.9)], ["zebra"]) == [("zebra", 0.9)]
    assert mapped([("zebra", 0.9)]) is None


def test_cycles_are_fine() -> None:
    circle = [("a", "hyponym", "b"), ("b", "hyponym", "c"), ("c", "hyponym", "a"), ("a", "synonym", "a")]
    assert mapped([("a", 0.5)], graph=circle) == [("b", 0.5), ("c", 0.5)]


def test_an_empty_graph_and_concepts_without_id_map_to_nothing() -> None:
    assert mapped([("a", 0.5)], graph=[]) is None
    assert mapped([("", 0.5)], graph=[("", "synonym", "a")]) is None


def test_regions_are_neither_mapped_nor_kept() -> None:
    inside = prediction(concepts=[("puppy", 0.1)], regions=[region("r", [("puppy", 0.9)])])
    info = {"params": {"knowledge_graph_id": "g"}, "data": {"concepts": [{"id": "dog", "name": "Dog"}]}}
    assert outputs("concept-synonym-mapper", info, [inside], GRAPH) == [([("dog", 0.1)], [])]


def test_slices_of_rows_come_to_what_all_rows_come_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = [prediction(concepts=[("puppy", i / 10), ("cat", 0.3), ("zebra", 0.1)][: i % 4]) for i in range(9)]
    info: dict[str, Any] = {"params": {"knowledge_graph_id": "g"}}
    whole = outputs("concept-synonym-mapper", info, stream, GRAPH)
    assert len({str(one) for one in whole}) > 4
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(concept_synonym_mapper, "COPIES_AT_ONCE", size)
        assert outputs("concept-synonym-mapper", info, stream, GRAPH) == whole


def test_mappers_over_different_graphs_differ() -> None:
    """They are evaluated once a batch when equal, so a changed graph must make another mapper."""

    def mapper(*relations: tuple[str, str, str]) -> object:
        found = tuple(Relation(*relation) for relation in relations)
        return parse_operator("concept-synonym-mapper", {"params": {"knowledge_graph_id": "g"}}, lambda _: found)

    one, other = ("a", "synonym", "b"), ("a", "hyponym", "b")
    assert mapper(one) != mapper(other)
    assert mapper(one, other) == mapper(other, one)
    assert hash(mapper(one, other)) == hash(mapper(other, one))
