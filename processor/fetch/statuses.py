"""What an HTTP status means for the caller's next move."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from processor.fetch.failed import CallFailed, Failure

if TYPE_CHECKING:
    from processor.fetch.exchange import Answer

RETRY_AFTER_S_MAX = 300.0  # an answer that asks for more is obeyed for this long, then asked again

_MEANING = {
    HTTPStatus.UNAUTHORIZED: Failure.DENIED,
    HTTPStatus.FORBIDDEN: Failure.DENIED,
    HTTPStatus.NOT_FOUND: Failure.DENIED,
    HTTPStatus.METHOD_NOT_ALLOWED: Failure.DENIED,
    HTTPStatus.GONE: Failure.DENIED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: Failure.DENIED,
    HTTPStatus.REQUEST_TIMEOUT: Failure.UNAVAILABLE,
    HTTPStatus.TOO_EARLY: Failure.UNAVAILABLE,
    HTTPStatus.TOO_MANY_REQUESTS: Failure.THROTTLED,
    HTTPStatus.INTERNAL_SERVER_ERROR: Failure.MODEL_ERROR,
}


def check_status(answer: Answer, where: str) -> None:
    """Pass an answer that says it is one.

    Args:
        answer: of any status.
        where: who answered, for people.

    Raises:
        CallFailed: for every status but those from 200 to 299.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    said = f": {answer.said}" if answer.said else ""
    raise CallFailed(_meaning(answer.status), f"{where} answered {answer.status}{said}", retry_after_s(answer))


def _meaning(status: int) -> Failure:
    if status in _MEANING:
        return _MEANING[HTTPStatus(status)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failure.UNAVAILABLE
    return Failure.REFUSED if status >= HTTPStatus.BAD_REQUEST else Failure.DENIED


def retry_after_s(answer: Answer) -> float | None:
    """How long the answer asks to stay away (RFC 9110, section 10.2.3: seconds, or a date); None where it does not say, or not clearly."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return min(float(given), RETRY_AFTER_S_MAX)
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - datetime.now(UTC)).total_seconds(), 0.0), RETRY_AFTER_S_MAX)
