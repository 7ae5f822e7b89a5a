"""Which of the records that a poll gives are ours and new."""

from __future__ import annotations

import pytest

from processor.kafka.group import Message, following


@pytest.mark.parametrize(
    ("position", "offsets", "kept"),
    [
        (5, [5, 6, 7], [5, 6, 7]),
        (5, [5, 8, 12], [5, 8, 12]),
        (5, [3, 4, 5, 6], [5, 6]),
        (5, [5, 6, 7, 6, 7, 8], [5, 6, 7, 8]),
        (5, [7, 8, 5, 6, 7, 8, 9], [7, 8, 9]),
        (5, [5, 5], [5]),
        (5, [3, 4], []),
        (0, [0], [0]),
    ],
    ids=["follows", "gaps", "older first", "served again", "rewound", "twice", "only older", "first of all"],
)
def test_each_record_follows_the_one_before(position: int, offsets: list[int], kept: list[int]) -> None:
    messages = [Message(topic="predictions", partition=0, offset=offset) for offset in offsets]
    assert [message.offset() for message in following(position, messages)] == kept
