"""The funnel as people see it."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from processor.cli.status import funnel_table


def shown(**changed: Any) -> str:
    row = {
        "collector": "acme/app/it",
        "status": "ACTIVE",
        "status_reason": "",
        "seen": 10,
        "collected": 3,
        "queued": 0,
        "reasons": {"not_sampled": 2, "workflow_empty": 5},
        "emptied_by": {"first": 4, "second": 1},
    }
    console = Console(width=120, record=True)
    with console.capture() as captured:
        console.print(funnel_table([row | changed]))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def test_every_reason_has_a_line_and_every_node_that_emptied_one() -> None:
    lines = [line.split()[-2:] for line in shown().splitlines() if line.strip()]
    assert lines[2:] == [["not_sampled", "2"], ["workflow_empty", "5"], ["first", "4"], ["second", "1"]]


def test_an_inactive_collector_says_why() -> None:
    assert "INACTIVE: key acme/app/k does not exist" in shown(status="INACTIVE", status_reason="key acme/app/k does not exist")
    assert "INACTIVE" not in shown()


def test_names_in_brackets_are_shown_as_they_are() -> None:
    assert "[red]" in shown(collector="[red]")
