"""Counters hold what a dictionary would, through batches, changelog and restart."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.engine.collector import Collector, Second, Source, Watchers
from processor.engine.decide import Emptied, ModelDecisions
from processor.engine.reasons import OUTCOMES, Outcome
from processor.state import counters
from processor.state.counters import Block, PartitionCounters, Restoration, Slot

NODES = ("n0", "n1")
NOTHING = np.zeros(0, np.int64)


def watchers(model: str, names: list[str]) -> Watchers:
    return Watchers(model, tuple(Collector(f"acme/app/{name}", Source(model)) for name in names))


def decisions(watching: Watchers, counts: list[int]) -> ModelDecisions:
    """Decisions with these counts, repeated over collectors, outcomes and nodes."""
    size = len(watching.collectors)
    table = np.resize(np.array(counts, np.int64), (size, len(OUTCOMES)))
    slots = Emptied(
        np.repeat(np.arange(size, dtype=np.int32), len(NODES)), NODES * size, np.resize(np.array(counts[::-1], np.int64), size * 2)
    )
    return ModelDecisions(watching, table, slots, NOTHING, NOTHING, NOTHING)


def expected(batches: list[ModelDecisions]) -> Counter[tuple[str, Slot]]:
    total: Counter[tuple[str, Slot]] = Counter()
    for batch in batches:
        keys = [collector.key for collector in batch.watchers.collectors]
        for i, key in enumerate(keys):
            for j, outcome in enumerate(OUTCOMES):
                total[batch.watchers.model, Slot(key, outcome.value)] += int(batch.counts[i, j])
        for collector, node, count in zip(batch.emptied.collectors, batch.emptied.nodes, batch.emptied.counts, strict=True):
            total[batch.watchers.model, Slot(keys[collector], "workflow_empty", node)] += int(count)
    return +total


def restored(log: list[Block], partition: int) -> Restoration:
    state = Restoration("pre-queue")
    for block in {block.key: block for block in log}.values():
        state.add(block.as_dict())
    assert state.checkpoints.get(partition, -1) == max((block.next_offset for block in log), default=-1)
    return state


def found(state: Restoration, partition: int) -> Counter[tuple[str, Slot]]:
    return +Counter({(model, slot): count for model, slot, count in state.rows(partition)})


batch = st.builds(
    decisions,
    st.sampled_from([watchers("m/a/1", ["a", "b"]), watchers("m/a/1", ["b", "c", "d"]), watchers("m/a/2", ["a"]), watchers("m/a/3", [])]),
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
)


by_hand = st.tuples(
    st.sampled_from(["m/a/1", "m/a/2"]),
    st.builds(
        Slot,
        st.sampled_from(["acme/app/a", "acme/app/z"]),
        st.sampled_from(["collected", "workflow_empty", "an outcome to come"]),
        st.sampled_from(["", *NODES]),
    ),
    st.integers(1, 3),
)
ByHand = tuple[str, Slot, int]


@given(st.lists(st.lists(batch | by_hand, max_size=4), max_size=8), st.integers(1, 5))
def test_counts_equal_a_dictionarys_through_any_restarts_and_compaction(
    transactions: list[list[ModelDecisions | ByHand]], chunk: int
) -> None:
    counters.CHUNK_SLOTS, usual = chunk, counters.CHUNK_SLOTS
    try:
        log: list[Block] = []
        live = PartitionCounters("pre-queue", 4)
        for offset, transaction in enumerate(transactions):
            for each in transaction:
                if isinstance(each, tuple):
                    live.count(*each)
                else:
                    live.add([each])
            log += live.changes(offset)
            if offset % 2:
                live = restored(log, 4).state(4)
        given_ = [each for transaction in transactions for each in transaction]
        total = expected([each for each in given_ if isinstance(each, ModelDecisions)])
        for model, slot, amount in (each for each in given_ if isinstance(each, tuple)):
            total[model, slot] += amount
        state = restored(log, 4)
        assert found(state, 4) == total
        slots = [(model, slot) for model, slot, _ in state.rows(4)]
        assert len(slots) == len(set(slots))
    finally:
        counters.CHUNK_SLOTS = usual


def test_a_transaction_writes_only_the_chunks_that_changed_and_always_the_checkpoint() -> None:
    live = PartitionCounters("pre-queue", 0)
    one, two = watchers("m/a/1", ["a"]), watchers("m/a/2", ["b"])
    live.add([decisions(one, [1]), decisions(two, [1])])
    assert [block.key.decode() for block in live.changes(10)] == [
        "pre-queue/0/m/a/1/0/names",
        "pre-queue/0/m/a/1/0/counts",
        "pre-queue/0/m/a/2/0/names",
        "pre-queue/0/m/a/2/0/counts",
        "pre-queue/0/checkpoint",
    ]
    live.add([decisions(two, [1])])
    assert [block.key.decode() for block in live.changes(20)] == ["pre-queue/0/m/a/2/0/counts", "pre-queue/0/checkpoint"]


@pytest.mark.parametrize(("second", "passed"), [(None, "collected"), (Second(), "queued")])
def test_with_its_first_count_a_collector_gets_a_slot_for_what_it_takes_some_day(second: Second | None, passed: str) -> None:
    live = PartitionCounters("pre-queue", 0)
    rare = Watchers("m/a/1", (Collector("acme/app/rare", Source("m/a/1"), second=second),))
    live.add([decisions(rare, [0] * OUTCOMES.index(Outcome.NOT_SAMPLED) + [4, *[0] * len(OUTCOMES)])])
    named = [block.names for block in live.changes(10) if block.names is not None]
    assert named == [[Slot("acme/app/rare", passed), Slot("acme/app/rare", "not_sampled")]]
    live.add([decisions(rare, [1 if outcome == passed else 0 for outcome in OUTCOMES])])
    assert [block for block in live.changes(20) if block.names is not None] == []


def test_state_of_other_stages_and_partitions_is_left_alone() -> None:
    state = Restoration("pre-queue")
    state.add(Block("post-queue", 0, next_offset=5).as_dict())
    state.add(Block("pre-queue", 1, next_offset=7).as_dict())
    assert state.checkpoints == {1: 7}
    assert not list(state.rows(0))
