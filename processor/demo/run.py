"""The demo from beginning to end: real Kafka, real data, the real commands, and at the end the question whether it was right."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ruamel.yaml import YAML

from processor.app import POST_QUEUE, group_id, sink_status, status
from processor.codec.candidates import candidate_decoder
from processor.codec.registry import Schemas
from processor.demo.comparison import Delivered, Inputs, differences, queue_differences, sink_differences
from processor.demo.data import TRAINED_ON, read_digits, require_libraries
from processor.demo.evaluation import key, source_of
from processor.demo.expectation import Expectation
from processor.demo.posted import Destination
from processor.demo.second_reader import FILE
from processor.demo.world import MODELS_FOLDER, world
from processor.errors import CollectorsError
from processor.kafka.lag import progress
from processor.kafka.reader import TopicReader
from processor.producer import PredictionProducer
from processor.stages.pre_queue import STAGE as PRE_QUEUE
from processor.topics.names import PREDICTIONS, QUEUE, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from processor.demo.data import Reads
    from processor.demo.evaluation import Evaluation
    from processor.demo.posted import Posted
    from processor.demo.world import Running, World
    from processor.kafka.download import Progress
    from processor.kafka.reader import Record
    from processor.settings import Settings

DOCUMENTS = Path(__file__).with_name("documents.yaml")
SECOND_MODEL = "acme/training/second-reader"
NO_SHA256 = "0" * 64  # in the documents, where that of the second model's file has to be
PROCESSES = 2
STALLED_S = 60.0
LOOK_EVERY_S = 0.2


class Audience(Protocol):
    """Whoever watches a demo."""

    def step(self, text: str) -> None:
        """Something begins."""

    def show(self, outcome: Outcome, url: str) -> None:
        """How it ended; what was collected can be looked at there for as long as this takes."""

    def downloads(self) -> AbstractContextManager[Progress]:
        """What is to be told about downloads, for as long as there may be some."""

    def counting(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Something is counted up to a total; gives what to call with every new count."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a demo ended.

    Attributes:
        summary: as ``demo --json`` prints it.
        differences: from what had to come out, a line each.
    """

    summary: dict[str, Any]
    differences: list[str]


def run_demo(settings: Settings, count: int, audience: Audience) -> Outcome:
    """Run the demo.

    Args:
        settings: where the jars come from and are kept, and where topics.yaml and the schemas are; nothing else of them is used.
        count: how many predictions.
        audience: told what happens.

    Raises:
        FixUsage: the ``demo`` extra is not installed.
        CollectorsError: it could not be carried through.
    """
    require_libraries()
    audience.step(f"training two small models on the first {TRAINED_ON} of scikit-learn's scanned digits; they read the others")
    audience.step("starting a Kafka broker and a Kafka Connect worker of the demo's own")
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read_digits)
        with world(settings, audience.downloads) as there:
            audience.step(f"Kafka answers at {there.settings.bootstrap_servers}; making topics, a key and documents")
            there.run("topics", "apply")
            expectation = _set_up(there, reading.result())
            descriptions = [f"  {key(collector)}: {collector['description']}" for collector in expectation.first.collectors]
            audience.step("\n".join(descriptions))
            there.wait_for_worker()
            return _run_in(there, expectation, reading.result().predictions(count), count, audience)


def _run_in(there: World, expectation: Expectation, predictions: Iterator[dict[str, Any]], count: int, audience: Audience) -> Outcome:
    """Processor, sink and destination, and what comes of the predictions."""
    url = there.settings.destination_url
    with (
        there.running("destination", "--port", url.rpartition(":")[2]) as destination,
        there.running("run", "all", "--processes", str(PROCESSES)) as processor,
    ):
        audience.step(f"running the processor and the sink: `collectors run all --processes {PROCESSES}`")
        audience.step(f"the collected images arrive at {url} while the demo runs")
        with audience.counting("published", count) as report:
            originals = _publish(there.settings, predictions, expectation.first, report)
        queue = _follow(there.settings, expectation, count, partial(_wait_for, services=(processor, destination), audience=audience))
        audience.step("reading the inputs back, from the topics and from the destination, and comparing with an evaluation of its own")
        outcome = _outcome(there, expectation, originals, queue)
        audience.show(outcome, url)
    return outcome


def _follow(
    settings: Settings, expectation: Expectation, count: int, wait: Callable[[str, int, Callable[[], int]], None]
) -> list[tuple[str, str]]:
    """Wait until all of the predictions are where they belong; what was in the queue, in its order."""
    wait("decided", count, lambda: _lag(settings, PRE_QUEUE, PREDICTIONS))
    candidates = sum(len(expected.candidates) for expected in expectation.expected.values())
    wait("settled", candidates, lambda: _lag(settings, POST_QUEUE, QUEUE))
    queue = list(_queue(settings))
    expectation.settle(queue)
    wait("posted", expectation.collected, lambda: _not_posted(settings))
    return queue


