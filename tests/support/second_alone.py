"""The second stage without a broker: its own loop and its own restoring, over a log in memory, driven step by step."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from processor.codec.arrow_schema import arrow_schema
from processor.codec.candidates import candidate_decoder
from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.reader import Record
from processor.kafka.writer import Outgoing
from processor.metrics import Metrics
from processor.second.operate import Operate
from processor.second.workflow import workflow_runner
from processor.settings import Settings
from processor.stages.bad_records import BadRecordLimit
from processor.stages.outputs import Outputs
from processor.stages.post_queue import PostParts, PostQueue
from processor.stages.restore import Changelog, Store
from processor.state.counters import Restoration
from processor.state.windows import WindowRestoration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from processor.engine.collector import Collector
    from processor.second.workflow import Ask

SCHEMAS = Schemas.checked_in()
OPERATE = Operate(arrow_schema(SCHEMAS.writer("prediction")))
SETTINGS = Settings()
ENCODE = candidate_encoder(SCHEMAS)
DECODE = candidate_decoder(SCHEMAS)
QUEUED_MS = 4_000_000_000_000
PARTITION = 0


@dataclass
class Log:
    """What the cluster holds: the queue, and all that was committed.

    Attributes:
        queue: candidates, by offset.
        records: of every topic, in the order of their commits; nothing is compacted.
        offset: the committed one; None: there is none yet.
    """

    queue: list[Any] = field(default_factory=list)
    records: list[Outgoing] = field(default_factory=list)
    offset: int | None = None

    def put(self, collector: str, prediction: Mapping[str, Any]) -> None:
        """Queue a candidate."""
        value = ENCODE(collector, 1.0, "0" * 24, encode(SCHEMAS, "prediction", prediction)[5:])
        offset, key = len(self.queue), collector.encode()
        self.queue.append(
            SimpleNamespace(
                value=lambda: value,
                key=lambda: key,
                headers=list,
                partition=lambda: PARTITION,
                offset=lambda: offset,
                timestamp=lambda: (1, QUEUED_MS),
            )
        )

    def of(self, topic: str) -> list[Outgoing]:
        """What was committed to a topic."""
        return [record for record in self.records if record.topic == topic]


class Reader:
    """Reads a changelog, in place of the one that reads Kafka."""

    def __init__(self, log: Log, topic: str) -> None:
        self._found = log.of(topic)

    def read_to_end(self) -> Iterator[Record]:
        for offset, record in enumerate(self._found):
            yield Record(record.topic, PARTITION, offset, 0, record.key, record.value)

    def close(self) -> None:
        """Nothing."""


class Process:
    """One life of a process of the stage.

    Args:
        log: what it reads and commits to.
        collectors: the catalog, by key.
        ask_of: what asks models about a prediction.
        made: when collectors were created, by key.
    """

    def __init__(
        self, log: Log, collectors: Mapping[str, Collector], ask_of: Callable[[Mapping[str, Any]], Ask], made: Mapping[str, str]
    ) -> None:
        self._log, self._at, self._most, self._due = log, log.offset or 0, 0, False
        self._open: list[Outgoing] | None = None
        self._under_way: list[tuple[Any, Future[Any]]] = []

        async def run(second: Any, key: str, prediction: Mapping[str, Any]) -> Any:
            return await workflow_runner(OPERATE, ask_of(prediction))(second, key, prediction)

        transaction, outputs = self._transaction(), Outputs(SETTINGS, ENCODE)
        there = SimpleNamespace(
            collector=collectors.get,
            get=lambda _, key: SimpleNamespace(created_at=made[key]) if key in made else None,
            version="",
        )
        parts: dict[str, Any] = dict.fromkeys(PostParts.__dataclass_fields__) | {
            "settings": SETTINGS,
            "catalog": SimpleNamespace(poll=lambda: False, catalog=there),
            "topics": SimpleNamespace(names=frozenset()),
            "decode": DECODE,
            "run": run,
            "asker": SimpleNamespace(submit=self._submit),
            "outputs": outputs,
            "counters": Store(SETTINGS, SCHEMAS, Changelog("post-queue", "counters", "counters", 1, "", ""), _counters, _nothing),
            "windows": Store(
                SETTINGS, SCHEMAS, Changelog("post-queue", "queue.state", "queue_state", 1, "", ""), WindowRestoration, _nothing
            ),
            "spent": lambda key, _: Outgoing("spent-quotas", key.encode(), b""),
            "bad": BadRecordLimit(SETTINGS),
            "transaction": transaction,
            "join": lambda _: SimpleNamespace(topic="queue", poll=self._poll, pause=_nothing, lag=lambda _: 0),
            "read_again": lambda _: SimpleNamespace(poll=lambda _: [], close=_nothing, go_to=_nothing, rest=_nothing),
            "metrics": Metrics(),
            "watchdog": SimpleNamespace(beat=_nothing),
        }
        self._stage = PostQueue(PostParts(**cast("Any", parts)))
        self._stage._existing = parts["topics"].names
        self._stage.assigned({PARTITION: log.offset})

    @property
    def is_done(self) -> bool:
        """Nothing is to be read, under way or to be committed."""
        return self._at == len(self._log.queue) and not self._under_way and self._open is None

    def read(self, most: int) -> None:
        """Take candidates."""
        self._most = most
        self._stage._turn()
        self._most = 0

    def end(self, which: int) -> None:
        """One of the workflows under way ends; what can be settled then is."""
        if self._under_way:
            work, future = self._under_way.pop(which % len(self._under_way))
            future.set_result(asyncio.run(work))
        self._stage._turn()

    def commit(self) -> None:
        """Commit what is done."""
        self._due = True
        self._stage._turn()
        self._due = False

    def die(self) -> None:
        """Nothing of what is open is ever seen."""
        for work, _ in self._under_way:
            work.close()

    def _submit(self, work: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._under_way.append((work, future))
        return future

    def _poll(self, most: int, _: float) -> dict[int, list[Any]]:
        count = min(most, self._most)
        found = self._log.queue[self._at : self._at + count]
        self._at += len(found)
        self._most -= len(found)
        return {PARTITION: found} if found else {}

    def _transaction(self) -> Any:
        process = self

        class Transaction:
            """Of one life of a process."""

            @property
            def is_open(self) -> bool:
                return process._open is not None

            def due_in_s(self) -> float:
                return 0.0 if process._due else 1.0

            def begin(self) -> None:
                process._open = process._open or []

            def produce(self, records: Iterable[Outgoing]) -> None:
                assert process._open is not None, "nothing is produced outside a transaction"
                process._open.extend(records)

            def commit(self, _: Any, positions: Mapping[int, int]) -> None:
                process._log.records += process._open or []
                process._log.offset, process._open = positions[PARTITION], None

        return Transaction()


def _counters() -> Restoration:
    return Restoration("post-queue")


def _nothing(*_: Any, **__: Any) -> None:
    """Does it."""
