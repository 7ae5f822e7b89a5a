"""Models in trouble, in small; ``scripts/model-trouble`` measures what others notice of it for as long as you like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.model_trouble import Models, Stream, Watch, set_up, settle
from tests.support.processes import Processor
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from processor.settings import Settings

IN_FLIGHT = 40
SLOW = 300
OTHERS = {"plain": 100, "healthy": 100, "down": 60, "garbage": 60}


@pytest.mark.slow
@pytest.mark.kafka
def test_while_one_model_does_not_answer_all_others_go_on_and_its_candidates_wait(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTORS_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setenv("COLLECTORS_QUEUE_IN_FLIGHT", str(IN_FLIGHT))
    monkeypatch.setenv("COLLECTORS_MODEL_ATTEMPT_TIMEOUT_MS", "600000")
    stream = Stream(settings)
    with Models(0.0) as models:
        set_up(settings, models)
        models.answer_slow(False)
        stream.send("slow", SLOW)
        for name, count in OTHERS.items():
            stream.send(name, count)
        stream.flush()
        with Watch(settings) as watch, Processor(settings, 1, "post-queue") as processor:
            fates = watch.fates
            wait_until(lambda: all(fates.done(name) == count for name, count in OTHERS.items()), "all the others", 120)
            assert fates.done("slow") == 0, "many more than have room, all of them before the others in the queue"
            (worker,) = processor.workers()
            worker.kill()  # what was passed over must come back, and what was done must not
            models.answer_slow(True)
            settle(stream, fates)
            assert processor.terminate() == 0, processor.log()
    assert {name: len(times) for name, times in fates.inputs.items()} == {"slow": SLOW, "plain": 100, "healthy": 100}
    assert fates.letters == {"down": {"model_failed": 60}, "garbage": {"model_failed": 60}}
    numbers = [int(number.removeprefix("p-")) for name, number in fates.ids if name == "slow"]
    assert numbers == sorted(numbers), "in the order of the queue"
