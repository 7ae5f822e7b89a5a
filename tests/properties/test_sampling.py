"""Samples are as large as they should be, independent where they should be, and nobody else's business.

Every bound is five standard deviations of the binomial that the count would follow; ids are fixed, so a pass stays a pass.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.engine.decide import decide
from processor.operators.random_sample import GROUPS, RandomSample, draws
from tests.support.building import batch, collector, engine_verdicts, node, prediction, watchers

N = 200_000
HASHES = np.fromiter((xxhash.xxh3_64_intdigest(f"prediction-{i}".encode()) for i in range(N)), np.uint64, N)


def kept(fraction: float, key: str, group: int) -> np.ndarray:
    """Which of the N predictions one sampler keeps."""
    arc = RandomSample(fraction, key, group).arc()
    return np.ones(N, bool) if arc is None else arc.holds(draws(HASHES, group))


def within_five_sigma(count: int, share: float, n: int = N) -> bool:
    return abs(count - n * share) <= 5 * math.sqrt(n * share * (1 - share))


def sampler(node_id: str, fraction: float, *inputs: str) -> dict[str, Any]:
    return node(node_id, "random-sample", {"keep_fraction": fraction}, *inputs)


@pytest.mark.parametrize("fraction", [0.0, 1e-4, 0.01, 0.1, 0.25, 0.5, 0.9, 0.9999, 1.0])
def test_a_sample_has_its_share(fraction: float) -> None:
    for i in range(20):
        assert within_five_sigma(int(kept(fraction, f"u/app/c{i}", i % GROUPS).sum()), float(np.float32(fraction)))


@pytest.mark.parametrize("keys", [("u/app/c", "u/app/c"), ("u/app/c", "u/app/d"), ("u/app/c", "u/app/c/pre-queue/n")])
def test_samplers_of_different_groups_are_independent(keys: tuple[str, str]) -> None:
    """Whatever their keys, equal ones included: the share kept by both is the product."""
    for one, other in combinations(range(GROUPS), 2):
        both = kept(0.5, keys[0], one) & kept(0.3, keys[1], other)
        assert within_five_sigma(int(both.sum()), 0.5 * float(np.float32(0.3)))


def test_two_halves_in_a_row_keep_a_quarter() -> None:
    """Through the engine, for forty collectors: no path has two samplers of one group."""
    collectors = [collector(f"u/app/c{i}", [sampler("a", 0.5), sampler("b", 0.5, "a")]) for i in range(40)]
    ours = engine_verdicts(collectors, [[prediction(f"p-{i}") for i in range(20_000)]])
    for verdict in ours.values():
        assert within_five_sigma(len(verdict.taken), 0.25, 20_000)
        assert set(verdict.taken.values()) == {0.25}


def test_the_collectors_sample_and_its_workflows_are_independent() -> None:
    """``pre_queue_random_sample`` draws from a group that no node of the collector draws from."""
    ours = engine_verdicts([collector("u/app/c", [sampler("a", 0.5)], random_sample=0.5)], [[prediction(f"p-{i}") for i in range(20_000)]])
    assert within_five_sigma(len(ours["u/app/c"].taken), 0.25, 20_000)


def test_samplers_of_one_group_are_coordinated() -> None:
    """The price of the index: two samplers of one group overlap by where their arcs happen to lie.

    Over many pairs the overlap is on average that of independent samples; of one pair it may be anything from none to the smaller
    sample. Two collectors share a group one time in sixteen.
    """
    overlaps = np.array([int((kept(0.1, f"u/app/c{i}", 3) & kept(0.1, f"u/app/d{i}", 3)).sum()) for i in range(400)]) / N
    assert abs(overlaps.mean() - 0.01) < 5 * overlaps.std() / math.sqrt(len(overlaps))
    assert overlaps.std() > 10 * math.sqrt(0.01 * 0.99 / N), "were they independent, ten times narrower"
    assert overlaps.min() == 0
    assert 0.05 < overlaps.max() <= 0.1 + 5 * math.sqrt(0.1 * 0.9 / N)


def test_collectors_spread_over_the_groups() -> None:
    groups = np.bincount([xxhash.xxh3_64_intdigest(f"u/app/c{i}".encode()) % GROUPS for i in range(16_000)], minlength=GROUPS)
    assert all(within_five_sigma(int(count), 1 / GROUPS, 16_000) for count in groups)


def test_overlaps_of_two_collectors_are_as_independent_ones_on_average() -> None:
    """What the docs state: over all pairs of collectors the mean overlap is the product, and one pair in sixteen is coordinated."""
    collectors = [collector(f"u/app/c{i}", random_sample=0.1) for i in range(60)]
    ours = engine_verdicts(collectors, [[prediction(f"p-{i}") for i in range(5_000)]])
    overlaps = [len(one.taken.keys() & other.taken.keys()) / 5_000 for one, other in combinations(ours.values(), 2)]
    assert abs(float(np.mean(overlaps)) - 0.01) < 5 * float(np.std(overlaps)) / math.sqrt(len(overlaps))
    apart = sum(abs(overlap - 0.01) > 5 * math.sqrt(0.01 * 0.99 / 5_000) for overlap in overlaps)
    assert 0 < apart <= len(overlaps) * 2 / GROUPS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=8, unique=True), st.data())
def test_other_collectors_never_change_a_sample(numbers: list[int], data: st.DataObject) -> None:
    """Neither do batch boundaries."""
    stream = [prediction(f"p-{i}", concepts=[("a", i % 10 / 10)]) for i in range(60)]
    below = node("max", "max-probability", {"value": 0.7})
    all_collectors = [collector(f"u/app/c{i}", [below, sampler("s", 0.4, "max")]) for i in numbers]
    together = engine_verdicts(all_collectors, [stream])
    one, cut = data.draw(st.sampled_from(all_collectors)), data.draw(st.integers(0, 60))
    assert engine_verdicts([one], [stream[:cut], stream[cut:]])[one["key"]] == together[one["key"]]


def test_a_sample_is_the_same_in_years() -> None:
    """The hashes are published: an input must be collected again by a replay with any later version."""
    names = batch([prediction(f"p-{i}") for i in range(40)])
    (decided,) = decide(names, watchers([collector("u/app/c", random_sample=0.2)]))
    assert decided.rows.tolist() == PINNED_ROWS


def test_ids_are_hashed_as_utf8() -> None:
    odd = batch([prediction("é"), prediction("日本"), prediction("a" * 300)])
    assert odd.hashes.tolist() == [xxhash.xxh3_64_intdigest(name.encode()) for name in ("é", "日本", "a" * 300)]


PINNED_ROWS = [12, 22, 24, 27, 28, 30, 36, 39]
