"""Fixtures of all tests: one real broker a session, one real schema registry, settings with a topic prefix of each test's own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

from processor.settings import Settings
from tests.support.apicurio import SchemaRegistryServer
from tests.support.brokers import clear_environment, make_broker, remove_broker
from tests.support.hanging import Hanging
from tests.support.scheduling import FilesOnce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.brokers import Broker


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker",
        choices=("auto", "docker", "java"),
        default="auto",
        help="Where brokers run: in containers, from the bundled Java runtime, or (auto) in containers where a Docker engine answers.",
    )


# No deadline: the first example pays for imports, and two busy cores for everything else. The blob makes a failure replayable.
hypothesis_settings.register_profile("collectors", deadline=None, print_blob=True)
hypothesis_settings.load_profile("collectors")


def pytest_configure(config: pytest.Config) -> None:
    clear_environment()
    config.pluginmanager.register(Hanging(config), "hanging")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesOnce:
    return FilesOnce(config, log)


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's broker: share it, and leave it running."""
    made = make_broker(pytestconfig.getoption("--broker"), tmp_path_factory.mktemp("broker"))
    try:
        made.start()
        yield made
    finally:
        remove_broker(made)


@pytest.fixture
def new_broker(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Mapping[str, str]], Broker]]:
    """Make and start a broker of the test's own, with further properties; the test may stop, kill and start it."""
    made = []

    def make(extra_properties: Mapping[str, str]) -> Broker:
        made.append(make_broker(pytestconfig.getoption("--broker"), tmp_path_factory.mktemp("broker"), extra_properties))
        made[-1].start()
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            remove_broker(each)


@pytest.fixture
def settings(broker: Broker) -> Settings:
    """Settings for the session's broker, with topics, groups and transactional ids of this test's own."""
    prefix = f"t{secrets.token_hex(3)}-"
    return Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix, instance=f"{prefix}host")


@pytest.fixture(scope="session")
def registry(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchemaRegistryServer]:
    """The session's schema registry: share it, with subjects of the test's own. All its tests are in one file, so one process starts it."""
    made = SchemaRegistryServer(tmp_path_factory.mktemp("registry"))
    try:
        # Whoever runs the tests sees the download.
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            made.start()
        made.use_up_ids()
        yield made
    finally:
        made.remove()
