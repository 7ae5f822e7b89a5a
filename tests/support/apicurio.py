"""A real schema registry for tests: Apicurio on the bundled Java runtime, on loopback, its schemas in memory.

Its archive is got as Kafka's jars are: pinned by its SHA-256, fetched once, kept in the user's cache.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import httpx

from processor.kafka.broker_record import hold
from processor.kafka.download import Progress
from processor.kafka.jar_cache import ensure_jars
from processor.kafka.jars import Jar
from processor.kafka.java import BROKER_FLAGS, bundled_java
from processor.kafka.java_service import OUTPUT, JavaService
from processor.kafka.machine import HOST, free_port
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

START_TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 10.0
FILLERS = 32
RUNNER = "*-runner.jar"
TENTHS = 10


class Archive(Jar):
    """A pinned archive of a program with all its jars."""

    @property
    def name(self) -> str:
        """The file's name, ``artifact-version-all.tar.gz``."""
        return f"{super().name.removesuffix('.jar')}-all.tar.gz"


ARCHIVE = Archive(
    "io.apicurio:apicurio-registry-app:3.0.9",
    bytes=108_860_403,
    sha256="2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43",
    part="tests",
)


class Told(Progress):
    """Tells of the download on stderr, a line for each tenth: on a slow line it takes minutes."""

    def __init__(self) -> None:
        self._bytes = self._total = 0

    def begin(self, jars: int, total_bytes: int) -> None:  # noqa: ARG002 - there is one
        self._total = total_bytes
        self.note(f"downloading the schema registry for the tests, once: {total_bytes / 1e6:.0f} MB")

    def fetched(self, count: int) -> None:
        before, self._bytes = self._bytes, self._bytes + count
        if self._bytes * TENTHS // self._total > before * TENTHS // self._total:
            self.note(f"downloading the schema registry: {self._bytes * 100 // self._total} %")

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - for whoever waits


class SchemaRegistryServer:
    """One registry in one folder.

    Args:
        folder: its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._service = JavaService(folder, "the schema registry", OUTPUT)
        self._address = f"http://{HOST}:{free_port()}"
        self._pid: int | None = None

    @property
    def url(self) -> str:
        """Where its Confluent-compatible API is."""
        return f"{self._address}/apis/ccompat/v7"

    def start(self) -> None:
        """Fetch and unpack it if need be, start it, and wait until it answers."""
        if not any(self._folder.glob(RUNNER)):
            (archive,) = ensure_jars(Settings(), [ARCHIVE], Told())
            with tarfile.open(archive) as packed:
                packed.extractall(self._folder, filter="data")
        with hold(self._folder) as lock:
            assert lock is not None, "the folder is nobody else's"
            self._pid = self._service.spawn(self._command(), lock)
        self._service.wait_until_ready(self._answers, START_TIMEOUT_S)

    def kill(self) -> None:
        """End it; what it keeps in memory is gone."""
        self._service.end(self._pid, signal.SIGKILL)

    def remove(self) -> None:
        """End it, and delete what it was unpacked to."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def use_up_ids(self) -> None:
        """Give away more ids than the index has, so that no id of ours can be mistaken for one of the index."""
        for number in range(FILLERS):
            self.register("filler", f'{{"type": "fixed", "name": "Filler", "size": {number}}}')

    def register(self, subject: str, schema: str, **fields: Any) -> int:
        """The id of a schema under a subject."""
        return int(self.ask("POST", f"/subjects/{subject}/versions", {"schema": schema, **fields})["id"])

    def newest(self, subject: str) -> dict[str, Any]:
        """The newest schema of a subject, with its id."""
        found: dict[str, Any] = self.ask("GET", f"/subjects/{subject}/versions/latest")
        return found

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of its API, which has to succeed."""
        answer = httpx.request(method, f"{self.url}{path}", json=body, timeout=ANSWER_TIMEOUT_S, trust_env=False)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def _command(self) -> list[str]:
        host, port = self._address.removeprefix("http://").split(":")
        options = {"quarkus.http.host": host, "quarkus.http.port": port, "java.io.tmpdir": self._folder}
        (runner,) = self._folder.glob(RUNNER)
        return [str(bundled_java()), *BROKER_FLAGS, *(f"-D{name}={value}" for name, value in options.items()), "-jar", str(runner)]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._address}/health/ready", timeout=ANSWER_TIMEOUT_S, trust_env=False).is_success
        except httpx.TransportError:
            return False
