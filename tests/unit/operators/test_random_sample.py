"""``random-sample``: arcs as long as the fraction. How samples behave together is in tests/properties/test_sampling.py."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash

from processor.operators.arc import RING
from processor.operators.random_sample import GROUPS, RandomSample, draws
from tests.support.building import outputs, prediction
from tests.support.oracle import group_hash

STREAM = [prediction(f"p-{i}", concepts=[("a", 0.5)]) for i in range(50)]


def test_zero_keeps_nothing_and_one_everything() -> None:
    assert outputs("random-sample", {"params": {"keep_fraction": 0}}, STREAM) == [None] * 50
    assert outputs("random-sample", {"params": {"keep_fraction": 1}}, STREAM) == [([("a", 0.5)], [])] * 50


def test_the_whole_output_is_kept() -> None:
    kept = [output for output in outputs("random-sample", {"params": {"keep_fraction": 0.5}}, STREAM) if output is not None]
    assert 10 < len(kept) < 40
    assert all(output == ([("a", 0.5)], []) for output in kept)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1e-6, 0.999999])
def test_an_arc_is_as_long_as_the_fraction_as_a_32_bit_float(fraction: float) -> None:
    arc = RandomSample(fraction).arc()
    assert arc
    assert arc.length == int(float(np.float32(fraction)) * RING)


def test_a_fraction_that_rounds_to_one_keeps_everything() -> None:
    assert RandomSample(1 - 1e-12).arc() is None


def test_larger_fractions_of_one_sampler_keep_what_smaller_ones_kept() -> None:
    """Raising a fraction only adds to what was collected."""
    small, large = (outputs("random-sample", {"params": {"keep_fraction": fraction}}, STREAM) for fraction in (0.2, 0.6))
    assert all(more is not None for less, more in zip(small, large, strict=True) if less is not None)


def test_the_hashes_of_a_group_are_the_published_ones() -> None:
    hashes = np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in ("p-1", "é")], np.uint64)
    for group in range(GROUPS):
        assert draws(hashes, group).tolist() == [group_hash("p-1", group), group_hash("é", group)]
