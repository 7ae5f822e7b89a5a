"""Opening the destination's database: made and brought up to date by the migrations, by one process or several, or refused with words."""

from __future__ import annotations

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from processor.destination.database import FixDatabase, open_database, parse_url, shown, writing
from processor.destination.models import Base
from processor.errors import FixUsage
from tests.support.embedded_destination import ALL, INPUTS, code, destination, image
from tests.support.postgres import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.postgres import Postgres


def test_the_migrations_make_the_tables_that_the_code_expects(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_an_open_database_is_opened_again_with_what_it_holds(database_url: str) -> None:
    with destination(database_url) as first, destination(database_url) as second:
        first.post(image("a"))
        assert second.ids() == ["a"]


def test_inputs_from_before_there_were_datasets_are_in_none(database_url: str) -> None:
    with destination(database_url) as there:
        there.post(image("a"))
    engine = open_database(database_url)
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE inputs DROP COLUMN dataset_ids"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    with destination(database_url) as there:
        there.post(image("b") | {"dataset_ids": ["d"]})
        assert [each.get("dataset_ids") for each in there.get().json()["inputs"]] == [None, ["d"]]


def test_several_processes_may_make_the_tables_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as starting:
        for engine in starting.map(open_database, [database_url] * 4):
            engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    engine = open_database(database_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    engine.dispose()
    with pytest.raises(FixDatabase, match="newer version"):
        open_database(database_url)


def test_a_write_that_fails_half_way_leaves_nothing(database_url: str) -> None:
    """A medium that cannot be stored takes its input and its neighbours with it, and the answer says so."""
    engine = open_database(database_url)
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE media"))
    with destination(database_url) as there:
        answer = there.post({"id": "a", "data": {"text": {"raw": "x"}}}, image("b"))
        assert answer.status_code >= 500
        assert "media" not in answer.text
        assert there.ids() == []
    engine.dispose()


def test_while_the_server_is_away_requests_are_told_to_try_again(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    with destination(postgres.new_database()) as there:
        there.post(image("a"))
        postgres.stop()
        try:
            with caplog.at_level(logging.WARNING):
                answers = [there.post(image("b")), there.get(f"{INPUTS}/a/image"), there.get("/readyz", None), there.get("/", ALL)]
        finally:
            postgres.start()
        assert [(answer.status_code, code(answer), answer.headers["retry-after"]) for answer in answers[:3]] == [(503, 10030, "1")] * 3
        assert there.get("/healthz", None).status_code == 200
        assert PASSWORD not in caplog.text
        assert code(there.post(image("b"))) == 10000
        assert there.ids() == ["a", "b"]


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(FixDatabase) as raised:
        open_database("postgresql://somebody:pass-word@127.0.0.1:1/inputs")
    assert "127.0.0.1:1/inputs" in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "inputs.db"
    file.write_bytes(b"this is no database, however long it goes on" * 10)
    with pytest.raises(FixDatabase, match=r"inputs\.db"):
        open_database(f"sqlite:///{file}")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FixDatabase, match="write to it"):
        open_database(f"sqlite:///{tmp_path}/file/inputs.db")


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/new/inputs.db").dispose()
    assert stat.S_IMODE((tmp_path / "new" / "inputs.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url", ["", "inputs.db", "mysql://u:secret@host/x", "sqlite://", "sqlite:///:memory:", "oracle://x", "postgresql+"]
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(FixUsage) as raised:
        parse_url(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_has_several_names(scheme: str) -> None:
    url = parse_url(f"{scheme}://u:secret@host/inputs")
    assert url.drivername == "postgresql+psycopg"
    assert shown(url) == "postgresql://u:***@host/inputs"


def test_a_commit_is_on_the_disk_before_it_is_answered(new_database: Callable[[], str]) -> None:
    """The sink forgets an input as soon as it is acknowledged."""
    engine = open_database(new_database())
    with engine.connect() as connection:
        sqlite = engine.dialect.name == "sqlite"
        found = connection.exec_driver_sql("PRAGMA synchronous" if sqlite else "SHOW synchronous_commit").scalar()
    engine.dispose()
    assert found == (2 if sqlite else "on")
