"""``scripts/stalls``: memory while what a part depends on stands still: the first stage's broker, a model, an app's destination.

Each part is given much more to do than it may hold, and what it depends on stops answering for a while without going away. Printed is
the part's resident memory before, at most meanwhile, and after; and how much was waiting. When it answers again everything must get done,
each once, or the run fails; it fails as well when memory rose by more than the limits in docs/operations.md allow.
"""

from __future__ import annotations

import base64
import os
import random
import signal
import statistics
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from processor import app
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.errors import CollectorsError
from tests.faults.model_trouble import Models, Stream, Watch, settle
from tests.faults.model_trouble import set_up as set_up_models
from tests.support.destination import FakeDestination, Reply
from tests.support.memory import MB, Memory
from tests.support.processes import Processor
from tests.support.sink import Sink, input_body
from tests.support.stage import behind
from tests.support.waiting import wait_until
from tests.support.world import Publisher, expectation, predictions, set_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from processor.connect.worker import LocalConnect
    from processor.settings import Settings

SCHEMAS = Schemas.checked_in()
SETTLE_S = 600
IN_FLIGHT_BYTES = 32 * MB
IMAGE_BYTES = 2_400
CANDIDATE_BYTES = 1 * MB
INPUT_BYTES = 10_000
SECRET = "5ec" * 16

# How much each may rise by: what docs/operations.md allows a part to hold, and as much again for copies and the allocator.
FIRST_STAGE_MB = 260
SECOND_STAGE_MB = 258
SINK_MB = 228


@dataclass(frozen=True, slots=True)
class Row:
    """One part, and what it took while what it depends on stood still.

    Attributes:
        stalled: what stood still, for so many ``seconds``.
        part: what had to wait for it.
        waiting: how many records, of ``waiting_mb`` together, there were to be done.
        before_mb, most_mb, after_mb: resident memory.
        allowed_mb: how much it may rise.
    """

    stalled: str
    part: str
    seconds: float
    waiting: int
    waiting_mb: float
    before_mb: float
    most_mb: float
    after_mb: float
    allowed_mb: float

    @property
    def holds(self) -> bool:
        return self.most_mb - self.before_mb <= self.allowed_mb


def broker(settings: Settings, pid: int, count: int, seconds: float) -> Row:
    """The first stage, while a broker with a backlog is stopped, twice: within a transaction's time-out, and for ``seconds``.

    Args:
        settings: of the cluster.
        pid: the broker's process.
        count: predictions of the backlog.
        seconds: of the longer stop.
    """
    set_up(settings)
    idle_mb = _idle_mb(settings)
    rng = random.Random(1)  # noqa: S311 - images of a test
    stream = list(predictions(count, 1))
    for each in stream:
        each["input"]["data"] |= {"image": {"url": None, "base64": base64.b64encode(rng.randbytes(IMAGE_BYTES)).decode()}}
    Publisher(settings).publish(stream)
    with Processor(settings) as processor:
        wait_until(lambda: _behind(settings) < count, "the first transactions", SETTLE_S)
        with Memory(processor.workers) as memory:
            for stop_s in (settings.transaction_timeout_ms / 2000, seconds):
                os.kill(pid, signal.SIGSTOP)
                threading.Event().wait(stop_s)
                os.kill(pid, signal.SIGCONT)
            wait_until(lambda: _behind(settings) == 0 or not processor.running(), "all predictions", SETTLE_S)
        assert processor.terminate() == 0, processor.log()[-5000:]
    rows = {row["collector"]: row for row in app.status(settings)["collectors"]}
    for key, wanted in expectation(stream).funnel.items():
        assert rows[key]["seen"] == wanted["seen"], f"{key}: none lost, none counted twice"
    return _row(
        "broker",
        "pre-queue",
        seconds,
        (count, statistics.mean(len(encode(SCHEMAS, "prediction", each)) for each in stream[:100])),
        [idle_mb, *memory.megabytes],
        FIRST_STAGE_MB,
    )


def model(settings: Settings, count: int, seconds: float) -> Row:
    """The second stage, while the model of large candidates does not answer; see `CANDIDATE_BYTES`."""
    stream = Stream(settings)
    with Models(0.0) as models:
        set_up_models(settings, models)
        with Watch(settings) as watch, Processor(settings, 1, "post-queue") as processor:
            stream.send("slow", 10)
            stream.flush()
            settle(stream, watch.fates)
            with Memory(processor.workers) as memory:
                models.answer_slow(False)
                stream.send("slow", count, CANDIDATE_BYTES)
                stream.flush()
                threading.Event().wait(seconds)
                models.answer_slow(True)
                settle(stream, watch.fates)
            assert processor.terminate() == 0, processor.log()[-5000:]
    return _row("model", "post-queue", seconds, (count, CANDIDATE_BYTES), memory.megabytes, SECOND_STAGE_MB)


def sink(settings: Settings, worker: LocalConnect, secrets: Path, count: int, seconds: float) -> Row:
    """A Connect worker, while a destination takes requests and answers none."""
    process = psutil.Process(worker.start().pid)
    with FakeDestination(SECRET) as destination:
        inputs = Sink(worker, settings, secrets, destination.url)
        inputs.make_topics()
        inputs.store_secret(SECRET)
        ids = inputs.publish(input_body(f"warm-up {number}") for number in range(500))
        inputs.start(request_timeout_ms=10_000)
        wait_until(lambda: len(destination.ids(inputs.app)) == len(ids), "the warm-up", SETTLE_S)
        with Memory(lambda: [process]) as memory:
            usual, destination.rule = destination.rule, lambda _: Reply(200, {}, delay_s=seconds)
            ids |= inputs.publish(input_body(number, text={"raw": "x" * INPUT_BYTES}) for number in range(count))
            threading.Event().wait(seconds)
            destination.rule = usual
            wait_until(lambda: len(destination.ids(inputs.app)) == len(ids), "every input", SETTLE_S)
    return _row("destination", "sink", seconds, (count, INPUT_BYTES), memory.megabytes, SINK_MB)


def _idle_mb(settings: Settings) -> float:
    """Of a process of the first stage that has nothing to do."""
    with Processor(settings) as processor:
        wait_until(lambda: "assigned partitions" in processor.log(), "partitions", SETTLE_S)
        with Memory(processor.workers) as memory:
            pass
        assert processor.terminate() == 0, processor.log()[-5000:]
    return memory.megabytes[-1]


def _row(stalled: str, part: str, seconds: float, waiting: tuple[int, float], megabytes: Sequence[float], allowed_mb: float) -> Row:
    count, size = waiting
    looks = [round(each) for each in megabytes]
    return Row(stalled, part, seconds, count, round(count * size / MB), looks[0], max(looks), looks[-1], allowed_mb)


def _behind(settings: Settings) -> int:
    """Predictions that are not committed yet; all of them while the broker does not say."""
    try:
        return behind(settings)
    except CollectorsError:
        return sys.maxsize
