"""Opening a database: SQLite or PostgreSQL by URL, brought to the present by the migrations that come with the package."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from processor.errors import CollectorsError, FixUsage
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

POSTGRES = "postgresql"
SQLITE = "sqlite"
MEMORY = (None, "", ":memory:")
FILE_MODE = 0o600
BUSY_TIMEOUT_S = 30
STATEMENT_TIMEOUT_MS = 30_000
POOL = 8
PAGE_BYTES = 16_384  # images are stored in half the time that pages of 4 KiB take; only a new file takes it
MIGRATION_LOCK = 0x636F6C6C  # any number that nobody else's advisory lock has
MIGRATIONS = Path(__file__).with_name("migrations")


class FixDatabase(CollectorsError):
    """The destination's database cannot be opened, or was made by a newer version; the text says what to do."""


def open_database(url: str) -> Engine:
    """An engine whose database has all tables.

    Args:
        url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.

    Raises:
        FixUsage: this is no such URL, or its driver is not installed.
        FixDatabase: the database cannot be opened or brought up to date.
    """
    parsed = parse_url(url)
    try:
        return _up_to_date(_engine(parsed))
    except ModuleNotFoundError as error:
        raise FixUsage(f"the database driver {error.name} is not installed: install `collectors[postgres]`") from None
    except (DBAPIError, OSError) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        raise FixDatabase(f"database {shown(parsed)}: {reason}: is it there, and may this user write to it?") from None
    except CommandError as error:
        raise FixDatabase(f"database {shown(parsed)}: {error}: it was made by a newer version; install that one") from None


def parse_url(url: str) -> URL:
    """A URL with the driver that comes with the package.

    Raises:
        FixUsage: it is none, or of another database.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise FixUsage("the database URL is none: sqlite:///<file> or postgresql://<user>:<password>@<host>/<database> is wanted") from None
    if backend == "postgres":
        backend = POSTGRES
    if backend not in {POSTGRES, SQLITE}:
        raise FixUsage(f"the database URL is of {backend}, and only sqlite and postgresql are supported")
    if backend == SQLITE and parsed.database in MEMORY:
        raise FixUsage("the database URL names no file: sqlite:///<file> is wanted, as a database in memory is lost with the process")
    return parsed.set(drivername=f"{POSTGRES}+psycopg" if backend == POSTGRES else SQLITE)


def shown(url: URL) -> str:
    """A URL without its password."""
    return url.render_as_string(hide_password=True).replace("+psycopg", "")


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes, committed at the end; SQLite is told so at its beginning, or it would fail half-way."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def explain(error: Exception) -> Refused | None:
    """What an error is to a client that may ask again: the database is away, busy, full, or chose another transaction."""
    passes = isinstance(error, PoolTimeoutError) or (
        isinstance(error, DBAPIError)
        and (error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError", "InternalError"})
    )
    return Refused(Code.TRY_AGAIN, "the database is not ready: try again") if passes else None


_WRITES = "collectors_writes"


def _engine(url: URL) -> Engine:
    # Without parameters in its texts: an error of the database must not carry somebody's images into a log.
    if url.get_backend_name() == SQLITE:
        return _sqlite(url)
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={STATEMENT_TIMEOUT_MS}"
    arguments = {"options": options, "connect_timeout": 10, "application_name": "collectors-destination"}
    return create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=POOL, connect_args=arguments)


def _sqlite(url: URL) -> Engine:
    file = Path(url.database or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    # Made here, because SQLite would let others read it.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, FILE_MODE))
    engine = create_engine(url, hide_parameters=True, pool_size=POOL, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    """Readers beside one writer; a commit is on the disk before it is acknowledged, because the sink then forgets the inputs."""
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in (f"page_size={PAGE_BYTES}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _up_to_date(engine: Engine) -> Engine:
    try:
        with writing(engine) as connection:
            _migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _migrate(connection: Connection) -> None:
    """Apply the migrations that are still to come; of several processes that start at once, one does it and the others wait."""
    if connection.dialect.name == POSTGRES:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a line for each of its plugins, and nothing that anybody asked for
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
