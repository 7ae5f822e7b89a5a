"""Connectors as the controller uses them: the same on a real worker and in memory, where the controller's own tests run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.connect.rest import RestConnectors
from processor.errors import FixCluster
from tests.support.connect import MemoryConnectors
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.connect.plan import Connector
    from processor.connect.rest import Connectors
    from processor.connect.worker import LocalConnect
    from tests.support.sink import Sink

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
MARK = {"collectors.managed-by": "collectors"}


@pytest.fixture(params=["memory", "worker"])
def connect(request: pytest.FixtureRequest, worker: LocalConnect) -> Iterator[Connectors]:
    if request.param == "memory":
        yield MemoryConnectors()
        return
    with RestConnectors(worker.url) as made:
        yield made


def becomes(connect: Connectors, name: str, state: str) -> Connector:
    """Wait until connector and task are in a state."""

    def look() -> Connector | None:
        found = connect.connectors().get(name)
        return found if found and found.tasks and {found.state, *(task.state for task in found.tasks)} == {state} else None

    return wait_until(look, f"{name} to be {state}", 60, 0.2)


def test_a_connector_is_made_with_the_options_given_and_runs(connect: Connectors, sink: Sink) -> None:
    config = sink.config() | MARK | {"name": sink.topic}
    connect.configure(sink.topic, config)
    found = becomes(connect, sink.topic, "RUNNING")
    assert found.config == config, "what was written is what is compared with later"
    assert not found.failure
    assert found.worker


def test_options_are_replaced_as_a_whole(connect: Connectors, sink: Sink) -> None:
    config = sink.config() | MARK | {"name": sink.topic}
    connect.configure(sink.topic, config | {"requests.in.flight.max": "7"})
    connect.configure(sink.topic, config)
    assert connect.connectors()[sink.topic].config == config


def test_a_pause_reaches_the_tasks_and_ends_with_a_resume(connect: Connectors, sink: Sink) -> None:
    connect.configure(sink.topic, sink.config())
    becomes(connect, sink.topic, "RUNNING")
    connect.pause(sink.topic)
    becomes(connect, sink.topic, "PAUSED")
    connect.configure(sink.topic, sink.config(requests_in_flight_max=7))
    becomes(connect, sink.topic, "PAUSED")
    connect.resume(sink.topic)
    becomes(connect, sink.topic, "RUNNING")


def test_options_that_are_wrong_are_refused_and_nothing_is_made(connect: Connectors, sink: Sink) -> None:
    with pytest.raises(FixCluster, match=r"tasks\.max"):
        connect.configure(sink.topic, sink.config(tasks_max="many"))
    assert sink.topic not in connect.connectors()


@pytest.mark.parametrize("verb", ["pause", "resume", "restart"])
def test_a_connector_that_is_not_there_is_refused(connect: Connectors, verb: str) -> None:
    with pytest.raises(FixCluster, match="nobody"):
        getattr(connect, verb)("nobody")


def test_a_restart_of_what_is_well_changes_nothing(connect: Connectors, sink: Sink) -> None:
    connect.configure(sink.topic, sink.config())
    becomes(connect, sink.topic, "RUNNING")
    connect.restart(sink.topic)
    becomes(connect, sink.topic, "RUNNING")
