"""What cannot be processed: a dead letter each, up to a limit."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from processor.errors import TooManyBadRecords

if TYPE_CHECKING:
    from processor.kafka.reader import Headers
    from processor.settings import Settings

PREFIX = "__streams.errors."


class BadRecordLimit:
    """Stops a processor that dead-letters nearly everything: then the fault is in the code, the schema or the topic.

    Args:
        settings: ``bad_records_in_a_row``, ``bad_records_ratio`` over the last ``bad_records_window`` records.
    """

    def __init__(self, settings: Settings) -> None:
        self._in_a_row_max = settings.bad_records_in_a_row
        self._ratio_max = settings.bad_records_ratio
        self._window = settings.bad_records_window
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._bad = 0
        self._in_a_row = 0

    def add(self, records: int, bad: list[int], last: str = "") -> None:
        """Count one batch.

        Args:
            records: how many it had.
            bad: positions of the bad ones, ascending.
            last: where the last bad one is and what is wrong with it; its batch is not committed, so no dead letter tells.

        Raises:
            TooManyBadRecords: a limit is passed.
        """
        self._in_a_row = self._longest_run(records, bad)
        self._remember(records, len(bad))
        if self._in_a_row > self._in_a_row_max:
            raise TooManyBadRecords(_text(f"{self._in_a_row} records in a row", last, "bad_records_in_a_row"))
        if self._records >= self._window and self._bad > self._ratio_max * self._records:
            raise TooManyBadRecords(_text(f"{self._bad} of the last {self._records} records", last, "bad_records_ratio"))

    def _longest_run(self, records: int, bad: list[int]) -> int:
        """Length of the run at the batch's end, or the longest inside it where that passes the limit."""
        run, longest, expected = self._in_a_row, 0, 0
        for position in bad:
            run = run + 1 if position == expected else 1
            longest, expected = max(longest, run), position + 1
        at_end = run if expected == records else 0
        return longest if longest > self._in_a_row_max else at_end

    def _remember(self, records: int, bad: int) -> None:
        self._batches.append((records, bad))
        self._records, self._bad = self._records + records, self._bad + bad
        while self._records - self._batches[0][0] >= self._window:
            old_records, old_bad = self._batches.popleft()
            self._records, self._bad = self._records - old_records, self._bad - old_bad


def _text(what: str, last: str, setting: str) -> str:
    return (
        f"{what} could not be processed{f' (the last one: {last})' if last else ''}: stopping, so that a fault in the code or a wrong "
        f"schema does not dead-letter the whole topic; mend the cause and start again, or raise {setting} to let them go to the dead "
        "letters (those before are in `collectors dead-letters list`)"
    )


def error_headers(source: tuple[str, int, int], reason: str, detail: str) -> Headers:
    """The headers that KIP-1034 adds to a dead letter; key, value and the record's own headers stay untouched.

    Args:
        source: topic, partition, offset of the record.
        reason: of the closed set of ``BadReason``.
        detail: what exactly was wrong.
    """
    topic, partition, offset = source
    fields = {"exception": reason, "message": detail, "stacktrace": "", "topic": topic, "partition": str(partition), "offset": str(offset)}
    # What was wrong may be quoted from a schema or from JSON, where half a character can stand.
    return tuple((PREFIX + name, value.encode("utf-8", "backslashreplace")) for name, value in fields.items())
