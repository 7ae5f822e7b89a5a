"""Whatever the catalog wants and whatever Connect has: one round settles it, and nothing of anybody else's is touched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.connect.controller import Sink
from processor.connect.plan import Connector, Create, Restart, Task, plan
from processor.connect.wanted import MANAGED_BY, Wanted
from processor.kafka.topic_state import Layout
from processor.settings import Settings
from tests.support.connect import MemoryConnectors

MARK = "collectors"
NAMES = ("inputs.a.a", "inputs.a.b", "inputs.b.a", "inputs.b.b")
STATES = st.sampled_from(["RUNNING", "PAUSED", "STOPPED", "FAILED"])
VALUES = st.sampled_from(["1", "2", "3"])


class NoTopics:
    def layout(self) -> Layout:
        return Layout(1, {})


@st.composite
def wanted_sets(draw: st.DrawFn) -> list[Wanted]:
    """One entry for some of the apps: posting with some options, or not posting."""
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        config = {"name": name, MANAGED_BY: MARK, "tasks.max": draw(VALUES), "destination.url": draw(VALUES)}
        broken = draw(st.booleans())
        found.append(draw(st.sampled_from([Wanted(name, name, config), Wanted(name, name, None, "why", broken)])))
    return found


@st.composite
def existing(draw: st.DrawFn) -> MemoryConnectors:
    """Some connectors, ours and others', in any state."""
    made = MemoryConnectors()
    for name in draw(st.lists(st.sampled_from([*NAMES, "theirs"]), unique=True)):
        mark = draw(st.sampled_from([{MANAGED_BY: MARK}, {MANAGED_BY: "other"}, {}]))
        config = {
            "name": name,
            "tasks.max": draw(VALUES),
            **draw(st.dictionaries(st.sampled_from(["destination.url", "x"]), VALUES)),
            **mark,
        }
        made._all[name] = Connector(name, config, draw(STATES), "", (Task(0, draw(STATES), "e"),))
    return made


@settings(max_examples=200)
@given(wanted=wanted_sets(), connect=existing())
def test_one_round_settles_everything_that_is_ours_and_touches_nothing_else(wanted: list[Wanted], connect: MemoryConnectors) -> None:
    before = connect.connectors()
    sink = Sink(Settings(), connect, NoTopics())
    first = plan(wanted, before, MARK)
    for step in first.steps:
        sink.take(step)
    after = connect.connectors()
    assert plan(wanted, after, MARK).steps == ()
    assert {name for name, found in before.items() if found.config.get(MANAGED_BY) != MARK and after[name] != found} == set()
    assert before.keys() <= after.keys(), "none is ever deleted"
    running = {each.name for each in wanted if each.config is not None}
    ours = {name for name, found in after.items() if found.config.get(MANAGED_BY) == MARK}
    assert {name for name in ours if after[name].state == "RUNNING"} == running & ours


@given(wanted=wanted_sets(), connect=existing())
def test_only_what_is_wanted_is_made_or_started_again(wanted: list[Wanted], connect: MemoryConnectors) -> None:
    running = {each.name for each in wanted if each.config is not None}
    steps = plan(wanted, connect.connectors(), MARK).steps
    assert {step.name for step in steps if isinstance(step, Create | Restart)} <= running
