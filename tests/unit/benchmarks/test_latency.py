"""The load of the latency benchmark: a steady rate, and ids that tell when they were made."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest
from kafka.record.default_records import DefaultRecordBatch

from benchmarks.latency import Row, table
from benchmarks.support.cluster import PARTITIONS
from benchmarks.support.load import WRAP_US, Batch, Schedule, age_us, make_batches
from benchmarks.support.work import id_of
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas

NOW_US = 1_796_100_000_000_000


@pytest.mark.parametrize(("made", "now", "age"), [(100, 350, 250), (WRAP_US - 10, 5, 15), (105, 100, -5), (3, WRAP_US - 2, -5)])
def test_an_id_tells_how_old_a_prediction_is(made: int, now: int, age: int) -> None:
    assert age_us(id_of(made), now) == age


def test_predictions_are_due_at_a_steady_rate_and_no_two_at_once() -> None:
    size, rate = 250, 40_000
    batches = list(islice(Schedule(rate, size, began_us=NOW_US).batches(), 12))
    assert [partition for partition, _ in batches] == [0, 1, 2, 3] * 3
    lasts = [int(due_us[-1]) for _, due_us in batches]
    assert all(abs(after - before - 1_000_000 * size / rate) <= 1_000_000 * PARTITIONS / rate for before, after in pairwise(lasts))
    due = np.concatenate([due_us for _, due_us in batches])
    assert len(set(due.tolist())) == len(due)
    for _, due_us in batches:
        assert np.all(np.abs(np.diff(due_us) - 1_000_000 * PARTITIONS / rate) <= 1)


def test_a_batch_has_the_times_when_its_predictions_were_due_as_their_ids() -> None:
    batch = make_batches(5)[2]
    due_us = NOW_US + np.arange(5) * 1_000
    sent = DefaultRecordBatch(bytearray(batch.due_at(due_us)))
    assert sent.validate_crc()
    records = list(sent)
    assert [record.key for record in records] == [id_of(int(due) % WRAP_US) for due in due_us]
    assert all(record.value.count(record.key) == 1 for record in records)
    assert {record.timestamp for record in records} == {int(due_us[-1]) // 1_000}
    decoded = PredictionDecoder(Schemas.checked_in()).decode([record.value for record in records])
    assert not decoded.bad


def test_a_batch_that_a_broker_would_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no more than 10 "):
        Batch((b"prediction-000000000000", b"prediction-000000000000" + bytes(100_000)) for _ in range(11))


def test_the_table_has_a_line_an_interval() -> None:
    _, line = table([Row(50, 100_000, 12_345, 40.04, 99.96, 120.0)])
    assert line.split() == ["50", "ms", "100,000", "12,345", "40.0", "100.0", "120.0"]
