"""Rounds of the controller: what it does when the catalog changes, when connectors fail, and when nobody answers."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import pytest

from processor.catalog.store import Catalog
from processor.connect.controller import BACKOFF_S, LOOK_EVERY_S, WELL_AFTER_S, Controller, Sink
from processor.errors import ClusterAway
from processor.kafka.topic_state import Layout, TopicState
from processor.settings import Settings
from tests.support.connect import MemoryConnectors
from tests.support.documents import ACME, INGEST, change, collector, everything, gone

if TYPE_CHECKING:
    from processor.catalog.changes import Change

NAME = "inputs.acme.quality"
HERE = replace(ACME, destination_url="http://here.example")


class Written:
    """A catalog that changes as a test says."""

    def __init__(self) -> None:
        self.catalog = Catalog(("professional",))
        self._changes: list[Change] = []

    def write(self, *changes: Change) -> None:
        self._changes += changes

    def poll(self, timeout_s: float = 0.0) -> bool:  # noqa: ARG002 - as the real one
        changes, self._changes = self._changes, []
        if changes:
            self.catalog.apply(changes)
        return bool(changes)


class Cluster:
    """The topics there are, or nobody who answers."""

    def __init__(self) -> None:
        self.away = False

    def layout(self) -> Layout:
        if self.away:
            raise ClusterAway("no broker answers")
        return Layout(1, {NAME: TopicState(1, 1)})


class World:
    """A controller, and all that it meets."""

    def __init__(self) -> None:
        self.connect, self.cluster, self.written, self.now_s = MemoryConnectors(), Cluster(), Written(), 1000.0
        sink = Sink(Settings(connect_secrets_folder="/s"), self.connect, self.cluster)
        self.states: list[dict[str, int]] = []
        self.controller = Controller(sink, self.written, lambda: self.now_s, report=lambda states: self.states.append(dict(states)))
        self.written.write(*everything(HERE))

    def turn(self, after_s: float = 0.0) -> list[tuple[str, str]]:
        """One turn, so much later; what was asked of Connect."""
        self.now_s += after_s
        self.connect.asked.clear()
        self.controller.turn()
        return list(self.connect.asked)


@pytest.fixture
def world() -> World:
    made = World()
    made.turn()
    return made


def test_a_connector_is_made_with_the_first_collector_and_then_left_alone(world: World) -> None:
    assert world.connect.connectors()[NAME].state == "RUNNING"
    assert world.turn(LOOK_EVERY_S) == []


def test_a_change_of_the_catalog_is_acted_upon_at_once(world: World) -> None:
    world.written.write(gone(collector()))
    assert world.turn() == [("pause", NAME)]
    world.written.write(change(collector()))
    assert world.turn() == [("resume", NAME)]


def test_without_a_change_it_looks_every_few_seconds(world: World) -> None:
    world.connect.pause(NAME)
    assert world.turn(LOOK_EVERY_S / 2) == []
    assert world.turn(LOOK_EVERY_S / 2) == [("resume", NAME)]


def test_a_connector_that_fails_again_and_again_is_restarted_later_and_later(world: World) -> None:
    world.connect.failing.add(NAME)
    world.connect.fail(NAME, "unwell")
    restarts = []
    while len(restarts) < len(BACKOFF_S) + 2:
        restarts += [world.now_s] * len(world.turn(LOOK_EVERY_S))
    waits = [later - earlier for earlier, later in pairwise(restarts)]
    assert waits == [ceil(wait_s / LOOK_EVERY_S) * LOOK_EVERY_S for wait_s in (*BACKOFF_S, BACKOFF_S[-1])]


def test_a_connector_that_was_well_for_a_while_is_restarted_at_once_when_it_fails(world: World) -> None:
    for _ in range(3):
        world.connect.fail(NAME, "unwell")
        assert world.turn(max(BACKOFF_S)) == [("restart", NAME)]
    world.turn(WELL_AFTER_S + LOOK_EVERY_S)
    world.connect.fail(NAME, "unwell")
    assert world.turn(LOOK_EVERY_S) == [("restart", NAME)]
    world.connect.fail(NAME, "unwell")
    assert world.turn(BACKOFF_S[0] + LOOK_EVERY_S) == [("restart", NAME)]


def test_a_rotated_key_starts_a_failed_connector_at_once_without_an_edit(world: World) -> None:
    world.connect.failing.add(NAME)
    world.connect.fail(NAME, "key 'ingest': HTTP 401")
    for _ in range(40):
        world.turn(LOOK_EVERY_S)
    assert world.turn(LOOK_EVERY_S) == [], "it waits for long by now"
    world.connect.failing.clear()
    world.written.write(change(replace(INGEST, sha256="11")))
    assert world.turn() == [("restart", NAME)]


def test_what_connect_refuses_is_told_once_and_tried_later_and_does_not_stop_the_rest(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    second = replace(collector(), app_id="second", pre_queue_workflow_id="", pre_queue_random_sample=0.5)
    key = replace(INGEST, app_id="second")
    world.cluster.layout = lambda: Layout(1, {NAME: TopicState(1, 1), "inputs.acme.second": TopicState(1, 1)})  # type: ignore[method-assign]  # one more topic
    refused = world.connect.configure

    def configure(name: str, config: dict[str, str]) -> None:
        refused(name, config | ({"tasks.max": "many"} if name == NAME else {}))

    world.connect.configure = configure  # type: ignore[assignment]  # refuses one of the two
    world.written.write(
        change(replace(HERE, destination_url="http://new.example")), change(replace(HERE, id="second")), change(key), change(second)
    )
    assert world.turn() == [("configure", NAME), ("configure", "inputs.acme.second")]
    assert world.turn(LOOK_EVERY_S) == [("configure", NAME)]
    for _ in range(10):
        world.turn(LOOK_EVERY_S)
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        f"configuring connector {NAME}: tasks.max is no number"
    ]


def test_while_kafka_does_not_answer_nothing_is_touched_and_it_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.clear()
    world.cluster.away = True
    world.written.write(gone(collector()))
    assert world.turn() == []
    assert world.turn(LOOK_EVERY_S) == []
    world.cluster.away = False
    assert world.turn(LOOK_EVERY_S) == [("pause", NAME)]
    assert [record.message for record in caplog.records] == [
        "no broker answers",
        f"pause {NAME}: RUNNING -> PAUSED (the app has no collectors)",
        "nothing stands in the way any more",
    ]


def test_an_app_without_a_destination_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.written.write(change(ACME))
    assert world.turn() == [("pause", NAME)]
    world.turn(LOOK_EVERY_S)
    (told,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert told.startswith("cannot post inputs of acme/quality: it has no destination: set destination_url of App acme/quality")


def test_an_inputs_topic_that_is_gone_pauses_its_connector(world: World) -> None:
    world.cluster.layout = lambda: Layout(1, {})  # type: ignore[method-assign]  # no topic any more
    assert world.turn(LOOK_EVERY_S) == [("pause", NAME)]


def test_every_round_tells_how_many_connectors_are_in_which_state(world: World) -> None:
    world.connect.fail(NAME, "unwell")
    world.turn(LOOK_EVERY_S)
    world.turn(LOOK_EVERY_S)
    assert world.states == [{}, {"FAILED": 1}, {"RUNNING": 1}]
