"""The stage as it runs: what it does with what it should not get, and with what is not there yet."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import orjson
import pytest

from processor.codec.framing import frame
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.admin import Admin
from processor.kafka.protocol import group_protocol
from processor.topics.names import PREDICTIONS, PREDICTIONS_DEAD_LETTERS, QUEUE, inputs_topic, prefixed
from tests.support.processes import Processor, collectors
from tests.support.stage import assert_as_expected, behind, funnel, process_all, records
from tests.support.waiting import wait_until
from tests.support.world import Publisher, expectation, predictions, set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.settings import Settings
    from tests.support.brokers import Broker

pytestmark = pytest.mark.kafka

SCHEMAS = Schemas.checked_in()
STREAM = list(predictions(300, 5))


def valued(value: float) -> bytes:
    prediction = next(predictions(1, 9))
    prediction["output"]["data"]["concepts"] = [{"id": "dog", "name": "", "value": value}]
    return encode(SCHEMAS, "prediction", prediction)


def without(field: str) -> bytes:
    return encode(SCHEMAS, "prediction", next(predictions(1, 9)) | {field: ""})


def with_metadata(text: str) -> bytes:
    prediction = next(predictions(1, 9))
    prediction["input"]["data"]["metadata"] = text
    return encode(SCHEMAS, "prediction", prediction)


GOOD = encode(SCHEMAS, "prediction", next(predictions(1, 9)))
BODY = GOOD[5:]
BAD = {
    "truncated": (GOOD[:-10], "not_decodable"),
    "unknown schema id": (b"\0" + struct.pack(">I", 999_999) + BODY, "unknown_schema_id"),
    "no framing": (BODY, "no_framing"),
    "shorter than a framing": (b"\0\0", "no_framing"),
    "nothing in it": (b"", "no_framing"),
    "invalid UTF-8": (GOOD.replace(b"clarifai", b"clarif\xff\xff"), "invalid_utf8"),
    "NaN": (valued(float("nan")), "value_out_of_range"),
    "infinity": (valued(float("inf")), "value_out_of_range"),
    "above one": (valued(1.5), "value_out_of_range"),
    "below zero": (valued(-0.1), "value_out_of_range"),
    "an absurd length": (frame(SCHEMAS.writer_id("prediction"), b"\xfe\xff\xff\xff\xff\xff\xff\x7f" + BODY), "not_decodable"),
    "a tombstone": (None, "tombstone"),
    "no id": (without("id"), "missing_id"),
    "metadata that is no JSON": (with_metadata("{"), "metadata_not_json"),
}


def test_every_kind_of_bad_record_is_dead_lettered_with_its_reason_and_the_good_ones_around_it_flow(settings: Settings) -> None:
    set_up(settings)
    publisher = Publisher(settings)
    for number, (value, _) in enumerate(BAD.values()):
        publisher.publish(STREAM[number * 10 : number * 10 + 10])
        publisher.publish_bytes(b"key", value, [("trace", b"t-1")])
    publisher.publish(STREAM[len(BAD) * 10 :])
    process_all(settings)

    letters = records(settings, PREDICTIONS_DEAD_LETTERS)
    assert_as_expected(settings, STREAM)
    by_value = {letter.value: dict(letter.headers) for letter in letters}
    assert len(letters) == len(BAD)
    for name, (value, reason) in BAD.items():
        headers = by_value[value]
        assert headers["__streams.errors.exception"].decode() == reason, name
        assert headers["__streams.errors.message"], name
        assert headers["__streams.errors.topic"].decode() == prefixed(settings, PREDICTIONS), name
        assert headers["trace"] == b"t-1", name
    assert {letter.key for letter in letters} == {b"key"}

    listed = orjson.loads(collectors(settings, "dead-letters", "list", "--json").stdout)
    assert sorted(row["exception"] for row in listed) == sorted(reason for _, reason in BAD.values())
    shown = orjson.loads(collectors(settings, "dead-letters", "show", listed[0]["letter"]).stdout)
    assert shown["headers"]["__streams.errors.message"] == listed[0]["message"]


def test_a_record_of_five_megabytes_is_collected_like_any_other(settings: Settings) -> None:
    set_up(settings)
    large = STREAM[0] | {"id": "large", "workflow_id": "", "model": STREAM[0]["model"] | {"id": "general"}, "caller_user_id": "bob"}
    large["input"] = {"id": "", "data": STREAM[0]["input"]["data"] | {"image": {"url": None, "base64": "A" * 5_000_000}}}
    large["output"] = {"data": STREAM[0]["output"]["data"] | {"concepts": [{"id": "dog", "name": "dog", "value": 0.95}]}}
    Publisher(settings).publish([large, *STREAM])
    process_all(settings)
    assert_as_expected(settings, [large, *STREAM])
    assert not records(settings, PREDICTIONS_DEAD_LETTERS)
    inputs = [record for record in records(settings, inputs_topic("acme", "quality")) if len(record.value or b"") > 5_000_000]
    assert [dict(record.headers)["collector"] for record in inputs if b"large" in dict(record.headers)["prediction-id"]].count(
        b"acme/quality/dogs"
    ) == 1


def test_an_input_larger_than_allowed_is_counted_invalid_and_its_prediction_dead_lettered_once(settings: Settings) -> None:
    set_up(settings)
    taken = expectation(STREAM).taken
    both = next(p for p in STREAM if sum((key, p["id"]) in taken for key in ("acme/quality/dogs", "acme/second/bob")) == 2)
    both["input"] = {"id": "", "data": both["input"]["data"] | {"text": {"raw": "\x01" * 800, "url": None}}}
    Publisher(settings).publish([both])
    process_all(settings.model_copy(update={"record_bytes_max": 2_000}))
    letters = [dict(letter.headers) for letter in records(settings, PREDICTIONS_DEAD_LETTERS)]
    assert [letter["__streams.errors.exception"] for letter in letters] == [b"too_large"]
    assert {key for key, row in funnel(settings).items() if row["reasons"].get("invalid")} == {key for key, _ in expectation([both]).taken}
    assert all(row["collected"] == row["queued"] == 0 for row in funnel(settings).values())


def test_a_run_of_garbage_stops_the_processor_with_an_error_that_says_so(settings: Settings) -> None:
    set_up(settings)
    publisher = Publisher(settings)
    for number in range(500):
        publisher.publish_bytes(b"k", b"garbage %d" % number, partition=0)
    publisher.flush()
    with Processor(settings.model_copy(update={"bad_records_in_a_row": 100, "batch_records": 50})) as processor:
        assert processor.wait() == 1
        assert "records in a row could not be processed" in processor.log()
        assert f"the last one: {prefixed(settings, PREDICTIONS)}/0/" in processor.log()
        assert "no_framing" in processor.log()
        assert "collectors dead-letters list" in processor.log()
    letters = records(settings, PREDICTIONS_DEAD_LETTERS)
    assert len(letters) <= 100


def test_a_processor_started_on_empty_topics_waits_and_then_works(settings: Settings) -> None:
    assert collectors(settings, "topics", "apply").returncode == 0
    with Processor(settings, 2) as processor:
        wait_until(lambda: "assigned partitions [" in processor.log(), "an assignment", 60)
        set_up(settings)
        Publisher(settings).publish(STREAM)
        wait_until(lambda: not behind(settings), "everything to be processed", 60, 0.3)
        assert processor.terminate() == 0, processor.log()
    assert sum(row["seen"] for row in funnel(settings).values()) > 0


def test_collectors_of_an_app_without_a_topic_are_inactive_with_the_reason_and_the_others_go_on(settings: Settings) -> None:
    set_up(settings)
    topic = prefixed(settings, inputs_topic("acme", "second"))
    admin = Admin(settings)
    admin._client.delete_topics([topic])[topic].result()  # an operator's accident
    wait_until(lambda: topic not in admin.names(), "the topic to be gone")
    Publisher(settings).publish(STREAM)
    process_all(settings)
    rows = funnel(settings)
    assert rows["acme/second/random"]["status"] == "INACTIVE"
    assert inputs_topic("acme", "second") in rows["acme/second/random"]["status_reason"]
    assert rows["acme/second/random"]["reasons"] == {"collector_inactive": rows["acme/second/random"]["seen"]}
    wanted = expectation(STREAM).funnel["acme/quality/dogs"]
    assert {name: rows["acme/quality/dogs"][name] for name in wanted} == wanted


def test_a_processor_without_the_topics_that_it_writes_to_names_them_and_ends(settings: Settings) -> None:
    assert collectors(settings, "topics", "apply").returncode == 0
    gone = [prefixed(settings, name) for name in (PREDICTIONS_DEAD_LETTERS, QUEUE)]
    admin = Admin(settings)
    for future in admin._client.delete_topics(gone).values():
        future.result()
    wait_until(lambda: not admin.names() & set(gone), "the topics to be gone")
    with Processor(settings) as processor:
        assert processor.wait() == 1
        assert f"topics that do not exist: {', '.join(gone)}; create them with `collectors topics apply`" in processor.log()


def test_a_broker_without_kip_848_is_served_by_the_classic_protocol(
    settings: Settings, new_broker: Callable[[Mapping[str, str]], Broker]
) -> None:
    assert group_protocol(settings) == "consumer"
    old = new_broker({"group.coordinator.rebalance.protocols": "classic"})
    theirs = settings.model_copy(update={"bootstrap_servers": old.bootstrap_servers})
    assert group_protocol(theirs) == "classic"
    set_up(theirs)
    Publisher(theirs).publish(STREAM)
    process_all(theirs, processes=2)
    assert_as_expected(theirs, STREAM)
