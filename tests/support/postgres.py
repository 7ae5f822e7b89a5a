"""A PostgreSQL server of the tests' own: the system's binaries, a private cluster in a temporary folder, on the loopback address."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import psycopg

from processor.kafka.machine import free_port
from tests.support.waiting import wait_until

DEBIAN = Path("/usr/lib/postgresql")
OWNER = "collectors"
PASSWORD = "pass-word"  # noqa: S105 - of a server that asks for none; tests look for it where it must not be
UNPRIVILEGED = ("postgres", "nobody")
TIMEOUT_S = 60
# The server ends when its standard input does: also when the tests are killed, and cannot clean up.
WATCHED = '"$@" </dev/null & read -r _; kill -QUIT $!; wait $!'


def binaries() -> Path | None:
    """The folder that has initdb and postgres; None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


class Postgres:
    """One cluster; each test makes a database in it."""

    def __init__(self, folder: Path) -> None:
        self._binaries = folder
        self._home = Path(tempfile.mkdtemp(prefix="collectors-postgres-"))
        self._port = free_port()
        self._as_user: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = next(entry for name in UNPRIVILEGED for entry in pwd.getpwall() if entry.pw_name == name)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._home, user.pw_uid, user.pw_gid)

    def __enter__(self) -> Self:
        options = ["--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        command = [str(self._binaries / "initdb"), "--pgdata", self._data, *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=TIMEOUT_S, check=False, **self._as_user)
        assert done.returncode == 0, done.stdout + done.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = ["listen_addresses=127.0.0.1", f"port={self._port}", f"unix_socket_directories={self._home}", "fsync=off"]
        server = [str(self._binaries / "postgres"), "-D", self._data, *(word for option in options for word in ("-c", option))]
        with (self._home / "log").open("ab") as log:
            command = ["sh", "-c", WATCHED, "sh", *server]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/", **self._as_user)
        wait_until(self._answers, f"PostgreSQL: {(self._home / 'log').read_text()}", TIMEOUT_S)

    def stop(self) -> None:
        """End the server as a crash would."""
        assert self._process is not None, "not started"
        self._process.communicate(timeout=TIMEOUT_S)

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        return f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:{self._port}/{database}"
