"""Dead letters as people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.cli.dead_letters import _print_table

if TYPE_CHECKING:
    import pytest

LETTER = {
    "letter": "predictions.dead-letters/0/12",
    "topic": "predictions",
    "partition": "3",
    "offset": "7",
    "exception": "no_framing",
    "message": "a zero byte is wanted, [not] this",
    "bytes": 15,
}


def test_a_letter_is_shown_whole_and_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`dead-letters show` takes the first column."""
    _print_table([LETTER])
    shown = capsys.readouterr().out
    assert "predictions.dead-letters/0/12 " in shown
    assert "[not] this" in shown


def test_no_letters_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    _print_table([])
    assert capsys.readouterr().out.strip() == "no dead letters"
