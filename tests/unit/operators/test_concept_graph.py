"""A knowledge graph that is too large to walk is refused, and found out to be without walking all of it."""

from __future__ import annotations

import random

import pytest

from processor.operators import OperatorProblems, Relation, parse_operator
from processor.operators.concept_graph import PAIRS_MAX, REACH_MAX, ConceptGraph, concept_graph
from tests.support.oracle import images


def chain(length: int, name: str = "c", predicate: str = "hyponym") -> list[Relation]:
    """So many relations, each concept below the next one."""
    return [Relation(f"{name}{i}", predicate, f"{name}{i + 1}") for i in range(length)]


def test_a_concept_leads_to_so_many_others() -> None:
    assert ConceptGraph(chain(REACH_MAX)).problem == ""
    assert len(ConceptGraph(chain(REACH_MAX)).reached("c0")) == REACH_MAX + 1
    assert ConceptGraph(chain(REACH_MAX + 1)).problem == (
        "concept 'c0' leads to more than 1,000 others: take out relations, or split the graph by subject"
    )


@pytest.mark.parametrize("predicate", ["hyponym", "hypernym", "synonym"])
def test_a_long_chain_is_refused_whichever_way_it_goes(predicate: str) -> None:
    assert "leads to more than 1,000 others" in ConceptGraph(chain(20_000, predicate=predicate)).problem


def test_other_predicates_do_not_count() -> None:
    assert ConceptGraph(chain(20_000, predicate="lives_in")).problem == ""


def test_all_concepts_together_lead_to_so_many_others() -> None:
    """Chains of 1,000, in each of which concepts lead to 500,500 others."""
    assert ConceptGraph(chain(1000, "a") + chain(998, "b")).problem == ""
    beyond = ConceptGraph(chain(1000, "a") + chain(1000, "b"))
    assert PAIRS_MAX < 2 * 500_500
    assert beyond.problem.startswith("its concepts lead to more than 1,000,000 others altogether: ")


def test_every_concept_leads_to_what_a_plain_search_finds() -> None:
    chosen = random.Random(1)  # noqa: S311 - no secret
    for size in range(2, 40):
        names = [str(i) for i in range(size)]
        relations = [
            Relation(chosen.choice(names), chosen.choice(["synonym", "hyponym", "hypernym", "part"]), chosen.choice(names)) for _ in names
        ]
        graph = ConceptGraph(relations)
        assert {name: set(graph.reached(name)) for name in names} == {name: images(name, relations, set()) | {name} for name in names}


def test_concepts_that_all_lead_to_each_other_are_walked_once() -> None:
    """Relation by relation for each concept it would be a matter of minutes."""
    everywhere = [Relation(str(i), "synonym", str(j)) for i in range(400) for j in range(i)]
    assert len(ConceptGraph(everywhere).reached("7")) == 400


def test_equal_relations_make_one_graph() -> None:
    """So that a thousand mappers over one graph look through it once."""
    assert concept_graph(tuple(chain(3))) is concept_graph(tuple(chain(3)))
    assert ConceptGraph(chain(3)).digest == ConceptGraph([*reversed(chain(3)), *chain(1)]).digest
    assert ConceptGraph(chain(3)).digest != ConceptGraph(chain(2)).digest


def test_a_mapper_of_such_a_graph_is_a_problem_of_its_parameters() -> None:
    info = {"params": {"knowledge_graph_id": "all"}}
    with pytest.raises(OperatorProblems) as caught:
        parse_operator("concept-synonym-mapper", info, lambda _: tuple(chain(1001)))
    ((path, message),) = caught.value.problems
    assert path == "params.knowledge_graph_id"
    assert message.startswith("knowledge graph 'all' is too large for a mapper: concept 'c0' leads to more than 1,000 others: ")
