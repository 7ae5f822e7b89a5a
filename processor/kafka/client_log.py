"""What librdkafka has to say, once: while brokers are away every client repeats itself twenty times a second."""

from __future__ import annotations

import logging
import re

AGAIN_AFTER_S = 30.0
REMEMBERED_MAX = 1000
# The first transaction after a broker's start may find its coordinator still loading; the client tries again by itself.
HARMLESS = "Coordinator load in progress"
_NUMBERS = re.compile(r"\d+")


class Once(logging.Filter):
    """Lets a line pass that was not told, but for its numbers, within the last half minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell it."""
        message = record.getMessage()
        line = _NUMBERS.sub("", message)
        if HARMLESS in message or record.created - self._told.get(line, 0.0) < AGAIN_AFTER_S:
            return False
        if len(self._told) >= REMEMBERED_MAX:
            self._told.clear()
        self._told[line] = record.created
        return True


def client_logger() -> logging.Logger:
    """The logger that Kafka clients are given."""
    logger = logging.getLogger("collectors.kafka.client")
    if not any(isinstance(known, Once) for known in logger.filters):
        logger.addFilter(Once())
    return logger
