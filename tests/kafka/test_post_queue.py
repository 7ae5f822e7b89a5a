"""The second stage as it runs: what it makes of candidates, and of what is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.topics.names import QUEUE, QUEUE_DEAD_LETTERS, inputs_topic, prefixed
from tests.support.processes import Processor, give
from tests.support.second_world import assert_exact, candidates, limited, publish, set_up
from tests.support.stage import behind, funnel, records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from processor.settings import Settings

pytestmark = pytest.mark.kafka
SCHEMAS = Schemas.checked_in()


def test_a_candidate_that_cannot_be_read_is_dead_lettered_and_the_others_go_on(settings: Settings) -> None:
    set_up(settings)
    (key, good), *_ = [each for each in candidates(50, 3) if each[0].endswith("minute")]
    out = producer(settings)
    for value in (b"garbage", None, encode(SCHEMAS, "prediction", good)):
        out.produce(prefixed(settings, QUEUE), value=value, key=key.encode(), headers=[("trace", b"t-1")])
    out.flush()
    publish(settings, [(key, good)])
    with Processor(settings, 1, "post-queue") as processor:
        wait_until(lambda: len(records(settings, inputs_topic("acme", "quality"))) == 1, "the good one", 60)
        wait_until(lambda: not behind(settings, "post-queue"), "everything to be processed", 60)
        assert processor.terminate() == 0, processor.log()
    letters = [dict(letter.headers) for letter in records(settings, QUEUE_DEAD_LETTERS)]
    assert [letter["__streams.errors.exception"] for letter in letters] == [b"no_framing", b"tombstone", b"not_decodable"]
    assert {letter["trace"] for letter in letters} == {b"t-1"}


def test_samplers_windows_and_quotas_go_on_where_they_stood_and_a_new_collector_begins_anew(settings: Settings) -> None:
    """Two processes, which are stopped in the middle; then a collector is deleted and made again."""
    set_up(settings)
    stream = list(candidates(1_800, 5))
    for part in (stream[:1_000], stream[1_000:]):
        publish(settings, part)
        with Processor(settings, 2, "post-queue") as processor:
            wait_until(lambda: not behind(settings, "post-queue"), "everything to be processed", 120, 0.3)
            assert processor.terminate() == 0, processor.log()
    assert assert_exact(settings, stream)
    before = funnel(settings)["acme/quality/capped"]
    assert (before["collected"], "used up" in before["status_reason"]) == (60, True)
    give(settings, "delete", "collector", "capped", "--user", "acme", "--app", "quality")
    give(settings, "apply", "-f", "-", text=limited("capped"))
    assert not funnel(settings)["acme/quality/capped"]["status_reason"], "nobody says of it what was said of the one before"
    publish(settings, [("acme/quality/capped", stream[0][1] | {"id": "p-new"})])
    with Processor(settings, 1, "post-queue") as processor:
        wait_until(lambda: not behind(settings, "post-queue"), "everything to be processed", 60)
        assert processor.terminate() == 0, processor.log()
    assert funnel(settings)["acme/quality/capped"]["collected"] == before["collected"] + 1
