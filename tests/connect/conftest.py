"""One Kafka Connect worker a session, with the sink compiled from its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.connect.worker import LocalConnect
from processor.settings import Settings
from tests.support.destination import FakeDestination
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.brokers import Broker

SECRET = "5ec7e7" * 8
QUICK_WORKER = {"offset.flush.interval.ms": "300"}


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="session")
def worker(broker: Broker, secrets_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalConnect]:
    """The session's worker: share it, and leave it running."""
    settings = Settings(topic_prefix="shared-")
    folder = tmp_path_factory.mktemp("worker")
    made = LocalConnect(settings, broker.bootstrap_servers, folder, secrets=secrets_folder, extra_properties=QUICK_WORKER)
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def destination() -> Iterator[FakeDestination]:
    with FakeDestination(SECRET) as running:
        yield running


@pytest.fixture
def sink(worker: LocalConnect, settings: Settings, secrets_folder: Path, destination: FakeDestination) -> Iterator[Sink]:
    """An app's topic and its key; the connector is the test's to start."""
    made = Sink(worker, settings, secrets_folder, destination.url)
    made.make_topics()
    made.store_secret(SECRET)
    try:
        yield made
    finally:
        made.delete()
