"""The catalog changes under load, and every prediction is held to the catalog it was decided with.

A witness collects everything, so its input of a prediction tells the catalog version that the whole batch was decided with. What every
other collector took is then compared, prediction by prediction, with the oracle under the documents of that version. Run by
``scripts/live-catalog``, which prints how long each change took to reach every partition, and by a test, which does not look at times.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from processor import app
from processor.catalog.changes import ID_HEADER
from processor.catalog.records import TOPICS
from processor.kafka.reader import TopicReader
from processor.topics.names import inputs_topic, prefixed
from tests.support.oracle import judge
from tests.support.processes import Processor, collectors
from tests.support.waiting import wait_until
from tests.support.world import COLLECTORS, Publisher, collector, operator, plain, predictions, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

WITNESS = "acme/watch/witness"
NEW = "acme/third/new"
SECONDS_BETWEEN = 3.0
BATCH = 60
PARTITIONS = 6

KEY = ("--user", "acme", "--scopes", "PostInputs", "--id", "ingest", "--app")
WATCH = "kind: App\nuser_id: acme\nid: watch\nplan: professional\n---\n" + collector("watch", "witness", "pre_queue_random_sample: 1.0")
THIRD = "kind: App\nuser_id: acme\nid: third\nplan: professional\n---\n" + collector("third", "new", "pre_queue_random_sample: 1.0")


@dataclass
class Step:
    """One change of the catalog.

    Attributes:
        name: what it does, for the report.
        command: arguments and standard input of the command that makes it.
        after: key → the collector as the oracle sees it from then on.
        version: the newest changeset once it is made.
        made_ms: when that was written.
    """

    name: str
    command: tuple[tuple[str, ...], str | None]
    after: dict[str, dict[str, Any]]
    version: str = ""
    made_ms: int = 0


def steps() -> list[Step]:
    """A threshold, a pause, a workflow, a key, and a collector of a new app."""
    wider = {"data": {"concepts": [{"id": "dog", "value": 0.5}]}}
    by_key = {one["key"]: one for one in COLLECTORS}
    dogs = by_key["acme/quality/dogs"]
    second = {key: one | {"active": False} for key, one in by_key.items() if key.startswith("acme/second/")}
    pause = collector("second", "random", "pre_queue_random_sample: 0.05\nstatus: {code: 52002}")
    apply = ("apply", "-f", "-")
    return [
        Step(
            "a threshold is lowered",
            (apply, operator("quality", "dogs", "concept-threshold", "{data: {concepts: [{id: dog, value: 0.5}]}}")),
            {dogs["key"]: dogs | {"nodes": [dogs["nodes"][0] | {"output_info": wider}]}},
        ),
        Step("a collector is paused", (apply, pause), {"acme/second/random": by_key["acme/second/random"] | {"active": False}}),
        Step(
            "a workflow is deleted",
            (("delete", "workflow", "sample", "--user", "acme", "--app", "quality"), None),
            {"acme/quality/tenth": by_key["acme/quality/tenth"] | {"active": False}},
        ),
        Step("a key is revoked", (("keys", "revoke", "--user", "acme", "--app", "second", "--id", "ingest"), None), second),
        Step("a collector of a new app", (apply, THIRD), {NEW: plain("third/new", random_sample=1.0)}),
    ]


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        delays_ms: step → time until every partition was decided with its catalog.
        wrong: (collector, prediction id, version, what the oracle says) where they differ.
        predictions: how many were decided.
    """

    delays_ms: dict[str, int] = field(default_factory=dict)
    wrong: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    doubled: list[tuple[str, str]] = field(default_factory=list)
    predictions: int = 0


