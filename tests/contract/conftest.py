"""The databases that the destination's suite runs on: SQLite, and a real PostgreSQL where its binaries are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.embedded_destination import destination
from tests.support.postgres import Postgres, binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.embedded_destination import Client


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server; each test makes a database of its own in it."""
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL here: neither initdb on the PATH nor Debian's package (apt-get install postgresql)")
    with Postgres(folder) as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Make an empty database, of each sort; its URL."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/inputs.db"
    running: Postgres = request.getfixturevalue("postgres")
    return running.new_database


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """An empty database of the test's own."""
    return new_database()


@pytest.fixture(scope="session")
def shared(new_database: Callable[[], str]) -> Iterator[Client]:
    """A destination that all tests share."""
    with destination(new_database()) as there:
        yield there


@pytest.fixture
def client(shared: Client) -> Client:
    """A destination without any inputs."""
    shared.forget_everything()
    return shared
