"""Why a call to the outside gave nothing: a closed set, so that whoever reads a dead letter can look it up."""

from __future__ import annotations

from enum import StrEnum

from processor.errors import CollectorsError


class Failure(StrEnum):
    """What kept a call from giving an answer that can be used."""

    BAD_INPUT = "bad_input"
    FORBIDDEN_ADDRESS = "forbidden_address"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    MODEL_ERROR = "model_error"
    REFUSED = "refused"
    DENIED = "denied"
    BAD_ANSWER = "bad_answer"
    CIRCUIT_OPEN = "circuit_open"
    NOT_LOADED = "not_loaded"
    UNEXPECTED = "unexpected"


TRANSIENT = frozenset(
    {Failure.UNREACHABLE, Failure.TIMED_OUT, Failure.THROTTLED, Failure.UNAVAILABLE, Failure.MODEL_ERROR, Failure.CIRCUIT_OPEN}
)


class CallFailed(CollectorsError):
    """A call gave nothing.

    Attributes:
        reason: one of the closed set.
        detail: what happened and where, for people; without secrets and without the query of a URL, which may be one.
        retry_after_s: how long to stay away, where that is known.
    """

    def __init__(self, reason: Failure, detail: str, retry_after_s: float | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s
        super().__init__(f"{reason}: {detail}")

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return self.reason in TRANSIENT
