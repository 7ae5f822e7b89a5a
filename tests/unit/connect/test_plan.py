"""Wanted connectors against existing ones."""

from __future__ import annotations

from dataclasses import replace

from processor.connect.plan import Connector, Create, Pause, Plan, Restart, Resume, Task, Update, overall, plan
from processor.connect.wanted import MANAGED_BY, Wanted

MARK = "collectors"
NAME = "inputs.acme.quality"
CONFIG = {
    "name": NAME,
    MANAGED_BY: MARK,
    "destination.url": "http://here.example",
    "destination.user.id": "acme",
    "destination.app.id": "quality",
    "destination.key.id": "ingest",
    "destination.key": "${directory:/s:acme.quality.ingest}",
}
WANTED = Wanted("acme/quality", NAME, CONFIG)
NOTHING = Wanted("acme/quality", NAME, None, "no collector of the app is active")
RUNNING = Connector(NAME, CONFIG, "RUNNING", "", (Task(0, "RUNNING"),), "w1")
TRACE = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:636)
Caused by: org.apache.kafka.connect.errors.ConnectException: key 'ingest' lacks scopes
\tat collectors.connect.InputsSinkTask.put(InputsSinkTask.java:60)
"""


def of(wanted: Wanted, *found: Connector) -> Plan:
    return plan([wanted], {each.name: each for each in found}, MARK)


def test_a_connector_that_is_as_wanted_is_left_alone() -> None:
    assert of(WANTED, RUNNING) == Plan()
    assert of(WANTED, RUNNING).settled


def test_the_first_active_collector_of_an_app_makes_a_connector() -> None:
    assert of(WANTED).steps == (Create(NAME, CONFIG),)
    assert str(of(WANTED).steps[0]) == f"create {NAME}: posts to http://here.example as acme/quality with key ingest"


def test_an_option_that_differs_is_set_again_with_before_and_after() -> None:
    drifted = replace(RUNNING, config=CONFIG | {"destination.url": "http://elsewhere.example"})
    (step,) = of(WANTED, drifted).steps
    assert isinstance(step, Update)
    assert step.config == CONFIG
    assert str(step) == f"update {NAME}: destination.url http://elsewhere.example -> http://here.example"


def test_an_option_that_somebody_added_is_taken_away_and_its_value_is_not_shown() -> None:
    (step,) = of(WANTED, replace(RUNNING, config=CONFIG | {"proxy.password": "sesame"})).steps
    assert str(step) == f"update {NAME}: proxy.password (hidden) -> (not set)"


def test_a_secret_that_somebody_wrote_out_is_replaced_and_not_shown() -> None:
    (step,) = of(WANTED, replace(RUNNING, config=CONFIG | {"destination.key": "sesame"})).steps
    assert "sesame" not in str(step) + repr(step)
    assert str(step).endswith("destination.key (hidden) -> ${directory:/s:acme.quality.ingest}")


def test_when_no_collector_is_left_the_connector_is_paused_once() -> None:
    (step,) = of(NOTHING, RUNNING).steps
    assert step == Pause(NAME, "RUNNING", "no collector of the app is active")
    assert of(NOTHING, replace(RUNNING, state="PAUSED")).settled
    assert of(NOTHING, replace(RUNNING, state="STOPPED")).settled


def test_a_failed_connector_of_an_app_without_active_collectors_is_paused_and_not_restarted() -> None:
    (step,) = of(NOTHING, replace(RUNNING, tasks=(Task(0, "FAILED", TRACE),))).steps
    assert isinstance(step, Pause)


def test_a_connector_of_an_app_that_is_gone_is_paused_and_never_deleted() -> None:
    (step,) = plan([], {NAME: RUNNING}, MARK).steps
    assert isinstance(step, Pause)


def test_a_connector_that_was_paused_or_stopped_is_resumed_when_it_is_wanted() -> None:
    assert of(WANTED, replace(RUNNING, state="PAUSED")).steps == (Resume(NAME, "PAUSED"),)
    assert of(WANTED, replace(RUNNING, state="STOPPED")).steps == (Resume(NAME, "STOPPED"),)


def test_a_failed_task_is_restarted_and_the_innermost_cause_is_told() -> None:
    assert of(WANTED, replace(RUNNING, tasks=(Task(0, "RUNNING"), Task(1, "FAILED", TRACE)))).steps == (
        Restart(NAME, "key 'ingest' lacks scopes"),
    )
    assert of(WANTED, replace(RUNNING, state="FAILED")).steps == (Restart(NAME, "FAILED"),)


def test_options_are_mended_before_it_is_resumed_and_restarted() -> None:
    found = Connector(NAME, {MANAGED_BY: MARK}, "PAUSED", "", (Task(0, "FAILED", TRACE),))
    assert [type(step) for step in of(WANTED, found).steps] == [Update, Resume, Restart]


def test_a_connector_without_our_mark_is_never_touched() -> None:
    theirs = replace(RUNNING, config={**CONFIG, MANAGED_BY: "somebody"}, tasks=(Task(0, "FAILED", TRACE),))
    found = of(WANTED, theirs)
    assert not found.steps
    assert "connector inputs.acme.quality is somebody else's" in str(found.refused[0])
    assert of(NOTHING, theirs).settled
    assert plan([], {NAME: theirs}, MARK).settled


def test_an_app_that_cannot_be_posted_for_is_refused_with_the_reason_and_its_connector_paused() -> None:
    broken = Wanted("acme/quality", NAME, None, "it has no destination", broken=True)
    assert [str(each) for each in of(broken).refused] == ["cannot post inputs of acme/quality: it has no destination"]
    assert [type(step) for step in of(broken, RUNNING).steps] == [Pause]


def test_more_connectors_than_the_workers_carry_are_worth_a_note() -> None:
    many = {f"c{number}": replace(RUNNING, name=f"c{number}", config={}) for number in range(1000)}
    assert not plan([], many, MARK).notes
    (note,) = plan([WANTED], many, MARK).notes
    assert note.startswith("1001 connectors on 1 worker(s)")
    two = {**many, "other": replace(RUNNING, name="other", config={}, worker="w2")}
    assert not plan([WANTED], two, MARK).notes


def test_one_word_for_a_connector_and_its_tasks() -> None:
    assert overall(RUNNING) == "RUNNING"
    assert overall(replace(RUNNING, tasks=(Task(0, "RUNNING"), Task(1, "FAILED")))) == "FAILED"
    assert overall(replace(RUNNING, tasks=(Task(0, "UNASSIGNED"),))) == "UNASSIGNED"
    assert overall(replace(RUNNING, state="PAUSED", tasks=(Task(0, "RUNNING"),))) == "PAUSED"
