"""What an answer's status means, and how long it asks to stay away."""

from __future__ import annotations

import pytest

from processor.fetch import CallFailed, Failure
from processor.fetch.exchange import Answer
from processor.fetch.statuses import RETRY_AFTER_S_MAX, check_status, retry_after_s


def failure(status: int, body: bytes = b"", **headers: str) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        check_status(Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body), "https://m.example/")
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_success_passes(status: int) -> None:
    check_status(Answer(status, {}, b""), "https://m.example/")


@pytest.mark.parametrize(
    ("status", "reason", "transient"),
    [
        (302, Failure.DENIED, False),
        (400, Failure.REFUSED, False),
        (401, Failure.DENIED, False),
        (404, Failure.DENIED, False),
        (408, Failure.UNAVAILABLE, True),
        (422, Failure.REFUSED, False),
        (429, Failure.THROTTLED, True),
        (500, Failure.MODEL_ERROR, True),
        (503, Failure.UNAVAILABLE, True),
        (599, Failure.UNAVAILABLE, True),
    ],
)
def test_every_status_has_a_meaning(status: int, reason: Failure, transient: bool) -> None:
    found = failure(status)
    assert (found.reason, found.transient) == (reason, transient)


def test_what_was_said_is_told_on_one_printable_line() -> None:
    assert failure(400, b"no\r\n  such\x1b[31m \xffshape").detail == "https://m.example/ answered 400: no such[31m \ufffdshape"
    assert len(failure(400, b"x" * 10_000).detail) < 400


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("99999999999999999999", RETRY_AFTER_S_MAX),
        ("Fri, 31 Dec 2100 23:59:59 GMT", RETRY_AFTER_S_MAX),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 0.0),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_has_a_bound(given: str, seconds: float | None) -> None:
    assert retry_after_s(Answer(503, {"retry-after": given}, b"")) == seconds
    assert failure(503, retry_after=given).retry_after_s == seconds
