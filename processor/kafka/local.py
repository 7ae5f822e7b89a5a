"""A real Apache Kafka broker on loopback, from the bundled Java runtime and checksummed jars, in a folder of its own.

The folder holds everything: ``data`` (which outlives stop, kill and start), ``broker.log``, the settings as the broker got them, the
record of address and process, and the lock that says whether a broker runs (see :mod:`processor.kafka.record`).
"""

from __future__ import annotations

import base64
import logging
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections import deque
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from processor.errors import FixMachine, FixUsage
from processor.kafka.broker_properties import broker_properties, properties_text
from processor.kafka.jars import Progress, ensure_jars, manifest
from processor.kafka.java import BROKER_FLAGS, bundled_java, java_command
from processor.kafka.machine import HOST, explain, free_port, is_port_free, require_space
from processor.kafka.record import BrokerRecord, forget_record, hold, is_locked, read_record, running_broker, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from processor.settings import Settings

T = TypeVar("T")

DEFAULT_PORT = 9092
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
LOOK_EVERY_S = 0.05
LOG_LINES_SHOWN = 20
# What a broker writes when it starts on an empty folder, with room for a first topic or two.
ROOM_BYTES = 100 << 20
CHOOSE_FOLDER = "work in a folder on another disk"

quiet = logging.getLogger("collectors.kafka.local.quiet")
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


