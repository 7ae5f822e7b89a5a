"""The sink on a real Kafka Connect worker, and a destination that is well, ill, away, picky and slow. Records are counted there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.connect.conftest import SECRET
from tests.support.destination import (
    DUPLICATE,
    INVALID,
    NO_SCOPES,
    OVER_LIMIT,
    THROTTLED,
    UNSUPPORTED,
    FakeDestination,
    Reply,
    status,
    whole,
)
from tests.support.sink import input_body, message
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from processor.connect.worker import LocalConnect
    from tests.support.sink import Sink

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BATCH = 128
# A minute in `scripts/sink-scenarios --full`: what holds for a second holds for a minute, but that has to be seen as well.
OUTAGE_S = float(os.environ.get("SINK_OUTAGE_S", "1"))
UNWELL = whole(503, 10020)


def arrived(destination: FakeDestination, sink: Sink, wanted: set[str], timeout_s: float = 60) -> None:
    """Wait until the destination has exactly these, and all is acknowledged."""
    wait_until(lambda: len(destination.ids(sink.app)) >= len(wanted), f"{len(wanted)} inputs", timeout_s)
    assert destination.ids(sink.app) == wanted
    sink.wait_committed()


def test_all_inputs_arrive_once_in_full_batches_under_the_apps_address_with_its_key(destination: FakeDestination, sink: Sink) -> None:
    published = sink.publish(input_body(number) for number in range(2_000))
    sink.start()
    arrived(destination, sink, published)
    assert set(destination.attempts.values()) == {1}
    assert max(len(request.inputs) for request in destination.requests) == BATCH
    assert len(destination.requests) < 30, "inputs were not gathered into batches"
    assert {request.authorization for request in destination.requests} == {f"Key {SECRET}"}
    assert {request.body["input_id_conflict_resolution"] for request in destination.requests} == {"SKIP"}
    assert destination.stored[sink.app][input_body(7)["id"]] == input_body(7)
    assert not sink.dead_letters()


def test_three_503_are_waited_out(destination: FakeDestination, sink: Sink) -> None:
    destination.script(UNWELL, UNWELL, UNWELL)
    published = sink.publish(input_body(number) for number in range(300))
    sink.start()
    arrived(destination, sink, published)
    assert not sink.dead_letters()


def test_while_the_destination_is_ill_reading_pauses_and_nothing_is_lost(
    destination: FakeDestination, sink: Sink, worker: LocalConnect
) -> None:
    destination.rule = lambda _: UNWELL
    padding = "x" * 10_000
    published = sink.publish(input_body(number, text={"raw": padding}) for number in range(1_500))
    sink.start(queue_bytes_max=1_000_000)
    paused = wait_until(lambda: [line for line in log_of(worker) if "reading pauses" in line], "a pause")
    held = int(paused[-1].split("INFO ")[1].split()[0])
    assert 1_000_000 < held < 1_000_000 + 8_000_000, "more than the limit and what one poll brought"
    wait_until(lambda: len(destination.requests) > 30 and asked_in_vain_s(destination) >= OUTAGE_S, "retries all along", OUTAGE_S + 30)
    assert not destination.ids(sink.app)
    destination.rule = lambda _: None
    arrived(destination, sink, published)


def asked_in_vain_s(destination: FakeDestination) -> float:
    """How long an outage has lasted, as the destination saw it: from the first request to the last one."""
    return destination.requests[-1].at - destination.requests[0].at


def log_of(worker: LocalConnect) -> list[str]:
    """What the worker wrote."""
    return worker.log().splitlines()


def test_a_destination_that_refuses_connections_is_tried_until_it_is_back(destination: FakeDestination, sink: Sink) -> None:
    first = sink.publish(input_body(number) for number in range(200))
    sink.start()
    arrived(destination, sink, first)
    destination.down()
    second = sink.publish(input_body(number) for number in range(200, 1_500))
    wait_until(lambda: "no connection" in sink.committed_note()["error"], "the error to be told beside the offset", every_s=0.2)
    destination.up_after(OUTAGE_S)
    arrived(destination, sink, first | second, OUTAGE_S + 60)
    assert set(destination.attempts.values()) == {1}
    wait_until(lambda: sink.committed_note()["error"] == "", "the error to be forgotten", every_s=0.2)
    assert sink.committed_note() == {"delivered": 1_500, "duplicates": 0, "refused": 0, "error": ""}


def test_an_answer_that_never_comes_and_one_that_stops_half_way_are_asked_for_again(destination: FakeDestination, sink: Sink) -> None:
    destination.script(Reply(200, {}, delay_s=30), Reply(200, {}, stall_s=30))
    published = sink.publish(input_body(number) for number in range(100))
    sink.start(request_timeout_ms=700)
    arrived(destination, sink, published)


def test_a_success_that_says_nothing_of_the_inputs_is_not_believed(destination: FakeDestination, sink: Sink) -> None:
    destination.script(Reply(200, b"<html>Welcome to this proxy</html>"), Reply(200, {}))
    published = sink.publish(input_body(number) for number in range(100))
    sink.start()
    arrived(destination, sink, published)


def test_one_refused_input_is_dead_lettered_with_code_and_words_and_its_neighbours_arrive(destination: FakeDestination, sink: Sink) -> None:
    bad = input_body(70)
    destination.judge = lambda given: status(UNSUPPORTED, "a picture of 3 pixels") if given["id"] == bad["id"] else None
    published = sink.publish(input_body(number) for number in range(200))
    sink.start()
    arrived(destination, sink, published - {bad["id"]})
    (letter,) = sink.dead_letters()
    assert message(letter) == "30101 Unsupported format a picture of 3 pixels"
    assert (letter.key, json.loads(letter.value or b"")) == (bad["id"].encode(), bad)
    assert dict(letter.headers)["collector"] == b"acme/quality/a"
    assert destination.attempts[bad["id"]] == 1, "what was refused is not sent again"


def test_a_request_refused_whole_is_halved_until_the_bad_input_is_alone(destination: FakeDestination, sink: Sink) -> None:
    bad = {input_body(number)["id"] for number in (3, 77)}
    destination.rule = lambda request: whole(400, INVALID, "no such concept") if bad & set(request.ids) else None
    published = sink.publish(input_body(number) for number in range(200))
    sink.start()
    arrived(destination, sink, published - bad)
    letters = sink.dead_letters()
    assert {letter.key.decode() for letter in letters if letter.key} == bad
    assert {message(letter) for letter in letters} == {"HTTP 400: 11102 Invalid request no such concept"}
    assert set(destination.attempts.values()) == {1}


def test_retry_after_is_obeyed_by_all_requests_of_the_connector(destination: FakeDestination, sink: Sink) -> None:
    destination.script(whole(429, THROTTLED, Retry_After="2"), whole(200, THROTTLED, Retry_After="1"))
    published = sink.publish(input_body(number) for number in range(1_000))
    sink.start(requests_in_flight_max=1)
    arrived(destination, sink, published)
    first, second, third = (request.at for request in destination.requests[:3])
    assert second - first >= 2
    assert third - second >= 1


def test_inputs_published_twice_are_stored_once_and_a_duplicate_is_no_failure(destination: FakeDestination, sink: Sink) -> None:
    published = sink.publish(input_body(number) for number in range(300))
    sink.publish(input_body(number) for number in range(300))
    sink.start()
    arrived(destination, sink, published)
    assert set(destination.attempts.values()) == {2}
    assert not sink.dead_letters()
    assert sink.committed_note() == {"delivered": 300, "duplicates": 300, "refused": 0, "error": ""}


def test_a_revoked_key_stops_the_task_and_its_replacement_goes_on_where_it_stopped(destination: FakeDestination, sink: Sink) -> None:
    first = sink.publish(input_body(number) for number in range(300))
    sink.start()
    arrived(destination, sink, first)
    other = "0ddba11" * 6
    destination.keys = {other}
    second = sink.publish(input_body(number) for number in range(300, 600))
    error = sink.failure()
    assert "destination acme/quality, key 'ingest': HTTP 401: 11009 API key not found no such key: give that key every scope" in error
    sink.store_secret(other)
    sink.restart()
    arrived(destination, sink, first | second)
    assert SECRET not in error
    assert not sink.dead_letters()


def test_missing_scopes_stop_the_task_with_the_destinations_words_but_never_the_secret(destination: FakeDestination, sink: Sink) -> None:
    destination.script(whole(403, NO_SCOPES, f"key {SECRET} lacks Inputs_Add"))
    published = sink.publish(input_body(number) for number in range(10))
    sink.start()
    error = sink.failure()
    assert "key 'ingest': HTTP 403: 11007 Insufficient scopes key [hidden] lacks Inputs_Add" in error
    assert SECRET not in error
    sink.restart()
    arrived(destination, sink, published)


def test_an_address_that_is_not_there_stops_the_task_instead_of_dead_lettering_everything(destination: FakeDestination, sink: Sink) -> None:
    destination.script(Reply(404, b"nothing here"))
    published = sink.publish(input_body(number) for number in range(10))
    sink.start()
    assert "HTTP 404: nothing here: correct the app's destination_url" in sink.failure()
    sink.restart()
    arrived(destination, sink, published)


@pytest.mark.parametrize("refused", [False, True])
def test_an_input_of_30_megabytes_put_there_by_hand_holds_nobody_up(destination: FakeDestination, sink: Sink, *, refused: bool) -> None:
    huge = input_body("huge", image={"base64": "A" * 30_000_000})
    if refused:
        destination.rule = lambda request: whole(413, OVER_LIMIT, "at most 20 MB") if request.length > 20_000_000 else None
    before = sink.publish(input_body(number) for number in range(50))
    sink.publish([huge])
    after = sink.publish(input_body(number) for number in range(50, 100))
    sink.start()
    arrived(destination, sink, before | after | (set() if refused else {huge["id"]}))
    letters = sink.dead_letters()
    assert [len(letter.value or b"") for letter in letters] == ([len(json.dumps(huge))] if refused else [])
    assert [message(letter) for letter in letters] == (["HTTP 413: 30105 Over limit at most 20 MB"] if refused else [])


def test_inputs_of_aborted_transactions_are_never_posted(destination: FakeDestination, sink: Sink) -> None:
    first = sink.publish(input_body(number) for number in range(100))
    sink.publish_aborted(input_body(number) for number in range(100, 200))
    second = sink.publish(input_body(number) for number in range(200, 300))
    sink.start()
    arrived(destination, sink, first | second)


def test_a_connector_that_is_paused_and_changed_in_mid_stream_loses_nothing(destination: FakeDestination, sink: Sink) -> None:
    destination.rule = lambda _: UNWELL
    published = sink.publish(input_body(number) for number in range(3_000))
    sink.start(queue_bytes_max=500_000)
    wait_until(lambda: len(destination.requests) > 5, "requests")
    sink.rest("PUT", f"/connectors/{sink.topic}/pause")
    destination.rule, destination.answer_s = lambda _: None, 0.02
    wait_until(lambda: len(destination.ids(sink.app)) > BATCH, "what was read before the pause")
    sink.rest("PUT", f"/connectors/{sink.topic}/resume")
    sink.start(batch_inputs_max=20)
    arrived(destination, sink, published)
    assert not sink.dead_letters()


def test_what_is_no_json_object_never_reaches_the_destination_nor_spoils_a_request(destination: FakeDestination, sink: Sink) -> None:
    good = input_body(1)
    text = json.dumps(good).encode()
    bad = [
        None,
        b"",
        b"[]",
        b'"text"',
        b"{",
        text + b"," + text,
        text[:-1],
        text + b"}",
        b'{"id": "a\nb"}',
        b"\x00\x01",
        b'{"id":}',
        b"{" * 2_000,
    ]
    sink.publish_raw([(b"%d" % number, value) for number, value in enumerate(bad)])
    sink.publish([good])
    sink.start()
    arrived(destination, sink, {good["id"]})
    assert [letter.value for letter in sink.dead_letters()] == bad
    assert {message(letter) for letter in sink.dead_letters()} == {"the value is no JSON object", "a record without a value is no input"}
    assert len(destination.requests) == 1


def test_an_input_that_fits_no_request_is_dead_lettered_and_batches_stay_below_the_limit(destination: FakeDestination, sink: Sink) -> None:
    huge = input_body("huge", text={"raw": "x" * 100_000})
    published = sink.publish(input_body(number, text={"raw": "x" * 10_000}) for number in range(40))
    sink.publish([huge])
    sink.start(batch_bytes_max=50_000)
    arrived(destination, sink, published)
    assert max(request.length for request in destination.requests) <= 50_000
    assert "do not fit into a request of 50000" in message(sink.dead_letters()[0])


def test_requests_a_second_can_be_capped(destination: FakeDestination, sink: Sink) -> None:
    published = sink.publish(input_body(number) for number in range(300))
    sink.start(batch_inputs_max=10, requests_per_second_max=10)
    arrived(destination, sink, published)
    times = [request.at for request in destination.requests]
    assert len(times) == 30
    # On a busy machine one may arrive late, and those after it seem too quick: not all ten in a row do, and never all together.
    assert max(last - first for first, last in zip(times, times[9:], strict=False)) >= 0.85, "nine gaps of a tenth of a second"
    assert times[-1] - times[0] >= 1.45, "half of 29 gaps of a tenth of a second"


def test_items_that_are_throttled_alone_are_sent_again_alone(destination: FakeDestination, sink: Sink) -> None:
    late = {input_body(number)["id"] for number in range(5)}
    busy = iter([True] * 5)
    destination.judge = lambda given: status(THROTTLED) if given["id"] in late and next(busy, False) else None
    published = sink.publish(input_body(number) for number in range(100))
    sink.start()
    arrived(destination, sink, published)
    assert {destination.attempts[each] for each in late} == {2}
    assert {destination.attempts[each] for each in published - late} == {1}


def test_no_more_requests_are_in_flight_than_allowed_and_not_fewer(destination: FakeDestination, sink: Sink) -> None:
    destination.answer_s = 0.05
    published = sink.publish(input_body(number) for number in range(2_000))
    sink.start(batch_inputs_max=50, requests_in_flight_max=3)
    arrived(destination, sink, published)
    assert destination.at_once_max == 3


def test_a_duplicate_alone_in_its_request_is_success_without_items(destination: FakeDestination, sink: Sink) -> None:
    destination.rule = lambda _: whole(400, DUPLICATE)
    sink.publish([input_body(1)])
    sink.start()
    sink.wait_committed()
    assert not sink.dead_letters()
    assert sink.committed_note()["duplicates"] == 1