class LiveCatalog:
    """One run: load, changes, comparison."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self._settings = settings
        self._seed = seed
        self._steps = steps()
        self._stream: list[dict[str, Any]] = []
        self._stop = threading.Event()

    def run(self) -> Outcome:
        """Make every change under load, let everything be processed, and compare."""
        set_up(self._settings)
        self._command("keys", "create", *KEY, "watch")
        self._command("keys", "create", *KEY, "third")
        self._command("apply", "-f", "-", given=WATCH)
        first = Step("the beginning", ((), None), {one["key"]: one for one in COLLECTORS}, *self._newest())
        with Processor(self._settings, 2) as processor:
            load = threading.Thread(target=self._publish)
            load.start()
            try:
                wait_until(lambda: len(self._witnessed()) > BATCH, "the first inputs", 60)
                for step in self._steps:
                    self._make(step)
            finally:
                self._stop.set()
                load.join()
            wait_until(lambda: not app.status(self._settings)["lag"]["predictions"], "everything to be processed", 60, 0.5)
            assert processor.terminate() == 0, processor.log()[-5000:]
        return self._compare([first, *self._steps])

    def _publish(self) -> None:
        publisher = Publisher(self._settings)
        stream = predictions(10**9, self._seed)
        while not self._stop.wait(0.03):
            batch = list(itertools.islice(stream, BATCH))
            self._stream += batch
            publisher.publish(batch, partition_of)

    def _make(self, step: Step) -> None:
        arguments, given = step.command
        self._command(*arguments, given=given)
        step.version, step.made_ms = self._newest()
        wait_until(lambda: self._reached(step.version), f"{step.name} to reach every process", 60, 0.3)

    def _command(self, *arguments: str, given: str | None = None) -> None:
        done = collectors(self._settings, *arguments, input=given)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"

    def _reached(self, version: str) -> bool:
        """Whether every partition has been decided with this catalog."""
        newest: dict[int, str] = {}
        for prediction, (version_then, _) in self._witnessed().items():
            newest[partition_of(prediction)] = version_then
        return len(newest) == PARTITIONS and min(newest.values()) >= version

    def _newest(self) -> tuple[str, int]:
        """The newest changeset, and when it was written."""
        reader = TopicReader(self._settings, [prefixed(self._settings, topic) for topic in TOPICS.values()])
        found = [(dict(record.headers)[ID_HEADER].decode(), record.timestamp_ms) for record in reader.read_to_end()]
        reader.close()
        return max(found)

    def _read(self, *apps: str) -> Iterator[tuple[str, str, str, int]]:
        """(collector, prediction id, catalog version, timestamp) of every input of these apps."""
        reader = TopicReader(self._settings, [prefixed(self._settings, inputs_topic("acme", each)) for each in apps])
        for record in reader.read_to_end():
            headers = {name: value.decode() for name, value in record.headers}
            yield headers["collector"], headers["prediction-id"], headers["catalog-version"], record.timestamp_ms
        reader.close()

    def _witnessed(self) -> dict[str, tuple[str, int]]:
        """Prediction id → the catalog version it was decided with, and when."""
        return {prediction: (version, when) for _, prediction, version, when in self._read("watch")}

    def _compare(self, steps: list[Step]) -> Outcome:
        outcome = Outcome()
        witnessed = self._witnessed()
        seen: dict[tuple[str, str], str] = {}
        for key, prediction, version, _ in self._read("quality", "second", "watch", "third"):
            if (key, prediction) in seen:
                outcome.doubled.append((key, prediction))
            seen[key, prediction] = version
        outcome.predictions = len(witnessed)
        outcome.wrong = list(self._differences(steps, witnessed, seen))
        late = {step.name: [when for version, when in witnessed.values() if version < step.version] for step in steps[1:]}
        outcome.delays_ms = {step.name: round(max(0.0, max(late[step.name]) - step.made_ms)) for step in steps[1:]}
        return outcome

    def _differences(
        self, steps: list[Step], witnessed: dict[str, tuple[str, int]], seen: dict[tuple[str, str], str]
    ) -> Iterator[tuple[str, str, str, str | None]]:
        begun: set[int] = set()
        for prediction in self._stream:
            if judge(plain("watch/witness", random_sample=1.0), prediction, {})[0] != "collected":
                continue
            if prediction["id"] not in witnessed:
                yield WITNESS, prediction["id"], "", "collected"
                continue
            version = witnessed[prediction["id"]][0]
            known: dict[str, dict[str, Any]] = {}
            for step in steps:
                known |= step.after if step.version <= version else {}
            for key, one in known.items():
                wanted = judge(one, prediction, {})[0]
                taken = (key, prediction["id"]) in seen
                partition = partition_of(prediction["id"])
                if key == NEW and taken:
                    begun.add(partition)
                # A process may learn of a new topic a moment after its collector: until then the collector is inactive.
                excused = key == NEW and partition not in begun
                if not one["second_stage"] and not excused and (wanted == "collected") != taken:
                    yield key, prediction["id"], version, wanted


def partition_of(prediction_id: str) -> int:
    """Where a prediction is published, so that its order among others is known."""
    return int(prediction_id.rsplit("-", 1)[1]) % PARTITIONS
