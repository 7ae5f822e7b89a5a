"""What a demo says while it runs, where stderr is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from processor.cli.demo import Screen
from processor.demo.run import Outcome

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


def outcome() -> Outcome:
    counted = {"seen": 3, "collected": 1, "expected": 1, "posted": 1, "queued": 0, "reasons": {"not_sampled": 2}, "emptied_by": {}}
    row = {"collector": "acme/app/it", "status": "ACTIVE", "status_reason": "", **counted}
    sink = {"app": "acme/app", "state": "RUNNING", "delivered": 1, "refused": 0, "lag": 0}
    return Outcome({"predictions": 3, "collectors": [row], "sink": [sink], "lag": {}}, [])


def test_the_outcome_is_for_programs_when_it_is_asked_for_so(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=True).show(outcome(), "http://127.0.0.1:1")
    assert orjson.loads(capsys.readouterr().out) == outcome().summary


def test_the_outcome_for_people_says_what_was_posted_and_where_there_is_no_terminal_nobody_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen().show(outcome(), "http://127.0.0.1:1")
    shown = capsys.readouterr()
    assert ["it", "3", "1", "1", "1", "not_sampled", "2"] in [line.split() for line in shown.out.splitlines()]
    assert "sink of acme/app: RUNNING, 1 delivered, 0 refused, 0 waiting" in shown.out
    assert "Enter" not in shown.err
