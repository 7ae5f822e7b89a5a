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

DEBIAN = Path("/usr/lib/postgresql")
OWNER = "collectors"
PASSWORD = "pass-word"  # noqa: S105 - of a server that asks for none; tests look for it where it must not be
UNPRIVILEGED = ("postgres", "nobody")
TIMEOUT_S = 60


def binaries() -> Path | None:
    """The folder that has initdb and pg_ctl; None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


class Postgres:
    """One cluster; each test makes a database in it."""

    def __init__(self, folder: Path) -> None:
        self._binaries = folder
        self._home = Path(tempfile.mkdtemp(prefix="collectors-postgres-"))
        self._port = free_port()
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = next(entry for name in UNPRIVILEGED for entry in pwd.getpwall() if entry.pw_name == name)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._home, user.pw_uid, user.pw_gid)

    def __enter__(self) -> Self:
        self._run("initdb", "--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._home} -c fsync=off"
        self._run("pg_ctl", "--log", str(self._home / "log"), "--options", options, "--wait", "start")

    def stop(self) -> None:
        """End the server as a crash would."""
        self._run("pg_ctl", "--mode", "immediate", "--wait", "stop")

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:{self._port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), "--pgdata", str(self._home / "data"), *arguments]
        with tempfile.TemporaryFile("w+b") as output:  # no pipe: the server keeps what it inherits, and a pipe would never end
            done = subprocess.run(command, stdout=output, stderr=output, cwd="/", timeout=TIMEOUT_S, check=False, **self._as_user)
            output.seek(0)
            assert done.returncode == 0, output.read().decode("utf-8", "replace")
