"""The whole system on a secured broker: every part a process of its own, under a principal of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
from click.testing import CliRunner

from processor.cli.main import cli
from processor.connect.worker import LocalConnect
from processor.settings import Settings
from tests.docs.pages import ROOT
from tests.support.processes import REPOSITORY, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.secured import SecuredBroker

STOP_TIMEOUT_S = 60
WITH_A_CERTIFICATE = {"post-queue", "controller"}
LOCATION = "/etc/collectors/authority.pem"
# Small waits, so that a test is quick.
OPTIONS = {"retry.backoff.ms": "50", "retry.backoff.max.ms": "400"}


class SecuredSystem:
    """A directory in which everybody types their commands.

    Args:
        broker: the broker.
        folder: the directory.
        prefix: of topics, groups and principals.

    Attributes:
        connect_url: of the worker, once it runs.
        destination_url: of the destination, likewise.
        passwords: of everybody who has one.
        logs: what each process wrote.
    """

    def __init__(self, broker: SecuredBroker, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.prefix = prefix
        self.connect_url = ""
        self.destination_url = ""
        self.passwords: set[str] = set()
        self.logs: list[Path] = []
        self._broker = broker

    def environment(self, who: str) -> dict[str, str]:
        """What the commands of somebody find: a password is in a file, and only its name in the environment."""
        door = self._broker.with_certificate() if who == "ops" else self._door(who)
        password = door["kafka"].pop("sasl.password", None)
        values = {
            "BOOTSTRAP_SERVERS": door["bootstrap_servers"],
            "KAFKA": orjson.dumps(door["kafka"]).decode(),
            "TOPIC_PREFIX": self.prefix,
            "INSTANCE": f"{self.prefix}host",
            "CONFIG_FOLDER": str(self.folder),
            "CONNECT_URL": self.connect_url,
            "DESTINATION_URL": self.destination_url,
            "CONNECT_SECRETS_FOLDER": str((self.folder / ".collectors" / "secrets").resolve()),
            "CONNECTOR_OPTIONS": orjson.dumps(OPTIONS).decode(),
            "LOG_LEVEL": "DEBUG",
        }
        if password is not None:
            file = self.folder / f"{who}.password"
            file.write_text(f"{password}\n", encoding="utf-8")
            values["KAFKA__SASL_PASSWORD_FILE"] = str(file)
            self.passwords.add(password)
        return os.environ | {"PYTHONPATH": str(REPOSITORY)} | {f"COLLECTORS_{name}": value for name, value in values.items()}

    def expect(self, who: str, *words: str, given: str | None = None, **environment: str) -> str:
        """What a command of somebody prints; it has to succeed. In this process, which saves the start of one."""
        everything = {name: value for name, value in self.environment(who).items() if name.startswith("COLLECTORS_")} | environment
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(cli, list(words), input=given, env=everything)
        assert done.exit_code == 0, f"{who}: {words}: {done.output}{done.exception!r}"
        return done.stdout

    @contextlib.contextmanager
    def running(self, who: str, *words: str, says_where: bool = False) -> Iterator[str]:
        """A process of somebody while the block lasts; where it answers, for those that print it."""
        log = self.folder / f"{who}.log"
        self.logs.append(log)
        with log.open("ab") as output:
            command = [sys.executable, "-m", "processor", *words]
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(who),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if says_where else output,
                stderr=output,
                text=True,
            )
        try:
            yield first_line(process) if says_where else ""
            assert process.poll() is None, log.read_text()
        except AssertionError as error:
            error.add_note(f"{who}: {log.read_text()[-3000:]}")
            raise
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)
            if process.stdout:
                process.stdout.close()

    @contextlib.contextmanager
    def worker(self) -> Iterator[LocalConnect]:
        """A Connect worker under the settings of ``deploy/connect/secured.properties``."""
        passwords = {part: self._broker.password(f"{self.prefix}collectors-{part}") for part in ("connect", "sink")}
        self.passwords |= set(passwords.values())
        given = secured_worker(self.prefix, passwords, self._broker.certificates.authority)
        given["offset.flush.interval.ms"] = "300"
        folder, settings = self.folder / "worker", Settings(topic_prefix=self.prefix)
        secrets = self.folder / ".collectors" / "secrets"
        made = LocalConnect(settings, self._broker.scram_servers, folder, secrets=secrets, extra_properties=given)
        try:
            self.connect_url = made.start().url
            yield made
        finally:
            made.kill()

    def _door(self, who: str) -> dict[str, Any]:
        name = f"{self.prefix}{who if who.startswith('collectors-') else f'collectors-{who}'}"
        if who in WITH_A_CERTIFICATE:
            return self._broker.with_certificate(self._broker.certificates.issue(name))
        return self._broker.with_password(name)


def secured_worker(prefix: str, passwords: Mapping[str, str], authority: Path) -> dict[str, str]:
    """``deploy/connect/secured.properties`` for the principals of a prefix; the passwords are those of ``connect`` and ``sink``."""
    given = {key: value.replace(LOCATION, str(authority)) for key, value in secured_properties().items()}
    for part, password in passwords.items():
        name = f"{prefix}collectors-{part}"
        given = {
            key: value.replace(f'"collectors-{part}"', f'"{name}"').replace(f"PASSWORD-OF-{part.upper()}", password)
            for key, value in given.items()
        }
    return given


def secured_properties() -> dict[str, str]:
    """``deploy/connect/secured.properties`` as it stands."""
    lines = (ROOT / "deploy" / "connect" / "secured.properties").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
