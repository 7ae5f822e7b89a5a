"""The producer where no broker answers: callers are never held up, and nothing is lost without a word."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import processor
from processor.codec.framing import RECORD_BYTES_MAX, unframe
from processor.codec.ndjson import parse_prediction
from processor.codec.records import decode
from processor.codec.registry import Schemas
from processor.errors import FixDocuments, FixUsage
from processor.producer import BufferFull, PredictionProducer, Undelivered, headers
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PREDICTION = {"id": "p-1", "model": {"user_id": "u", "app_id": "a", "id": "m"}, "input": {"data": {"text": {"raw": "hello"}}}}


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nobody listens, kept free for as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def settings(nowhere: str) -> Settings:
    return Settings(bootstrap_servers=nowhere, topic_prefix="dev.")


def numbered(count: int) -> list[dict[str, Any]]:
    return [PREDICTION | {"id": f"p-{i}"} for i in range(count)]


def test_a_full_buffer_refuses_at_once(settings: Settings) -> None:
    with PredictionProducer(settings, buffer_records_max=3, on_error=lambda _: None) as producer:
        for prediction in numbered(3):
            producer.publish(prediction)
        started = time.monotonic()
        with pytest.raises(BufferFull, match="p-1 is not published"):
            producer.publish(PREDICTION)
        assert time.monotonic() - started < 1
        assert producer.close(timeout_s=0) == 3


def test_a_caller_that_asks_waits_no_longer_than_it_said(settings: Settings) -> None:
    with PredictionProducer(settings, buffer_records_max=1, on_error=lambda _: None) as producer:
        producer.publish(PREDICTION)
        started = time.monotonic()
        with pytest.raises(BufferFull):
            producer.publish(PREDICTION, block=True, timeout_s=0.2)
        assert 0.2 <= time.monotonic() - started < 2
        producer.close(timeout_s=0)


def test_a_caller_that_waits_goes_on_when_there_is_room(settings: Settings) -> None:
    """Room comes when the first prediction is given up."""
    failed: list[Undelivered] = []
    with PredictionProducer(settings, buffer_records_max=1, delivery_timeout_ms=300, on_error=failed.append) as producer:
        for prediction in numbered(2):
            producer.publish(prediction, block=True, timeout_s=10)
        assert [each.id for each in failed] == ["p-0"]
        producer.close(timeout_s=0)


def test_every_prediction_that_did_not_arrive_is_told_once(settings: Settings) -> None:
    failed: list[Undelivered] = []
    producer = PredictionProducer(settings, on_error=failed.append)
    for prediction in numbered(20):
        producer.publish(prediction)
    assert producer.flush(timeout_s=0.1) == 20
    assert producer.close(timeout_s=0) == 20
    assert sorted(each.id for each in failed) == sorted(prediction["id"] for prediction in numbered(20))
    assert (producer.delivered, producer.failed) == (0, 20)
    assert all("closed before a broker took it" in each.reason for each in failed)


def test_time_outs_are_told_while_the_caller_does_something_else(settings: Settings) -> None:
    told = threading.Event()
    with PredictionProducer(settings, delivery_timeout_ms=200, on_error=lambda _: told.set()) as producer:
        producer.publish(PREDICTION)
        assert told.wait(10)
        assert producer.failed == 1


def test_without_on_error_failures_are_logged_ever_more_rarely(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "collectors.producer"):
        producer = PredictionProducer(settings)
        for prediction in numbered(20):
            producer.publish(prediction)
        producer.close(timeout_s=0)
    assert sum("did not arrive" in message for message in caplog.messages) == 5  # the 1st, 2nd, 4th, 8th and 16th
    assert any("20 predictions were given up" in message for message in caplog.messages)


def test_a_fault_of_on_error_does_not_stop_the_reports_of_others(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    def on_error(_undelivered: Undelivered) -> None:
        raise RuntimeError("the caller's own fault")

    with caplog.at_level(logging.ERROR, "collectors.producer"):
        producer = PredictionProducer(settings, on_error=on_error)
        for prediction in numbered(2):
            producer.publish(prediction)
        producer.close(timeout_s=0)
    assert producer.failed == 2
    assert sum("on_error failed" in message for message in caplog.messages) == 2


def test_a_prediction_that_is_not_right_is_refused_whole(settings: Settings) -> None:
    with PredictionProducer(settings) as producer:
        with pytest.raises(FixDocuments) as raised:
            producer.publish(PREDICTION | {"id": "", "output": {"data": {"concepts": [{"id": "c", "value": 2}]}}})
        assert [problem.path for problem in raised.value.problems] == ["id", "output.data.concepts[0].value"]
        assert producer.flush(0) == 0


def test_a_prediction_that_the_processor_would_refuse_as_too_large_is_refused(settings: Settings) -> None:
    content = {"data": {"image": {"base64": "A" * RECORD_BYTES_MAX}}}
    with PredictionProducer(settings) as producer, pytest.raises(FixDocuments, match=r"bytes as a record.*send large content by url"):
        producer.publish(PREDICTION | {"input": content})


def test_a_closed_producer_says_so(settings: Settings) -> None:
    producer = PredictionProducer(settings)
    producer.close()
    with pytest.raises(FixUsage, match="is closed"):
        producer.publish(PREDICTION)
    assert producer.close() == producer.flush() == 0


def test_an_address_given_by_hand_wins(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTORS_BOOTSTRAP_SERVERS", "elsewhere:1")
    monkeypatch.setenv("COLLECTORS_TOPIC_PREFIX", "env.")
    with PredictionProducer(bootstrap_servers=nowhere, on_error=lambda _: None) as producer:
        assert producer.topic == "env.predictions"


def test_headers_are_a_cloud_event_in_binary_mode() -> None:
    assert dict(headers(parse_prediction(PREDICTION | {"predicted_at": "2026-11-22T03:00:00.5+01:00"}))) == {
        "ce_specversion": b"1.0",
        "ce_type": b"collectors.prediction",
        "ce_source": b"/users/u/apps/a/models/m",
        "ce_id": b"p-1",
        "ce_time": b"2026-11-22T02:00:00.500000Z",
        "content-type": b"application/avro",
    }
    assert "ce_time" not in dict(headers(parse_prediction(PREDICTION)))


def test_the_record_is_keyed_and_framed(settings: Settings) -> None:
    with PredictionProducer(settings) as producer:
        record = producer._record(parse_prediction(PREDICTION))
    assert (record.topic, record.key) == ("dev.predictions", b"p-1")
    assert unframe(record.value or b"")[0] == 1
    assert decode(Schemas.checked_in(), "prediction", record.value)["input"]["data"]["text"]["raw"] == "hello"


def test_the_package_exports_the_producer_and_imports_no_client_before() -> None:
    """A command line that only looks at files starts without the Kafka client."""
    script = (
        "import sys, processor\n"
        "assert 'confluent_kafka' not in sys.modules and 'pyarrow' not in sys.modules\n"
        "from processor import PredictionProducer\n"
        "assert 'pyarrow' not in sys.modules, 'a model server needs no columns'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert processor.PredictionProducer is PredictionProducer
    with pytest.raises(AttributeError, match="Nothing"):
        processor.Nothing  # noqa: B018 - looking it up is the test
