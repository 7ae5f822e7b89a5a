"""The demo from beginning to end: real Kafka, real data, the real commands, and at the end the question whether it was right."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ruamel.yaml import YAML

from processor.app import group_id, status
from processor.demo.comparison import Inputs, differences
from processor.demo.data import TRAINED_ON, read_digits
from processor.demo.evaluation import Evaluation, key, source_of
from processor.demo.world import world
from processor.errors import CollectorsError
from processor.kafka.lag import progress
from processor.kafka.reader import TopicReader
from processor.producer import PredictionProducer
from processor.stages.pre_queue import STAGE
from processor.topics.names import PREDICTIONS, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from processor.demo.world import Running, World
    from processor.kafka.download import Progress
    from processor.settings import Settings

DOCUMENTS = Path(__file__).with_name("documents.yaml")
PREDICTIONS_DEFAULT = 1500  # every scan that the model was not trained on, once
PROCESSES = 2
STALLED_S = 60.0
LOOK_EVERY_S = 0.2


class Audience(Protocol):
    """Whoever watches a demo."""

    def step(self, text: str) -> None:
        """Something begins."""

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
        settings: where the broker's jars come from and are kept, and where topics.yaml and the schemas are; nothing else of them is used.
        count: how many predictions.
        audience: told what happens.

    Raises:
        CollectorsError: it could not be carried through.
    """
    audience.step(f"training a small neural network on the first {TRAINED_ON} of scikit-learn's scanned digits; it reads the others")
    reads = read_digits()
    audience.step("starting a Kafka broker of the demo's own")
    with world(settings, audience.downloads) as there:
        audience.step(f"Kafka answers at {there.settings.bootstrap_servers}; making topics, a key and documents")
        evaluation = _set_up(there)
        audience.step("\n".join(f"  {key(collector)}: {collector['description']}" for collector in evaluation.collectors))
        audience.step(f"running the processor: `collectors run {STAGE} --processes {PROCESSES}`")
        with there.running("run", STAGE, "--processes", str(PROCESSES)) as processor:
            with audience.counting("published", count) as report:
                originals = _publish(there.settings, reads.predictions(count), evaluation, report)
            with audience.counting("decided", count) as report:
                _wait_until_decided(there.settings, processor, count, report)
        audience.step("reading the inputs back, and comparing with an evaluation of its own, record by record")
        return _outcome(there.settings, evaluation, originals)


def _set_up(there: World) -> Evaluation:
    """Topics, key and documents, by the commands a person would type."""
    evaluation = Evaluation(YAML(typ="safe", pure=True).load_all(DOCUMENTS))
    there.run("topics", "apply")
    for owner, app, key_id in sorted({_posted_with(collector) for collector in evaluation.collectors}):
        there.run("keys", "create", "--user", owner, "--app", app, "--id", key_id, "--scopes", "PostInputs")
    there.run("apply", "-f", str(DOCUMENTS))
    return evaluation


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


def _wait_until_decided(settings: Settings, processor: Running, count: int, report: Callable[[int], None]) -> None:
    """Wait until the processor has committed every prediction, as long as it gets on.

    Raises:
        CollectorsError: it ended, or has not got on for a minute.
    """
    last, since = count, time.monotonic()
    while last:
        time.sleep(LOOK_EVERY_S)
        processor.require()
        lag = progress(settings, group_id(settings, STAGE), prefixed(settings, PREDICTIONS)).lag
        report(count - lag)
        if lag < last:
            last, since = lag, time.monotonic()
        elif time.monotonic() - since > STALLED_S:
            raise CollectorsError(
                f"the processor has decided {count - lag} of {count} predictions and none for {STALLED_S:.0f} s; "
                f"its last words:\n{processor.last_words()}"
            )


def _outcome(settings: Settings, evaluation: Evaluation, originals: Mapping[str, Any]) -> Outcome:
    """Look at what is in the topics now."""
    inputs = Inputs(originals, evaluation.expected)
    topics = sorted({inputs_topic(collector["user_id"], collector["app_id"]) for collector in evaluation.collectors})
    reader = TopicReader(settings, [prefixed(settings, topic) for topic in topics])
    for record in reader.read_to_end():
        inputs.add(record)
    reader.close()
    summary = status(settings)
    found = differences(evaluation.expected, inputs, summary["collectors"])
    for row in summary["collectors"]:
        row["expected"] = len(evaluation.expected[row["collector"]].collected)
    return Outcome(summary, found)
