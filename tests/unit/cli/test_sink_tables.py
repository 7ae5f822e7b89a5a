"""The sinks as people see them, and the plan as programs do."""

from __future__ import annotations

from processor.cli.connect import as_object, sink_table
from processor.cli.status import sink_lines
from processor.connect.plan import Create, OptionChange, Pause, Update
from processor.connect.status import SinkRow


def test_every_sink_has_a_line_and_what_it_failed_of_stands_below() -> None:
    rows = [SinkRow("acme/quality", "RUNNING", 12, 0, 3), SinkRow("acme/b", "FAILED", 0, 1, 200, "key 'ingest' lacks scopes")]
    assert sink_table(rows).splitlines() == [
        "APP           STATE    DELIVERED  REFUSED  WAITING",
        "acme/quality  RUNNING  12         0        3",
        "acme/b        FAILED   0          1        200",
        "  key 'ingest' lacks scopes",
    ]


def test_status_says_the_same_in_one_line() -> None:
    (line,) = sink_lines([SinkRow("acme/quality", "RUNNING", 12, 0, 3).counts()])
    assert line == "sink of acme/quality: RUNNING, 12 delivered, 0 refused, 3 waiting"


def test_a_step_for_programs_has_its_action_and_its_fields() -> None:
    assert as_object(Create("c", {"a": "1"})) == {"action": "create", "name": "c", "config": {"a": "1"}}
    assert as_object(Pause("c", "RUNNING", "why")) == {"action": "pause", "name": "c", "before": "RUNNING", "reason": "why"}
    changed = as_object(Update("c", (OptionChange("a", "1", "2"),), {"a": "2"}))
    assert changed["changes"] == ({"option": "a", "before": "1", "after": "2"},)
