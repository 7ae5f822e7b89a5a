"""The loop of the stage, without a broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Message

from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from processor.metrics import Metrics
from processor.settings import Settings
from processor.stages.bad_records import BadRecordLimit
from processor.stages.pre_queue import SLICE_S, Parts, PreQueue
from processor.stages.watchdog import Watchdog
from processor.state.counters import PartitionCounters

DECODE_S = 9.0
PARTITIONS = 5


class Slow:
    """A clock that only decoding moves on, and a watchdog that looks at it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.died = 0
        self.watchdog = Watchdog(15_000, self._die, lambda: self.now_s)
        self._decoder = PredictionDecoder(Schemas.checked_in())

    def decode(self, values: list[bytes | None]) -> Any:
        self.now_s += DECODE_S
        self.watchdog.check()
        return self._decoder.decode(values)

    def _die(self) -> None:
        self.died += 1


def message(offset: int) -> Message:
    return Message(topic="predictions", partition=0, offset=offset)


def stage(slow: Slow, waits: list[float], due_in_s: float = 0.1) -> PreQueue:
    """The stage over one poll that brings a tombstone of each partition; how long it may take is added to ``waits``."""
    settings = Settings()
    catalog = SimpleNamespace(poll=lambda: False, catalog=SimpleNamespace(watchers={}, version=""))
    transaction = SimpleNamespace(begin=lambda: None, produce=lambda _: None, is_open=False, due_in_s=lambda: due_in_s)

    def poll(_max_records: int, timeout_s: float) -> dict[int, list[Message]]:
        waits.append(timeout_s)
        return {partition: [message(0)] for partition in range(PARTITIONS)}

    member = SimpleNamespace(topic="predictions", poll=poll)
    parts: dict[str, Any] = dict.fromkeys(Parts.__dataclass_fields__) | {
        "settings": settings,
        "catalog": catalog,
        "topics": SimpleNamespace(names=frozenset()),
        "decode": slow.decode,
        "decide": lambda *_: (),
        "outputs": lambda *_: ([], []),
        "restore": lambda committed: {partition: PartitionCounters("pre-queue", partition) for partition in committed},
        "bad": BadRecordLimit(settings),
        "transaction": transaction,
        "join": lambda _: member,
        "metrics": Metrics(),
        "watchdog": slow.watchdog,
    }
    made = PreQueue(Parts(**cast("Any", parts)))
    made._existing = parts["topics"].names
    made.assigned(dict.fromkeys(range(PARTITIONS)))
    return made


def test_partitions_that_take_long_together_are_no_hang(caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow()
    stage(slow, [])._turn()
    assert slow.now_s == DECODE_S * PARTITIONS
    assert slow.died == 0, caplog.text


@pytest.mark.parametrize(("due_in_s", "waited_s"), [(0.1, SLICE_S), (SLICE_S / 2, SLICE_S / 2), (0.0, 0.0)])
def test_a_poll_gathers_for_a_slice_of_what_is_left_until_the_commit(due_in_s: float, waited_s: float) -> None:
    waits: list[float] = []
    stage(Slow(), waits, due_in_s)._turn()
    assert waits == [waited_s]
