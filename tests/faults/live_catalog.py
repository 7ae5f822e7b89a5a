"""The catalog changes under load, and every prediction is held to the catalog it was decided with.

A witness collects everything, so its input of a prediction tells the catalog version that the whole batch was decided with; the history
is checked by that. Run by ``scripts/live-catalog``, which prints how long each change took to reach every partition, and by a test, which
does not look at times.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from processor.kafka.reader import TopicReader
from processor.topics.names import QUEUE, inputs_topic, prefixed
from tests.history.checker import Finding, Kind, check
from tests.history.history import CatalogState, History, Place, Produced, Taken
from tests.support.processes import Processor, give
from tests.support.rewrites import BY_KEY, NEW, WATCH, WITNESS, key_of, key_revoked, new_app, paused, threshold, without_workflow
from tests.support.stage import behind, newest_changeset
from tests.support.waiting import wait_until
from tests.support.world import Publisher, predictions, set_up

if TYPE_CHECKING:
    from processor.settings import Settings
    from tests.support.rewrites import Change

BATCH = 60
PARTITIONS = 6
APPS = ("quality", "second", "watch", "third")
# Candidates tell their catalog as well, but are another test's.
FIRST_STAGE = {key: one for key, one in BY_KEY.items() if not one["second_stage"]}


def changes() -> list[Change]:
    """A threshold, a pause, a workflow, a key, and a collector of a new app."""
    return [threshold(0.5), paused(is_paused=True), without_workflow(), key_revoked("second", FIRST_STAGE), new_app()]


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        delays_ms: change → time until every partition was decided with its catalog.
        findings: what is wrong.
        predictions: how many were decided.
    """

    delays_ms: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    predictions: int = 0


class LiveCatalog:
    """One run: load, changes, comparison."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self._settings = settings
        self._seed = seed
        self._changes = changes()
        self._states: list[CatalogState] = []
        self._produced: list[Produced] = []
        self._stop = threading.Event()

    def run(self) -> Outcome:
        """Make every change under load, let everything be processed, and compare."""
        set_up(self._settings)
        for name in ("watch", "third"):
            give(self._settings, "keys", "create", *key_of(name), "--scopes", "PostInputs")
        give(self._settings, "apply", "-f", "-", text=WATCH)
        self._states = [CatalogState(*newest_changeset(self._settings), {**FIRST_STAGE, WITNESS["key"]: WITNESS})]
        with Processor(self._settings, 2) as processor:
            load = threading.Thread(target=self._publish)
            load.start()
            try:
                wait_until(lambda: len(self._witnessed()) > BATCH, "the first inputs", 60)
                for change in self._changes:
                    self._make(change)
            finally:
                self._stop.set()
                load.join()
            wait_until(lambda: not behind(self._settings), "everything to be processed", 60, 0.5)
            assert processor.terminate() == 0, processor.log()[-5000:]
        return self._outcome()

    def _publish(self) -> None:
        publisher, ends = Publisher(self._settings), [0] * PARTITIONS
        stream = predictions(10**9, self._seed)
        while not self._stop.wait(0.03):
            for each in itertools.islice(stream, BATCH):
                partition = partition_of(each["id"])
                self._produced.append(Produced(each, partition, ends[partition], time.time() * 1000))
                ends[partition] += 1
            publisher.publish([each.prediction for each in self._produced[-BATCH:]], partition_of)

    def _make(self, change: Change) -> None:
        give(self._settings, *change.arguments, text=change.text)
        version, made_ms = newest_changeset(self._settings)
        self._states.append(CatalogState(version, made_ms, self._states[-1].collectors | change.after))
        wait_until(lambda: self._reached(version), f"{change.name} to reach every process", 60, 0.3)

    def _reached(self, version: str) -> bool:
        """Whether every partition has been decided with this catalog."""
        newest = {partition_of(each.prediction): each.version for each in self._witnessed()}
        return len(newest) == PARTITIONS and min(newest.values()) >= version

    def _read(self, *apps: str) -> list[Taken]:
        """Every input of these apps."""
        reader = TopicReader(self._settings, [prefixed(self._settings, inputs_topic("acme", each)) for each in apps])
        try:
            return [_taken(record) for record in reader.read_to_end()]
        finally:
            reader.close()

    def _witnessed(self) -> list[Taken]:
        return self._read("watch")

    def _outcome(self) -> Outcome:
        taken = self._read(*APPS)
        queue = prefixed(self._settings, QUEUE)
        history = History(self._produced, self._states, taken, queue=queue, staleness_ms=float("inf"))
        witnessed = [each for each in taken if each.collector == WITNESS["key"]]
        outcome = Outcome(
            predictions=len(witnessed), findings=[each for each in check(history).findings if not self._is_excused(each, taken)]
        )
        for change, state in zip(self._changes, self._states[1:], strict=True):
            late = [each.at_ms for each in witnessed if each.version < state.version]
            outcome.delays_ms[change.name] = round(max(0.0, max(late) - state.written_ms))
        return outcome

    def _is_excused(self, finding: Finding, taken: list[Taken]) -> bool:
        """A process may learn of a new topic a moment after its collector: until then the collector is inactive."""
        if finding.kind is not Kind.LOST or finding.collector != NEW["key"]:
            return False
        partition, number = partition_of(finding.subject), number_of(finding.subject)
        return all(
            number_of(each.prediction) > number
            for each in taken
            if each.collector == NEW["key"] and partition_of(each.prediction) == partition
        )


def _taken(record: Any) -> Taken:
    headers = {name: value.decode() for name, value in record.headers}
    place = Place(record.topic, record.partition, record.offset)
    return Taken(place, headers["collector"], headers["prediction-id"], headers["catalog-version"], record.timestamp_ms)


def number_of(prediction_id: str) -> int:
    """Of a prediction in its stream."""
    return int(prediction_id.rsplit("-", 1)[1])


def partition_of(prediction_id: str) -> int:
    """Where a prediction is published, so that its order among others is known."""
    return number_of(prediction_id) % PARTITIONS
