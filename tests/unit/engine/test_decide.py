"""Decisions, example by example: what each prediction of a collector's source falls under."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from processor.engine.decide import decide
from processor.engine.reasons import OUTCOMES
from tests.support.building import batch, collector, engine_verdicts, node, prediction, region, watchers
from tests.support.oracle import Verdict, evaluate

SURE = prediction(concepts=[("dog", 0.9)])
UNSURE = prediction(concepts=[("dog", 0.3)])
NONE = {"keep_fraction": 0}
ALL = {"keep_fraction": 1}


def verdict(one: dict[str, Any], *predictions: dict[str, Any]) -> Verdict:
    """The engine's verdict, which must be the oracle's."""
    found = engine_verdicts([one], [list(predictions)])[one["key"]]
    assert found == evaluate(one, list(predictions), {})
    return found


def below(node_id: str, *inputs: str, value: float = 0.6, suppress: bool = False) -> dict[str, Any]:
    return node(node_id, "max-probability", {"value": value}, *inputs, suppress=suppress)


def above(node_id: str, *inputs: str, value: float = 0.6) -> dict[str, Any]:
    return node(node_id, "concept-threshold", {"value": value}, *inputs)


def nobody(node_id: str, *inputs: str) -> dict[str, Any]:
    return node(node_id, "random-sample", NONE, *inputs)


def everybody(node_id: str, *inputs: str) -> dict[str, Any]:
    return node(node_id, "random-sample", ALL, *inputs)


def close(node_id: str, *inputs: str, probability: float = 0.5) -> dict[str, Any]:
    return node(node_id, "close-to-threshold", {"threshold": 0.9, "epsilon": 0.1, "probability": probability}, *inputs)


def test_what_passes_is_collected() -> None:
    found = verdict(collector(nodes=[below("unsure")]), SURE, UNSURE)
    assert found == Verdict(Counter(collected=1, workflow_empty=1), Counter(unsure=1), {1: 1.0})


def test_what_passes_goes_to_the_queue_when_there_is_a_second_stage() -> None:
    assert verdict(collector(second_stage=True), SURE, UNSURE).counts == Counter(queued=2)


def test_a_fraction_of_one_collects_what_a_model_returned_nothing_for() -> None:
    assert verdict(collector(nodes=[everybody("s")]), prediction()).counts == Counter(collected=1)
    assert verdict(collector(random_sample=1.0), prediction()).counts == Counter(collected=1)


def test_reasons_come_in_their_order() -> None:
    """Inactive before other caller before not sampled before workflow empty."""
    losing = {"nodes": [nobody("s"), below("unsure", "s")], "caller": "bob", "active": False}
    other, bobs = prediction(concepts=[("dog", 0.9)]), prediction(concepts=[("dog", 0.9)], caller_user_id="bob")
    assert verdict(collector(**losing), other).counts == Counter(collector_inactive=1)
    losing["active"] = True
    assert verdict(collector(**losing), other).counts == Counter(other_caller=1)
    assert verdict(collector(**losing), bobs).counts == Counter(not_sampled=1)
    losing["nodes"] = [below("unsure"), nobody("s", "unsure")]
    assert verdict(collector(**losing), bobs) == Verdict(Counter(workflow_empty=1), Counter(unsure=1), {})
    losing |= {"random_sample": 1e-12}
    assert verdict(collector(**losing), bobs).counts == Counter(not_sampled=1)


def test_the_random_sample_comes_before_the_workflow() -> None:
    found = verdict(
        collector(nodes=[below("unsure")], random_sample=0.5), *[prediction(f"p-{i}", concepts=[("dog", 0.9)]) for i in range(40)]
    )
    assert found.counts["not_sampled"] + found.counts["workflow_empty"] == 40
    assert 10 < found.counts["not_sampled"] < 30


def test_predictions_made_inside_a_workflow_are_not_seen() -> None:
    assert verdict(collector(random_sample=1.0), prediction(workflow_id="w")).counts == Counter()
    assert decide(batch([prediction(workflow_id="w")]), watchers([collector(random_sample=1.0)])) == ()


def test_a_collector_of_one_version_sees_that_version() -> None:
    stream = [prediction(version="v1"), prediction(version="v2"), prediction()]
    assert verdict(collector(random_sample=1.0, version="v1"), *stream).taken == {0: 1.0}
    assert verdict(collector(random_sample=1.0), *stream).taken == {0: 1.0, 1: 1.0, 2: 1.0}
    assert verdict(collector(random_sample=1.0, version="v3"), *stream).counts == Counter()


def test_a_collector_of_one_caller_counts_the_others() -> None:
    stream = [prediction(caller_user_id="bob"), prediction(caller_user_id="eve"), prediction()]
    assert verdict(collector(random_sample=1.0, caller="bob"), *stream) == Verdict(
        Counter(collected=1, other_caller=2), Counter(), {0: 1.0}
    )
    assert verdict(collector(random_sample=1.0), *stream).counts == Counter(collected=3)


def test_an_inactive_collector_needs_no_workflow() -> None:
    assert verdict(collector(active=False, nodes=None), SURE, UNSURE).counts == Counter(collector_inactive=2)


def test_a_model_nobody_watches_is_nobodys_business() -> None:
    assert decide(batch([prediction()]), watchers([collector(model="m/app/two")])) == ()
    assert decide(batch([prediction()]), {}) == ()


def test_an_empty_batch_decides_nothing() -> None:
    assert decide(batch([]), watchers([collector(random_sample=1.0)])) == ()


def test_every_watched_model_of_a_batch_gets_its_decisions() -> None:
    two = {"user_id": "m", "app_id": "app", "id": "two", "version_id": ""}
    known = watchers([collector("u/app/a", random_sample=1.0), collector("u/app/b", model="m/app/two", random_sample=1.0)])
    decided = decide(batch([prediction(), prediction(model=two), prediction(), prediction(model=two | {"id": "three"})]), known)
    assert {one.watchers.model: one.rows.tolist() for one in decided} == {"m/app/one": [0, 2], "m/app/two": [1]}


def test_what_is_taken_follows_the_input() -> None:
    """Ordered by row, then collector, so that the output topic has the order of the input."""
    many = [collector(f"u/app/c{i}", random_sample=1.0 - i % 2 * 0.5) for i in range(5)]
    (decided,) = decide(batch([prediction(f"p-{i}") for i in range(20)]), watchers(many))
    pairs = list(zip(decided.rows.tolist(), decided.collectors.tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert decided.rows.dtype == decided.collectors.dtype == np.int32
    assert decided.counts.shape == (5, len(OUTCOMES))
    assert (decided.counts.sum(axis=1) == 20).all()


def test_a_repeated_prediction_id_counts_again() -> None:
    assert verdict(collector(random_sample=1.0), prediction("p"), prediction("p")).taken == {0: 1.0, 1: 1.0}


def test_a_lost_draw_is_not_sampled_and_what_is_not_close_is_workflow_empty() -> None:
    """Whether the node stands alone or in a workflow that branches."""
    stream = [prediction(f"p-{i}", concepts=[("dog", 0.9 if i % 2 else 0.3)]) for i in range(40)]
    for nodes in ([close("near")], [below("a", value=1), close("near", "a")], [close("near"), nobody("other")]):
        found = verdict(collector(nodes=nodes), *stream)
        assert found.emptied == Counter(near=20)
        assert found.counts["workflow_empty"] == 20
        assert 0 < found.counts["collected"] < 20
        assert set(found.taken.values()) == {0.5}
    assert verdict(collector(nodes=[close("near", probability=0)]), SURE, UNSURE) == Verdict(
        Counter(not_sampled=1, workflow_empty=1), Counter(near=1), {}
    )


# Workflows that branch


def test_any_leaf_is_enough() -> None:
    both = collector(nodes=[below("unsure", value=0.5), above("sure", value=0.8)])
    found = verdict(both, SURE, UNSURE, prediction(concepts=[("dog", 0.7)]))
    assert found == Verdict(Counter(collected=2, workflow_empty=1), Counter(unsure=1), {0: 1.0, 1: 1.0})


def test_a_suppressed_leaf_is_not() -> None:
    found = verdict(collector(nodes=[below("unsure", suppress=True), above("sure")]), SURE, UNSURE)
    assert found == Verdict(Counter(collected=1, workflow_empty=1), Counter(sure=1), {0: 1.0})


def test_a_suppressed_node_still_feeds_others() -> None:
    assert verdict(collector(nodes=[below("a", suppress=True), above("b", "a", value=0.1)]), SURE, UNSURE).taken == {1: 1.0}


def test_what_every_leafs_sampler_dropped_was_not_sampled() -> None:
    assert verdict(collector(nodes=[nobody("a"), nobody("b")]), SURE).counts == Counter(not_sampled=1)


def test_one_leaf_that_a_filter_emptied_makes_it_workflow_empty() -> None:
    assert verdict(collector(nodes=[nobody("a"), below("b")]), SURE) == Verdict(Counter(workflow_empty=1), Counter(b=1), {})


def test_the_first_node_that_emptied_it_is_named() -> None:
    """In resolved order, and only among what leads to a leaf that counts."""
    nodes = [below("hidden", suppress=True), below("first"), below("second"), everybody("leaf", "first", "second")]
    assert verdict(collector(nodes=nodes), SURE).emptied == Counter(first=1)


def test_a_sampler_that_drops_what_one_of_its_inputs_gave_is_to_blame() -> None:
    """Its other input was emptied by a filter, but something came in."""
    found = verdict(collector(nodes=[below("empty"), everybody("full"), nobody("leaf", "empty", "full")]), SURE)
    assert found == Verdict(Counter(not_sampled=1), Counter(), {})


def test_a_node_whose_inputs_are_all_empty_passes_the_blame_on() -> None:
    nodes = [nobody("dropped"), below("filtered"), everybody("leaf", "dropped", "filtered")]
    assert verdict(collector(nodes=nodes), SURE) == Verdict(Counter(workflow_empty=1), Counter(filtered=1), {})
    nodes = [nobody("dropped"), nobody("too"), below("leaf", "dropped", "too")]
    assert verdict(collector(nodes=nodes), SURE).counts == Counter(not_sampled=1)


def test_several_inputs_are_united() -> None:
    """Both halves of the condition come from different nodes."""
    stream = [prediction(concepts=[("dog", 0.9), ("cat", 0.2)]), prediction(concepts=[("dog", 0.9)])]
    low = node("low", "concept-threshold", {"value": 0.3, "concept_threshold_type": "LESS_THAN"})
    nodes = [above("high"), low, node("spread", "min-probability", {"value": 0.3, "concept_threshold_type": "LESS_THAN"}, "high", "low")]
    assert verdict(collector(nodes=nodes), *stream).taken == {0: 1.0}


def test_an_empty_input_brings_nothing_into_a_union() -> None:
    nodes = [below("never", value=0.1), above("high"), node("low", "min-probability", {"value": 0.5}, "never", "high")]
    assert verdict(collector(nodes=nodes), prediction(concepts=[("dog", 0.9), ("cat", 0.2)])).taken == {0: 1.0}


def test_concepts_without_an_id_are_not_merged() -> None:
    nodes = [everybody("a"), everybody("b"), node("low", "min-probability", {"value": 0.5}, "a", "b")]
    nameless = prediction(concepts=[("", 0.9), ("", 0.2)], regions=[region("", [("x", 0.9)]), region("", [("x", 0.8)])])
    assert verdict(collector(nodes=nodes), nameless).counts == Counter(workflow_empty=1)
    twice = prediction(concepts=[("x", 0.9), ("x", 0.2)])
    assert verdict(collector(nodes=nodes), twice).counts == Counter(collected=1)


def test_metadata_are_seen_at_any_depth() -> None:
    nodes = [above("sure"), node("nyc", "metadata-filter", {"metadata": {"site": "nyc"}}, "sure")]
    stream = [prediction(concepts=[("dog", 0.9)], metadata={"site": site}) for site in ("nyc", "sf")]
    assert verdict(collector(nodes=nodes), *stream) == Verdict(Counter(collected=1, workflow_empty=1), Counter(nyc=1), {0: 1.0})


# Probabilities


@pytest.mark.parametrize(
    ("nodes", "probability"),
    [
        ([node("a", "random-sample", {"keep_fraction": 0.5}), node("b", "random-sample", {"keep_fraction": 0.25}, "a")], 0.125),
        ([node("a", "random-sample", {"keep_fraction": 0.5}), node("b", "random-sample", {"keep_fraction": 0.25})], 0.625),
        ([node("a", "random-sample", {"keep_fraction": 0.5}), above("b", "a"), everybody("c", "a")], 0.5),
        ([node("a", "random-sample", {"keep_fraction": 0.5}), everybody("b")], 1.0),
        ([node("a", "random-sample", {"keep_fraction": 0.5}), nobody("b")], 0.5),
        ([close("a"), close("b", "a", probability=0.25)], 0.125),
        ([close("a"), node("b", "random-sample", {"keep_fraction": 0.25})], 0.625),
        ([close("a"), above("b", "a"), close("c", "a", probability=1)], 0.5),
    ],
)
@pytest.mark.parametrize("gate", [None, 0.5])
def test_inclusion_probability(nodes: list[dict[str, Any]], probability: float, gate: float | None) -> None:
    """The probability over all draws, whichever were drawn."""
    found = verdict(collector(nodes=nodes, random_sample=gate), *[prediction(f"p-{i}", concepts=[("dog", 0.9)]) for i in range(60)])
    assert found.taken
    assert set(found.taken.values()) == {probability * (gate or 1.0)}