def _set_up(there: World, reads: Reads) -> Expectation:
    """Key, model and documents, by the commands a person would type."""
    there.write(f"{MODELS_FOLDER}/{FILE}", reads.second.content)
    text = DOCUMENTS.read_text(encoding="utf-8").replace(NO_SHA256, reads.second.sha256)
    expectation = Expectation(list(YAML(typ="safe", pure=True).load_all(text)), {SECOND_MODEL: reads.second_answers()})
    for owner, app, key_id in sorted({_posted_with(collector) for collector in expectation.first.collectors}):
        there.run("keys", "create", "--user", owner, "--app", app, "--id", key_id, "--scopes", "PostInputs")
    there.run("apply", "-f", str(there.write(DOCUMENTS.name, text.encode())))
    return expectation


def _posted_with(collector: Mapping[str, Any]) -> tuple[str, str, str]:
    return collector["user_id"], collector["app_id"], source_of(collector)["post_inputs_key_id"]


def _publish(
    settings: Settings, predictions: Iterator[dict[str, Any]], evaluation: Evaluation, report: Callable[[int], None]
) -> dict[str, Any]:
    """Publish predictions and hand each to the evaluation too; the input data of all, by prediction id.

    Raises:
        CollectorsError: some did not arrive.
    """
    originals = {}
    with PredictionProducer(settings) as producer:
        for number, prediction in enumerate(predictions, start=1):
            producer.publish(prediction, block=True)
            evaluation.add(prediction)
            originals[prediction["id"]] = prediction["input"]["data"]
            report(number)
    if producer.delivered < len(originals):
        raise CollectorsError(
            f"{producer.delivered} of {len(originals)} predictions arrived at the demo's broker; is this machine overloaded?"
        )
    return originals


def _lag(settings: Settings, stage: str, topic: str) -> int:
    """Records that a stage has not committed yet."""
    return progress(settings, group_id(settings, stage), prefixed(settings, topic)).lag


def _queue(settings: Settings) -> Iterator[tuple[str, str]]:
    """(collector, prediction id) of all candidates, those of one collector in the order of the queue."""
    decode, reader = candidate_decoder(Schemas.from_settings(settings)), TopicReader(settings, [prefixed(settings, QUEUE)])
    for record in reader.read_to_end():
        candidate = decode(record.value)
        yield candidate["collector"], candidate["prediction"]["id"]
    reader.close()


def _not_posted(settings: Settings) -> int:
    """Inputs that are not at the destination yet."""
    return sum(row.lag for row in sink_status(settings))


def _wait_for(what: str, total: int, left: Callable[[], int], services: Sequence[Running], audience: Audience) -> None:
    """Wait until nothing is left, as long as it gets on.

    Raises:
        CollectorsError: a service ended, or nothing has got on for a minute.
    """
    last, since = total, time.monotonic()
    with audience.counting(what, total) as report:
        while last:
            time.sleep(LOOK_EVERY_S)
            for service in services:
                service.require()
            now = left()
            report(max(0, total - now))
            if now < last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                said = "\n".join(service.last_words() for service in services)
                raise CollectorsError(f"{now} of {total} are left, and none got on for {STALLED_S:.0f} s; the last words were:\n{said}")


def _outcome(there: World, expectation: Expectation, originals: Mapping[str, Any], queue: Iterable[tuple[str, str]]) -> Outcome:
    """Look at what is in the topics and at the destination now."""
    evaluation, expected = expectation.first, expectation.expected
    inputs, delivered = Inputs(originals, expected), Delivered(originals, expected)
    for record in _collected(there.settings, evaluation):
        inputs.add(record)
    for posted in _posted(there, evaluation):
        delivered.add(posted)
    summary = status(there.settings)
    found = queue_differences(expected, queue) + differences(expected, inputs, delivered, summary["collectors"])
    found += sink_differences(summary["collectors"], summary["sink"])
    for row in summary["collectors"]:
        row["expected"] = len(expected[row["collector"]].collected)
        row["posted"] = len(delivered.found[row["collector"]].ids)
    return Outcome(summary, found)


def _collected(settings: Settings, evaluation: Evaluation) -> Iterator[Record]:
    topics = sorted({inputs_topic(collector["user_id"], collector["app_id"]) for collector in evaluation.collectors})
    reader = TopicReader(settings, [prefixed(settings, topic) for topic in topics])
    yield from reader.read_to_end()
    reader.close()


def _posted(there: World, evaluation: Evaluation) -> Iterator[Posted]:
    """What the destination has, read with the keys that it was posted with."""
    keys = {f"{owner}/{app}": there.secret(owner, app, key_id) for owner, app, key_id in map(_posted_with, evaluation.collectors)}
    for app, secret in sorted(keys.items()):
        destination = Destination(there.settings.destination_url, app, secret)
        yield from destination.inputs()
        destination.close()
