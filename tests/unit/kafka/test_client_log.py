"""A broker that is away is worth a line, not a thousand."""

from __future__ import annotations

import logging

from processor.kafka.client_log import AGAIN_AFTER_S, REMEMBERED_MAX, Once, client_logger


def line(text: str, at_s: float = 1000.0) -> logging.LogRecord:
    record = logging.LogRecord("collectors.kafka.client", logging.ERROR, "", 0, text, (), None)
    record.created = at_s
    return record


def test_a_line_that_differs_only_in_numbers_is_told_once_in_half_a_minute() -> None:
    once = Once()
    assert once.filter(line("[consumer-5] Connect to 127.0.0.1:9092 failed (after 0ms)"))
    assert not once.filter(line("[consumer-6] Connect to 127.0.0.1:9092 failed (after 12ms)", 1001))
    assert once.filter(line("[consumer-6] Connect to 127.0.0.1:9092 failed (after 12ms)", 1000 + AGAIN_AFTER_S))


def test_another_line_is_told() -> None:
    once = Once()
    assert once.filter(line("Connect to a:1 failed"))
    assert once.filter(line("SASL authentication failed"))


def test_what_a_client_mends_by_itself_at_every_start_is_not_told() -> None:
    assert not Once().filter(line("Failed to acquire transactional PID: Broker: Coordinator load in progress: retrying"))


def test_memory_of_lines_is_limited() -> None:
    once = Once()
    for number in range(3 * REMEMBERED_MAX):
        once.filter(line("x" * number))
    assert len(once._told) <= REMEMBERED_MAX


def test_all_clients_share_one_filter() -> None:
    assert client_logger() is client_logger()
    assert len([known for known in client_logger().filters if isinstance(known, Once)]) == 1
