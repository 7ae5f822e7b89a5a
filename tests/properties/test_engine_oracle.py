"""The engine comes to what the plain evaluator comes to, whatever the predictions, the collectors and the batches."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from processor.engine import chains, columns, inclusion
from tests.support.building import engine_verdicts
from tests.support.generate import worlds
from tests.support.oracle import evaluate


@pytest.mark.parametrize("dense_cells", [0, columns.DENSE_CELLS], ids=["sorted", "compared"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds())
def test_every_collector_gets_what_the_oracle_gives_it(dense_cells: int, world: dict[str, Any]) -> None:
    """Both ways of looking a column up: every key compared, and the sorted keys searched, few pairs and rows at a time."""
    stream, edges = world["predictions"], [0, *world["cuts"], len(world["predictions"])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "DENSE_CELLS", dense_cells)
        patch.setattr(chains, "MAX_PAIRS", 3)
        patch.setattr(inclusion, "SLICE_ROWS", 5)
        patch.setattr(inclusion, "SLICE_CONCEPTS", 7)
        ours = engine_verdicts(world["collectors"], [stream[start:end] for start, end in pairwise(edges)], world["graphs"])
    for collector in world["collectors"]:
        expected, found = evaluate(collector, stream, world["graphs"]), ours[collector["key"]]
        assert found.counts == expected.counts
        assert found.emptied == expected.emptied
        assert found.taken == pytest.approx(expected.taken, rel=1e-12)
        for outcome in expected.counts:
            event(outcome)