class LocalBroker:
    """One broker in one folder; any process may start, stop or kill it."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        port: int = 0,
        extra_properties: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Describe a broker; nothing is started yet.

        Args:
            settings: where jars are kept and fetched from; nothing else of them is used.
            folder: the broker's own folder; made when it is missing.
            port: where clients connect; 0: a free one, chosen at the first start and kept.
            extra_properties: further broker settings; they win over ours.
            progress: told about downloads.
        """
        self._settings = settings
        self._folder = folder.absolute()
        self._port = port
        self._extra = dict(extra_properties or {})
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, ``host:port``; the same after every start.

        Raises:
            FixUsage: no port was given and the broker was never started.
        """
        if self._port:
            return f"{HOST}:{self._port}"
        record = read_record(self._folder)
        if record is None:
            raise FixUsage(f"the broker in {self._folder} was not started yet: it has no port")
        return record.bootstrap_servers

    @property
    def running(self) -> BrokerRecord | None:
        """Address and process of the broker when it is alive."""
        return running_broker(self._folder)

    def start(self, timeout_s: float = START_TIMEOUT_S) -> BrokerRecord:
        """Start the broker and wait until it answers; one that already runs is left alone.

        Raises:
            FixMachine: a port, disk space, a folder or the network is missing; or the broker ended, and then its last words are shown.
            FixUsage: the ``local`` extra is not installed, or the folder's broker already runs on another port.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with hold(self._folder) as lock:
                return self._join(timeout_s) if lock is None else self._start(lock, timeout_s)
        except OSError as error:
            raise explain(error, self._folder, CHOOSE_FOLDER) from error

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """End the broker cleanly, by force when it takes longer than ``timeout_s``; False when none ran."""
        return self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> bool:
        """End the broker at once (SIGKILL), as a crash would; False when none ran."""
        return self._end(signal.SIGKILL, STOP_TIMEOUT_S)

    def _join(self, timeout_s: float) -> BrokerRecord:
        """Wait for the broker that somebody else has started or is starting."""
        record = _until(lambda: read_record(self._folder), timeout_s)
        if record is None:
            raise FixMachine(f"somebody holds {self._folder} and starts no broker in it: end that program, then try again")
        if self._port and record.bootstrap_servers != f"{HOST}:{self._port}":
            raise FixUsage(f"the broker of this folder already runs on {record.bootstrap_servers}: stop it first to change its port")
        self._wait_until_ready(record, timeout_s)
        return record

    def _start(self, lock: int, timeout_s: float) -> BrokerRecord:
        java, jars = bundled_java(), ensure_jars(self._settings, manifest("broker"), self._progress)
        require_space(self._folder, ROOM_BYTES, CHOOSE_FOLDER)
        forget_record(self._folder)
        self._port = self._port or free_port()
        self._require_port()
        self._format(java, jars)
        self._write_properties("server.properties", "data")
        record = BrokerRecord(self.bootstrap_servers, self._spawn(java, jars, lock))
        write_record(self._folder, record)
        self._wait_until_ready(record, timeout_s)
        return record

    def _require_port(self) -> None:
        if is_port_free(self._port):
            return
        raise FixMachine(
            f"port {self._port} of {HOST} is taken by another program: choose another one (--port {free_port()} is free), "
            f"or, if a Kafka broker of yours is there, set COLLECTORS_BOOTSTRAP_SERVERS={HOST}:{self._port}"
        )

    def _write_properties(self, name: str, data: str) -> Path:
        properties = broker_properties(HOST, self._port, free_port(), self._extra)
        path = self._folder / name
        path.write_text(properties_text({**properties, "log.dirs": str(self._folder / data)}), encoding="utf-8")
        return path

    def _format(self, java: Path, jars: list[Path]) -> None:
        """Give an empty folder its cluster id and the features of this version, all or nothing.

        Without the checkpoint that formatting writes, the broker starts but KIP-848 groups fail.
        """
        data, part = self._folder / "data", self._folder / "data.part"
        if data.exists():
            return
        shutil.rmtree(part, ignore_errors=True)
        properties = self._write_properties("format.properties", part.name)
        arguments = ("format", "-t", _cluster_id(), "-c", str(properties))
        done = subprocess.run(  # noqa: S603 - our own command
            self._command(java, jars, "kafka.tools.StorageTool", *arguments), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise FixMachine(f"the broker's folder {data} could not be prepared:\n{done.stdout}{done.stderr}")
        part.rename(data)

    def _command(self, java: Path, jars: list[Path], main_class: str, *arguments: str) -> list[str]:
        config = self._folder / "log4j2.xml"
        config.write_bytes((files("processor.kafka") / config.name).read_bytes())
        flags = (*BROKER_FLAGS, f"-Dcollectors.broker.folder={self._folder}", f"-Dlog4j2.configurationFile={config}")
        return java_command(java, jars, main_class, *arguments, flags=flags)

    def _spawn(self, java: Path, jars: list[Path], lock: int) -> int:
        """Start the broker in a session of its own: an interrupt at the terminal is not for it."""
        command = self._command(java, jars, "kafka.Kafka", str(self._folder / "server.properties"))
        with (self._folder / "output.log").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, pass_fds=(lock,), cwd=self._folder
            )
        return self._process.pid

    def _wait_until_ready(self, record: BrokerRecord, timeout_s: float) -> None:
        config: dict[str, Any] = {"bootstrap.servers": record.bootstrap_servers, "logger": quiet, "reconnect.backoff.max.ms": 200}
        client = AdminClient(config)
        if _until(lambda: self._ended() or _answers(client), timeout_s) and not self._ended():
            return
        state = "ended while it started" if self._ended() else f"has not answered within {timeout_s:.0f} s"
        self.kill()
        raise FixMachine(f"the broker in {self._folder} {state}; the last lines of its log:\n{self.last_words()}")

    def _ended(self) -> bool:
        if self._process is not None:
            return self._process.poll() is not None
        return not is_locked(self._folder)

    def last_words(self) -> str:
        """The last lines of what the broker wrote: its log, and what Java itself had to say."""
        lines: deque[str] = deque(maxlen=LOG_LINES_SHOWN)
        for name in ("broker.log", "output.log"):
            path = self._folder / name
            if path.is_file():
                lines.extend(path.read_text(encoding="utf-8", errors="replace").splitlines())
        return "\n".join(lines)

    def _end(self, by: signal.Signals, timeout_s: float) -> bool:
        record = self.running
        if record is None:
            self._reap()
            return False
        os.kill(record.pid, by)
        if not _until(self._ended_and_reaped, timeout_s):
            os.kill(record.pid, signal.SIGKILL)
            _until(self._ended_and_reaped, STOP_TIMEOUT_S)
        if by is signal.SIGTERM:
            forget_record(self._folder)
        return True

    def _ended_and_reaped(self) -> bool:
        self._reap()
        return not is_locked(self._folder)

    def _reap(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._process = None


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _answers(client: AdminClient) -> bool:
    try:
        return bool(client.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def _until(condition: Callable[[], T], timeout_s: float) -> T:
    """Ask until the answer is true, or for ``timeout_s``; the last answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return answer
