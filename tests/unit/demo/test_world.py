"""The demo touches no cluster but its own, and ends what it began."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from processor.connect.worker import WorkerRecord
from processor.demo.world import Addresses, World, demo_settings
from processor.errors import CollectorsError
from processor.settings import Settings
from tests.support.waiting import wait_until

HERE = Addresses("127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", Path("models"))


def make(folder: Path) -> World:
    return World(folder, demo_settings(Settings(), HERE), Future())


def test_no_setting_of_the_environment_reaches_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that somebody uses may be named there."""
    monkeypatch.setenv("COLLECTORS_BOOTSTRAP_SERVERS", "in-use:9092")
    monkeypatch.setenv("COLLECTORS_TOPIC_PREFIX", "ours-")
    monkeypatch.setenv("COLLECTORS_KAFKA", '{"sasl.password": "x"}')
    monkeypatch.setenv("COLLECTORS_CONNECT_URL", "http://connect.example")
    settings = demo_settings(Settings(), HERE)
    assert (settings.bootstrap_servers, settings.topic_prefix, settings.kafka) == ("127.0.0.1:1", "", {})
    environment = World(tmp_path, settings, Future())._environment()
    named = ("COLLECTORS_BOOTSTRAP_SERVERS", "COLLECTORS_CONNECT_URL", "COLLECTORS_DESTINATION_URL")
    assert tuple(environment[name] for name in named) == ("127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")
    assert {"COLLECTORS_TOPIC_PREFIX", "COLLECTORS_KAFKA"}.isdisjoint(environment)


def test_the_worker_is_among_the_settings_once_it_answers(tmp_path: Path) -> None:
    worker: Future[WorkerRecord] = Future()
    there = World(tmp_path, demo_settings(Settings(), HERE), worker)
    worker.set_result(WorkerRecord("http://127.0.0.1:9", 1))
    there.wait_for_worker()
    assert there._environment()["COLLECTORS_CONNECT_URL"] == "http://127.0.0.1:9"


def test_a_worker_that_does_not_come_up_ends_the_demo_with_its_words(tmp_path: Path) -> None:
    worker: Future[WorkerRecord] = Future()
    worker.set_exception(CollectorsError("it ended"))
    with pytest.raises(CollectorsError, match="it ended"):
        World(tmp_path, demo_settings(Settings(), HERE), worker).wait_for_worker()


def test_a_command_gives_what_it_printed(tmp_path: Path) -> None:
    assert "the funnel of every collector" in make(tmp_path).run("status", "--help")


def test_a_command_that_fails_is_told_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(CollectorsError, match=r"collectors no-such-command` failed with exit status 2(.|\n)*No such command"):
        make(tmp_path).run("no-such-command")


def test_a_command_that_runs_on_and_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    with make(tmp_path).running("no-such-command") as running:
        wait_until(lambda: running._process.poll() is not None, "the command to end")
        with pytest.raises(CollectorsError, match=r"ended by itself with exit status 2(.|\n)*No such command"):
            running.require()


def test_a_command_that_runs_on_is_ended_with_the_block(tmp_path: Path) -> None:
    with make(tmp_path).running("--help") as running:
        process = running._process
    assert process.poll() is not None
