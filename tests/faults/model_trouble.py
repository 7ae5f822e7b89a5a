"""``scripts/model-trouble``: a model that is slow, down, or answers garbage; what others notice of it, and what becomes of its candidates.

One after another, equally long: a collector whose model is slow (2 s), away (connection refused), or answers garbage, beside one without a
model and one whose model is well; and before each of these stretches one in which all are well. Printed are, of the two others, the
times from a candidate's stamp in the queue to the moment when a read-committed reader has its input, beside those of the calm stretch;
memory; and where every candidate went. All are accounted for, or the run fails.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.kafka.machine import free_port
from processor.kafka.reader import TopicReader
from processor.topics.names import QUEUE, QUEUE_DEAD_LETTERS, inputs_topic, prefixed
from tests.support.memory import Memory
from tests.support.predictions import input_of, prediction
from tests.support.processes import give
from tests.support.sites import Asked, Background, answer
from tests.support.waiting import wait_until
from tests.support.world import collector, operator, workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.kafka.reader import Record
    from processor.settings import Settings
    from tests.support.processes import Processor

SCHEMAS = Schemas.checked_in()
CALM = "calm"
TROUBLES = ("slow", "down", "garbage")
OTHERS = ("plain", "healthy")
PER_SECOND = {"plain": 60, "healthy": 60, "trouble": 180}  # of the last, more than a model of 2 s can take
TICK_S = 0.02
SETTLE_S = 600


class Models:
    """The models' servers, in an event loop of their own thread; nobody listens where the one that is down should be.

    Args:
        slow_s: how long the slow one takes.
    """

    def __init__(self, slow_s: float) -> None:
        self._slow_s = slow_s
        self._answering = asyncio.Event()
        self._answering.set()
        self._there = Background(self._answer)

    def __enter__(self) -> Self:
        self._there.__enter__()
        self._nobody = free_port()
        return self

    def __exit__(self, *_: object) -> None:
        self.answer_slow(True)
        self._there.__exit__()

    def answer_slow(self, does: bool) -> None:
        """Whether the slow one answers at all."""
        self._there.loop.call_soon_threadsafe(self._answering.set if does else self._answering.clear)

    def endpoint(self, name: str) -> str:
        """Of a model, by its name."""
        path = f"/v2/models/{name}"
        return "open-inference+" + (f"http://127.0.0.1:{self._nobody}{path}" if name == "down" else self._there.site.url(path))

    async def _answer(self, asked: Asked) -> bytes:
        self._there.site.asked.clear()
        name = asked.target.split("/")[3]
        if name == "slow":
            await asyncio.sleep(self._slow_s)
            await self._answering.wait()
        if name == "garbage":
            return answer(body="<html>It works!</html>")
        (texts,) = asked.json["inputs"]
        scores = [0.5] * len(texts["data"])
        return answer(body={"outputs": [{"name": "scores", "shape": [len(scores), 1], "datatype": "FP32", "data": scores}]})


def set_up(settings: Settings, models: Models) -> None:
    """Topics, and a collector a model, and one without."""
    info = {
        "params": {"inputs": [{"name": "texts", "from": "text"}], "outputs": [{"name": "scores", "as": "concepts"}]},
        "data": {"concepts": [{"id": "x"}]},
    }
    documents = ["kind: App\nuser_id: acme\nid: quality\nplan: professional\n"]
    documents.append(collector("quality", "plain", "pre_queue_random_sample: 1.0\nquota: {per_day: 100000000}"))
    for name in ("healthy", CALM, *TROUBLES):
        model = operator("quality", name, "text-classifier", orjson.dumps(info).decode()) + f"endpoint: {models.endpoint(name)}\n"
        documents += [model, workflow("quality", name, name), collector("quality", name, f"post_queue_workflow_id: {name}")]
    key = ("--user", "acme", "--app", "quality", "--id", "ingest")
    give(settings, "topics", "apply")
    give(settings, "keys", "create", *key, "--scopes", "PostInputs")
    give(settings, "apply", "-f", "-", text="---\n".join(documents))


class Stream:
    """Publishes candidates, and remembers which.

    Args:
        settings: the cluster.

    Attributes:
        sent: how many by collector.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = prefixed(settings, QUEUE)
        self._encode = candidate_encoder(SCHEMAS)
        self._producer = producer(settings)
        self._numbers = itertools.count()
        self._rng = random.Random(1)  # noqa: S311 - something that does not shrink
        self.sent: Counter[str] = Counter()

    def send(self, name: str, count: int, size: int = 0) -> None:
        """So many candidates of a collector, of about ``size`` bytes each, which no compression makes smaller: inputs are images mostly."""
        key = f"acme/quality/{name}"
        for number in itertools.islice(self._numbers, count):
            whole = prediction(id=f"p-{number}", input=input_of(text={"raw": f"text {number} {self._filler(size)}", "url": None}))
            self._producer.produce(self._topic, self._encode(key, 1.0, "0" * 24, encode(SCHEMAS, "prediction", whole)[5:]), key.encode())
        self.sent[name] += count
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush()

    def _filler(self, size: int) -> str:
        return base64.b64encode(self._rng.randbytes(size * 3 // 4)).decode()

    def at_rates(self, seconds: float, rates: dict[str, int]) -> None:
        """Candidates of several collectors, so many a second of each, for a while."""
        began, sent = time.monotonic(), Counter[str]()
        while (passed := time.monotonic() - began) < seconds:
            for name, rate in rates.items():
                due = int(passed * rate) - sent[name]
                self.send(name, due)
                sent[name] += due
            threading.Event().wait(TICK_S)
        self.flush()


@dataclass
class Fates:
    """What became of candidates, as a read-committed reader sees it.

    Attributes:
        inputs: by collector: how long each took from the queue to here, seconds.
        letters: reasons by collector.
        ids: how often each (collector, prediction id) became something.
    """

    inputs: dict[str, list[float]] = field(default_factory=dict)
    letters: dict[str, Counter[str]] = field(default_factory=dict)
    ids: Counter[tuple[str, str]] = field(default_factory=Counter)

    def done(self, name: str) -> int:
        """Candidates of a collector that became something."""
        return len(self.inputs.get(name, ())) + self.letters.get(name, Counter()).total()


class Watch:
    """Follows inputs, dead letters and the queue in a thread.

    Args:
        settings: the cluster.
    """

    def __init__(self, settings: Settings) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._names = [prefixed(settings, name) for name in (QUEUE, inputs_topic("acme", "quality"), QUEUE_DEAD_LETTERS)]
        self._settings = settings
        self._queued_at_ms: dict[tuple[str, str], int] = {}
        self.fates = Fates()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        queue, after = TopicReader(self._settings, self._names[:1]), TopicReader(self._settings, self._names[1:])
        while not self._stop.is_set():
            found = after.poll(1_000, 0.05)
            now_s = time.time()
            # What is there was in the queue before: all of that is read by now, or will be in a moment.
            while any(_identity(each) not in self._queued_at_ms for each in found):
                self._note_queued(queue.poll(5_000, 0.05))
                if self._stop.is_set():
                    break
            else:
                for record in found:
                    self._note(record, now_s)
        queue.close()
        after.close()

    def _note_queued(self, records: list[Record]) -> None:
        for record in records:
            self._queued_at_ms[_identity(record)] = record.timestamp_ms

    def _note(self, record: Record, now_s: float) -> None:
        name, prediction_id = identity = _identity(record)
        self.fates.ids[identity] += 1
        if record.topic == self._names[1]:
            self.fates.inputs.setdefault(name, []).append(now_s - self._queued_at_ms[name, prediction_id] / 1000)
        else:
            reason = dict(record.headers)["__streams.errors.exception"].decode()
            self.fates.letters.setdefault(name, Counter())[reason] += 1


def _identity(record: Record) -> tuple[str, str]:
    """Collector and prediction id: inputs have them in headers, candidates in themselves."""
    headers = dict(record.headers)
    if "prediction-id" in headers:
        return headers["collector"].decode().rpartition("/")[2], headers["prediction-id"].decode()
    value = record.value or b""
    start = value.index(b"p-")
    number = bytes(itertools.takewhile(lambda byte: chr(byte).isdigit(), value[start + 2 :])).decode()
    return (record.key or b"").decode().rpartition("/")[2], f"p-{number}"


@dataclass(frozen=True, slots=True)
class Row:
    """One stretch: of the two others the times in milliseconds and beside the calm stretch; memory in megabytes; where candidates went."""

    trouble: str
    p50_ms: dict[str, float]
    p99_ms: dict[str, float]
    p99_to_calm: dict[str, float]
    memory_mb: dict[str, float]
    waited_at_most_s: float
    candidates: int
    inputs: int
    dead_letters: dict[str, int]
    drained_after_s: float


class Trouble:
    """One run.

    Args:
        stream: publishes.
        watch: follows.
        processor: whose memory is looked at.
    """

    def __init__(self, stream: Stream, watch: Watch, processor: Processor) -> None:
        self._stream = stream
        self._watch = watch
        self._processor = processor
        self._calm: dict[str, float] = {}

    def rows(self, seconds: float) -> Iterator[Row]:
        """A stretch of so many seconds for each kind of trouble, the first without any.

        Raises:
            AssertionError: a candidate is lost or there twice.
        """
        self._stream.at_rates(5.0, dict.fromkeys(("plain", "healthy", CALM), 50))
        settle(self._stream, self._watch.fates)
        for kind in TROUBLES:
            calm = self._row(CALM, seconds)
            self._calm = calm.p99_ms
            yield replace(calm, p99_to_calm=dict.fromkeys(OTHERS, 1.0))
            yield self._row(kind, seconds)

    def _row(self, kind: str, seconds: float) -> Row:
        fates = self._watch.fates
        before = {name: len(fates.inputs.get(name, ())) for name in OTHERS}
        sent_before, done_before = self._stream.sent[kind], fates.done(kind)
        with Memory(self._processor.workers) as memory:
            rates = {name: PER_SECOND[name] for name in OTHERS} | {kind: PER_SECOND["trouble"]}
            self._stream.at_rates(seconds, rates)
            began = time.monotonic()
            settle(self._stream, fates)
            drained_s = time.monotonic() - began
        times = {name: sorted(fates.inputs[name][before[name] :]) for name in OTHERS}
        p99 = {name: statistics.quantiles(found, n=100)[98] * 1000 for name, found in times.items()}
        own = fates.inputs.get(kind, [])[done_before:]
        return Row(
            trouble=kind,
            p50_ms={name: round(statistics.median(found) * 1000, 1) for name, found in times.items()},
            p99_ms={name: round(value, 1) for name, value in p99.items()},
            p99_to_calm={name: round(value / self._calm.get(name, value), 2) for name, value in p99.items()},
            memory_mb={name: round(value, 1) for name, value in _ends(memory.megabytes).items()},
            waited_at_most_s=round(max(own, default=0.0), 1),
            candidates=self._stream.sent[kind] - sent_before,
            inputs=len(own),
            dead_letters=dict(fates.letters.get(kind, Counter())),
            drained_after_s=round(drained_s, 1),
        )


def settle(stream: Stream, fates: Fates) -> None:
    """Wait until all candidates became something; each exactly once.

    Raises:
        AssertionError: one is lost or there twice.
    """
    wait_until(lambda: all(fates.done(name) >= count for name, count in stream.sent.items()), "every candidate", SETTLE_S, 0.1)
    assert max(fates.ids.values()) == 1, "none twice"
    assert fates.ids.total() == stream.sent.total(), "none lost, none that was never sent"


def _ends(values: list[float]) -> dict[str, float]:
    return {"first": values[0], "last": values[-1], "most": max(values)} if values else {}


def as_text(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A table."""
    for row in rows:
        letters = ", ".join(f"{count} {reason}" for reason, count in row["dead_letters"].items()) or "none"
        memory = ", ".join(f"{name} {value:.0f}" for name, value in row["memory_mb"].items())
        yield f"{row['trouble']}: {row['candidates']} candidates: {row['inputs']} inputs, dead letters: {letters}"
        for name in OTHERS:
            figures = (
                f"p50 {row['p50_ms'][name]:.0f} ms, p99 {row['p99_ms'][name]:.0f} ms, {row['p99_to_calm'][name]:.2f} times the calm p99"
            )
            yield f"  {name}: {figures}"
        waited = (
            f"its own inputs waited {row['waited_at_most_s']:.1f} s at most, all was done {row['drained_after_s']:.1f} s after the last"
        )
        yield f"  memory of the process (MB): {memory}; {waited}"
