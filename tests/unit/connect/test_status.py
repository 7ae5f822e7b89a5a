"""What became of collected inputs, from what was counted."""

from __future__ import annotations

from processor.connect.plan import Connector, Task
from processor.connect.status import SinkRow, Sinks, refusals, rows
from processor.connect.wanted import Wanted
from processor.kafka.reader import Record
from processor.kafka.unread import Unread

NAME = "inputs.acme.quality"
WANTED = Wanted("acme/quality", NAME, {"name": NAME})
OPTIONS = {"destination.user.id": "acme", "destination.app.id": "quality"}
RUNNING = Connector(NAME, OPTIONS, "RUNNING", "", (Task(0, "RUNNING"),))


def row(sinks: Sinks, collected: int = 0, waiting: Unread | None = None, refused: Unread | None = None) -> SinkRow:
    (found,) = rows(sinks, {"acme/quality": collected}, {NAME: waiting or Unread()}, {NAME: refused or Unread()})
    return found


def letter(source: tuple[str, int, int], *, collected: bool = True) -> Record:
    """A dead letter of a record at (topic, partition, offset)."""
    fields = zip(("topic", "partition", "offset"), source, strict=True)
    headers = [(f"__connect.errors.{name}", str(value).encode()) for name, value in fields]
    return Record("inputs.dead-letters", 0, 0, 0, b"k", b"v", (*headers, *([("collector", b"acme/quality/c")] if collected else [])))


def test_collected_inputs_are_delivered_refused_or_waiting() -> None:
    found = row(Sinks([WANTED], {NAME: RUNNING}), collected=100, waiting=Unread(7, 7), refused=Unread(3, 3))
    assert found == SinkRow("acme/quality", "RUNNING", 90, 3, 7)
    assert found.delivered + found.refused + found.lag == 100


def test_what_somebody_put_on_the_topic_by_hand_waits_and_is_refused_but_takes_nothing_from_the_delivered() -> None:
    assert row(Sinks([WANTED], {NAME: RUNNING}), 100, Unread(5, 1), Unread(2, 0)) == SinkRow("acme/quality", "RUNNING", 99, 2, 5)


def test_a_record_that_was_refused_twice_is_one() -> None:
    """A worker that was killed posts again what was not committed."""
    letters = [letter((NAME, 0, 5)), letter((NAME, 0, 5)), letter((NAME, 0, 6), collected=False), letter(("inputs.acme.other", 0, 5))]
    assert refusals(letters) == {NAME: Unread(2, 1), "inputs.acme.other": Unread(1, 1)}


def test_one_failed_task_makes_the_sink_failed_with_its_error() -> None:
    failed = Connector(NAME, OPTIONS, "RUNNING", "", (Task(0, "RUNNING"), Task(1, "FAILED", "some.Exception: gone")))
    found = row(Sinks([WANTED], {NAME: failed}))
    assert (found.state, found.error) == ("FAILED", "gone")


def test_a_sink_whose_tasks_do_not_run_yet_does_not_run() -> None:
    assert row(Sinks([WANTED], {NAME: Connector(NAME, OPTIONS, "RUNNING", "", (Task(0, "UNASSIGNED"),))})).state == "UNASSIGNED"


def test_an_app_that_should_have_a_connector_and_has_none_is_missing_one() -> None:
    assert row(Sinks([WANTED], {})).state == "MISSING"
    broken = Wanted("acme/quality", NAME, None, "it has no destination", broken=True)
    assert row(Sinks([broken], {})).error == "it has no destination"


def test_where_connect_does_not_answer_the_state_is_unknown_and_the_counts_are_still_told() -> None:
    found = row(Sinks([WANTED], None, "Kafka Connect does not answer"), 10, Unread(4, 4))
    assert found == SinkRow("acme/quality", "UNKNOWN", 6, 0, 4, "Kafka Connect does not answer")


def test_an_app_without_active_collectors_shows_as_long_as_it_has_a_connector() -> None:
    nothing = Wanted("acme/quality", NAME, None, "no collector of the app is active")
    assert list(rows(Sinks([nothing], {}), {}, {}, {})) == []
    paused = Connector(NAME, OPTIONS, "PAUSED", "", (Task(0, "PAUSED"),))
    found = row(Sinks([nothing], {NAME: paused}))
    assert (found.state, found.error) == ("PAUSED", "no collector of the app is active")
    assert row(Sinks([], {NAME: paused})).app == "acme/quality"


def test_what_a_running_sink_tries_again_after_is_told_and_foreign_notes_are_not() -> None:
    sinks = Sinks([WANTED], {NAME: RUNNING})
    assert row(sinks, waiting=Unread(1, 1, ("", "not json", "[1]", '{"error": "HTTP 503"}'))).error == "HTTP 503"
    assert row(sinks, waiting=Unread(0, 0, ('{"error": ""}',))).error == ""
