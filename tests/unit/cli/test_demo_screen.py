"""What a demo says while it runs, where stderr is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.cli.demo import Screen

if TYPE_CHECKING:
    import pytest


def test_a_count_is_told_in_four_lines_however_large(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen().counting("published", 1000) as report:
        for done in range(1, 1001):
            report(done)
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [f"published {done} of 1000" for done in (250, 500, 750, 1000)]
    assert shown.out == ""


def test_brackets_in_a_step_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().step("[demo] [bold]")
    assert capsys.readouterr().err == "[demo] [bold]\n"
