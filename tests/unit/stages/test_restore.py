"""Restoring counters, without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.errors import FixCluster
from processor.kafka.reader import Record
from processor.settings import Settings
from processor.stages import restore
from processor.stages.restore import Changelog, Store, Taken
from processor.state.counters import Block, Restoration, Slot
from tests.support.predictions import prediction

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Schemas.checked_in()
COUNTERS_OF_PRE_QUEUE = Changelog("pre-queue", "counters", "counters", 4, "x-group", "x-predictions")
CHECKPOINT = encode(SCHEMAS, "counters", Block("pre-queue", 3, next_offset=12).as_dict())


class Reader:
    """Stands in for the reader of the changelog: values by their keys, or of a key each."""

    def __init__(self, values: list[bytes | None], keys: bytes = b"abcdefg") -> None:
        self._values = values
        self._keys = keys
        self.closed = 0

    def read_to_end(self) -> Iterator[Record]:
        for offset, value in enumerate(self._values):
            yield Record("x-counters", 3, offset, 0, self._keys[offset : offset + 1], value)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("garbage", [b"", b"garbage", CHECKPOINT[:-9], encode(SCHEMAS, "prediction", prediction())])
def test_a_record_that_is_no_counters_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, garbage: bytes) -> None:
    changelog = Reader([None, CHECKPOINT, garbage])
    monkeypatch.setattr(restore, "TopicReader", lambda *_: changelog)
    store = Store(Settings(), SCHEMAS, COUNTERS_OF_PRE_QUEUE, lambda: Restoration("pre-queue"), lambda: None)
    with pytest.raises(FixCluster, match=r"^x-counters partition 3 offset 2 is no counters: .*write a tombstone for its key b'c'"):
        store.restore({3: 12})
    assert changelog.closed == 1


def counts_of(model: str) -> bytes:
    return encode(SCHEMAS, "counters", Block("pre-queue", 3, model, names=[Slot("c", "collected")]).as_dict())


@pytest.mark.parametrize("keys", [b"abcd", b"aaca"], ids=["another key", "its key"])
def test_a_tombstone_takes_back_what_was_not_compacted_away(monkeypatch: pytest.MonkeyPatch, keys: bytes) -> None:
    counts = encode(SCHEMAS, "counters", Block("pre-queue", 3, "m/a/m", 0, counts=b"\1" + bytes(7)).as_dict())
    monkeypatch.setattr(restore, "TopicReader", lambda *_: Reader([counts_of("m/a/m"), counts, CHECKPOINT, None], keys))
    store = Store(Settings(), SCHEMAS, COUNTERS_OF_PRE_QUEUE, lambda: Restoration("pre-queue"), lambda: None)
    assert list(store.restore({3: 12})[3].models) == ([] if keys == b"aaca" else ["m/a/m"])


def test_what_a_restoration_took_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Taken] = []
    monkeypatch.setattr(restore, "TopicReader", lambda *_: Reader([counts_of("m/a/m"), CHECKPOINT, CHECKPOINT, None], b"abbc"))
    store = Store(Settings(), SCHEMAS, COUNTERS_OF_PRE_QUEUE, lambda: Restoration("pre-queue"), lambda: None, told.append)
    store.restore({3: 12})
    ((seconds, records, size),) = [(taken.seconds, taken.records, taken.bytes) for taken in told]
    assert seconds >= 0
    assert (records, size) == (2, len(counts_of("m/a/m")) + len(CHECKPOINT))


def test_counts_that_have_lost_their_names_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = encode(SCHEMAS, "counters", Block("pre-queue", 3, "m/a/m", 0, counts=b"\1" + bytes(7)).as_dict())
    monkeypatch.setattr(restore, "TopicReader", lambda *_: Reader([counts, CHECKPOINT]))
    store = Store(Settings(), SCHEMAS, COUNTERS_OF_PRE_QUEUE, lambda: Restoration("pre-queue"), lambda: None)
    with pytest.raises(FixCluster, match=r"counters are not whole: the counts of partition 3, model m/a/m, chunk 0 have lost their names"):
        store.restore({3: 12})
