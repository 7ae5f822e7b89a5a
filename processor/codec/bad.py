"""Why a value cannot be used: the closed set of reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from processor.errors import CollectorsError


class BadReason(StrEnum):
    """The reasons, in the order in which they are looked for: a value has the first that applies."""

    TOMBSTONE = "tombstone"
    TOO_LARGE = "too_large"
    NO_FRAMING = "no_framing"
    UNKNOWN_SCHEMA_ID = "unknown_schema_id"
    NOT_DECODABLE = "not_decodable"
    INVALID_UTF8 = "invalid_utf8"
    MISSING_ID = "missing_id"
    MISSING_MODEL = "missing_model"
    VALUE_OUT_OF_RANGE = "value_out_of_range"
    METADATA_NOT_JSON = "metadata_not_json"


@dataclass(frozen=True, slots=True)
class Bad:
    """One value that cannot be used.

    Attributes:
        index: position among the values that were given.
        reason: which rule it breaks.
        detail: what exactly, for people.
    """

    index: int
    reason: BadReason
    detail: str


class BadRecordError(CollectorsError):
    """One value cannot be used; whoever reads it sets it aside and goes on with the next."""

    def __init__(self, reason: BadReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")

    def at(self, index: int) -> Bad:
        """The same, told of one of several values."""
        return Bad(index, self.reason, self.detail)
