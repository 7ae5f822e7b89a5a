"""What keeps a stage exact when it loses what it holds: each of these was switched off once, to see a test fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import TopicPartition

from processor import app
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.errors import FixCluster, RestartProcess
from processor.kafka.reader import Record
from processor.metrics import Metrics
from processor.settings import Settings
from processor.stages import restore
from processor.stages.post_queue import PostParts, PostQueue
from processor.stages.pre_queue import Parts, PreQueue
from processor.stages.restore import Changelog, Store
from processor.state.counters import Block, PartitionCounters, Restoration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMAS = Schemas.checked_in()
NEXT = 12


class Told:
    """Stands in for a stage's transaction, and notes in order what it, the watchdog and the group are asked."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.is_open = True

    def init(self) -> None:
        self.calls.append("init")

    def produce(self, records: Iterable[Any]) -> None:
        list(records)

    def commit(self, _: Any, positions: dict[int, int]) -> None:
        self.calls.append(("commit", dict(positions)))
        self.is_open = False

    def abort(self) -> None:
        self.calls.append("abort")
        self.is_open = False

    def parts(self, names: Iterable[str], **more: Any) -> dict[str, Any]:
        """What a stage is made of, as far as it is asked here."""
        member = SimpleNamespace(topic="t", subscribe=lambda: self.calls.append("subscribe"), close=lambda: None, lag=lambda _: 0)
        catalog = SimpleNamespace(collector=lambda _: None, watchers={})
        made = more | {
            "settings": Settings(),
            "transaction": self,
            "commit": self.commit,
            "watchdog": SimpleNamespace(start=lambda: self.calls.append("watchdog"), beat=lambda: None),
            "join": lambda _: member,
            "metrics": Metrics(),
            "topics": SimpleNamespace(start=lambda: None, stop=lambda: None, names=frozenset()),
            "catalog": SimpleNamespace(bootstrap=lambda: None, poll=lambda: False, catalog=catalog),
            "asker": SimpleNamespace(start=lambda: None, stop=lambda: None),
            "counters": SimpleNamespace(record=lambda block: block),
            "windows": SimpleNamespace(record=lambda block: block),
        }
        return {name: made.get(name) for name in names}


def pre_queue(told: Told) -> PreQueue:
    """A process of the first stage with work of partition 0 in an open transaction."""
    made = PreQueue(Parts(**told.parts(Parts.__dataclass_fields__, counter_record=lambda block: block)))
    made._counters, made._positions, made._uncommitted = {0: PartitionCounters("pre-queue", 0)}, {0: NEXT}, {0}
    return made


def post_queue(told: Told) -> PostQueue:
    """A process of the second stage, likewise."""
    made = PostQueue(PostParts(**told.parts(PostParts.__dataclass_fields__)))
    again = SimpleNamespace(close=lambda: None)
    state = SimpleNamespace(changes=lambda _: [])
    progress = SimpleNamespace(mark=lambda: SimpleNamespace(next_offset=NEXT))
    owned = SimpleNamespace(counters=state, windows=state, progress=progress, again=again, waiting={}, is_changed=True)
    made._owned = {0: cast("Any", owned)}
    return made


STAGES = pytest.mark.parametrize("make", [pre_queue, post_queue])


@STAGES
def test_what_is_open_is_committed_before_a_revoke_is_answered_and_never_after(make: Any) -> None:
    told = Told()
    stage = make(told)
    stage.revoked([0])
    assert told.calls == [("commit", {0: NEXT})]
    told.is_open = True
    stage._commit()
    assert told.calls[1:] == [("commit", {})], "nothing of what was given up"


@STAGES
def test_what_is_open_when_partitions_are_lost_is_aborted_and_the_process_ends(make: Any) -> None:
    told = Told()
    with pytest.raises(RestartProcess, match=r"lost partitions \[0\]"):
        make(told).lost([0])
    assert told.calls == ["abort"]


@STAGES
def test_a_process_is_watched_before_it_waits_for_any_broker(make: Any) -> None:
    told = Told()
    make(told).run(lambda: True)
    assert told.calls[:3] == ["watchdog", "init", "subscribe"]


def test_the_process_of_the_sink_is_watched_while_its_controller_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    watchdog = SimpleNamespace(start=lambda: calls.append("watchdog"), beat=lambda: None)
    monkeypatch.setattr(app, "Watchdog", lambda _: watchdog)
    monkeypatch.setattr(app, "Admin", lambda _: SimpleNamespace(require=lambda _: {}))
    monkeypatch.setattr(app, "CatalogFollower", lambda *_: SimpleNamespace(bootstrap=lambda: None))
    monkeypatch.setattr(app, "Controller", lambda *_: SimpleNamespace(run=lambda _: calls.append("run")))
    app._run_sink(Settings(connect_url="http://connect:8083"), Metrics(), lambda: True)
    assert calls == ["watchdog", "run"]


def test_a_transactional_id_is_the_same_after_a_restart_and_of_one_process_only() -> None:
    settings = Settings(topic_prefix="x-", instance="host-1")
    assert app.transactional_id(settings, "pre-queue", 1) == "x-collectors.pre-queue.host-1.1"


class Readings:
    """Stands in for the changelog: what it has at each reading."""

    def __init__(self, *readings: int) -> None:
        self.left = list(readings)

    def read_to_end(self) -> Iterator[Record]:
        next_offset = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        yield Record(
            "counters", 0, 0, 0, b"checkpoint", encode(SCHEMAS, "counters", Block("pre-queue", 0, next_offset=next_offset).as_dict())
        )

    def close(self) -> None: ...


def restored(monkeypatch: pytest.MonkeyPatch, log: Readings, committed_now: int = NEXT) -> None:
    """Restored for the offset NEXT, where asking once more would tell another."""
    monkeypatch.setattr(restore, "TopicReader", lambda *_: log)
    monkeypatch.setattr(restore, "committed", lambda *_: {"group": [TopicPartition("source", 0, committed_now)]})
    settings = Settings(restore_timeout_ms=1000)
    changelog = Changelog("pre-queue", "counters", "counters", 1, "group", "source")
    Store(settings, SCHEMAS, changelog, lambda: Restoration("pre-queue"), lambda: None).restore({0: NEXT})


@pytest.mark.parametrize("stale", [NEXT - 1, NEXT + 1], ids=["older", "newer"])
def test_state_that_is_not_that_of_the_committed_offset_is_read_again(monkeypatch: pytest.MonkeyPatch, stale: int) -> None:
    log = Readings(stale, stale, NEXT)
    restored(monkeypatch, log)
    assert log.left == [NEXT]


@pytest.mark.parametrize("stale", [NEXT - 1, NEXT + 1], ids=["older", "newer"])
def test_state_that_never_becomes_that_of_the_committed_offset_is_refused(monkeypatch: pytest.MonkeyPatch, stale: int) -> None:
    with pytest.raises(FixCluster, match=f"0: committed {NEXT}, state {stale}"):
        restored(monkeypatch, Readings(stale))


def test_an_offset_that_was_not_the_last_word_is_asked_for_again_by_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator that was losing its place told an old one, and the state will never be that of it."""
    with pytest.raises(RestartProcess, match=rf"offsets of source were committed after they had been asked for \(partition 0: {NEXT}\)"):
        restored(monkeypatch, Readings(NEXT + 300), committed_now=NEXT + 300)
