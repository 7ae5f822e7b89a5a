"""The public contract's status codes, and the status that every answer and every item of an answer carries."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

DETAILS_MAX = 4_000
HTTP_OK = 200
HTTP_MULTI_STATUS = 207
HTTP_BAD_REQUEST = 400


class Code(IntEnum):
    """Every code that is answered with, its words, and the HTTP status of an answer that is all about it."""

    SUCCESS = 10000, "Ok", HTTP_OK
    MIXED_STATUS = 10010, "Mixed success", HTTP_MULTI_STATUS
    FAILURE = 10020, "Failure", HTTP_BAD_REQUEST
    TRY_AGAIN = 10030, "Try the request again", 503
    NOT_IN_PLAN = 11000, "Feature is not in the plan", 403
    THROTTLED = 11005, "Too many requests", 429
    EXCEEDS_LIMITS = 11006, "Request exceeds a limit", HTTP_BAD_REQUEST
    INSUFFICIENT_SCOPES = 11007, "API key has insufficient scopes", 403
    KEY_INVALID = 11008, "API key is invalid, or does not belong to this app", 401
    KEY_NOT_FOUND = 11009, "API key not found", 401
    BAD_REQUEST_FORMAT = 11100, "Bad request format", HTTP_BAD_REQUEST
    DOES_NOT_EXIST = 11101, "Resource does not exist", 404
    INVALID_REQUEST = 11102, "Invalid request", HTTP_BAD_REQUEST
    METHOD_NOT_ALLOWED = 11103, "Method not allowed", 405
    MODEL_DOES_NOT_EXIST = 21200, "Model does not exist", 404
    MODEL_PERMISSION_DENIED = 21201, "Model permission denied", 403
    WORKFLOW_DOES_NOT_EXIST = 22102, "Workflow does not exist", 404
    WORKFLOW_INVALID_GRAPH = 22107, "Workflow graph is invalid", HTTP_BAD_REQUEST
    INPUT_OK = 30000, "Input ok", HTTP_OK
    INPUT_DUPLICATE = 30100, "Input has a duplicate ID", HTTP_BAD_REQUEST
    INPUT_UNSUPPORTED_FORMAT = 30101, "Input has an unsupported format", HTTP_BAD_REQUEST
    INPUT_DOES_NOT_EXIST = 30102, "Input does not exist", 404
    INPUT_INVALID_ARGUMENT = 30104, "Input has an invalid argument", HTTP_BAD_REQUEST
    INPUT_OVER_LIMIT = 30105, "Input is over a limit", HTTP_BAD_REQUEST
    COLLECTOR_MISSING = 52000, "Collector does not exist", 404
    COLLECTOR_ACTIVE = 52001, "Collector is active", HTTP_OK
    COLLECTOR_INACTIVE = 52002, "Collector is inactive", HTTP_OK
    COLLECTOR_POST_INPUT_FAILED = 52003, "Collector could not post its inputs", HTTP_BAD_REQUEST
    INTERNAL = 99009, "Internal error", 500

    words: str
    http: int

    def __new__(cls, value: int, words: str, http: int) -> Self:
        """A number with its words and its HTTP status."""
        code = int.__new__(cls, value)
        code._value_ = value
        code.words = words
        code.http = http
        return code

    @classmethod
    def of(cls, number: int) -> Self:
        """The code of a number."""
        return next(code for code in cls if code == number)


class Refused(Exception):
    """A request is refused whole.

    Args:
        code: what it is answered with.
        details: what is wrong and what to do, for people.
        http: the HTTP status, where it is not the code's own.
    """

    def __init__(self, code: Code, details: str = "", http: int | None = None) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.http = http or code.http


def status(code: Code, details: str = "") -> dict[str, Any]:
    """A status as the contract writes it."""
    answer: dict[str, Any] = {"code": int(code), "description": code.words}
    return answer | {"details": details[:DETAILS_MAX]} if details else answer


def combined(statuses: Sequence[tuple[Code, str]], succeeded: Code) -> tuple[Code, str]:
    """The status on top of a list.

    Args:
        statuses: code and details of every item.
        succeeded: the code of an item that went well.

    Returns:
        Success; the one code that all failed with, and what the first one lacks; mixed; or failure for several reasons.
    """
    failed = [item for item in statuses if item[0] is not succeeded]
    if not failed:
        return Code.SUCCESS, ""
    if len(failed) < len(statuses):
        return Code.MIXED_STATUS, f"{len(failed)} of {len(statuses)} failed: each has its own status"
    if len({code for code, _ in failed}) == 1:
        return failed[0]
    return Code.FAILURE, "all failed, for different reasons: each has its own status"
