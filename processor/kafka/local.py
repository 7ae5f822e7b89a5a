"""A real Apache Kafka broker on loopback, from the bundled Java runtime and checksummed jars, in a folder of its own.

The folder holds everything: ``data`` (which outlives stop, kill and start), ``broker.log``, the settings as the broker got them, the
record of address and process, and the lock that says whether a broker runs (see :mod:`processor.kafka.broker_record`).
"""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import uuid
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from processor.errors import FixMachine, FixUsage
from processor.kafka.broker_properties import broker_properties, properties_text
from processor.kafka.broker_record import BrokerRecord, forget_record, hold, is_locked, read_record, running_broker, write_record
from processor.kafka.jar_cache import ensure_jars
from processor.kafka.jars import manifest
from processor.kafka.java import BROKER_FLAGS, bundled_java, java_command, java_environment
from processor.kafka.java_service import STOP_TIMEOUT_S, JavaService, until
from processor.kafka.machine import HOST, explain, free_port, port_problem, require_space
from processor.kafka.ping import answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.kafka.download import Progress
    from processor.settings import Settings

START_TIMEOUT_S = 120.0
# Somebody else who starts the same broker may first have to download it.
OTHERS_START_TIMEOUT_S = 600.0
# What a broker writes when it starts on an empty folder, with room for a first topic or two.
ROOM_BYTES = 100 << 20
CHOOSE_FOLDER = "work in another folder"


class LocalBroker:
    """One broker in one folder; any process may start, stop or kill it."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        port: int = 0,
        extra_properties: Mapping[str, str] | None = None,
        client_properties: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Describe a broker; nothing is started yet.

        Args:
            settings: where jars are kept and fetched from; nothing else of them is used.
            folder: the broker's own folder; made when it is missing.
            port: where clients connect; 0: a free one, chosen at the first start of this object and kept.
            extra_properties: further broker settings; they win over ours. With ``log.dirs`` the data are kept there.
            client_properties: what a client needs beside the address to be answered.
            progress: told about downloads.

        Attributes:
            cluster_id: what an empty folder is given at the first start; brokers of one cluster share it.
            java_flags: further flags of the Java runtime; they win over ours.
        """
        self.cluster_id = new_cluster_id()
        self.java_flags: tuple[str, ...] = ()
        self._settings = settings
        self._folder = folder.absolute()
        self._port = port
        self._extra = dict(extra_properties or {})
        self._data = Path(self._extra.pop("log.dirs", self._folder / "data"))
        self._client = dict(client_properties or {})
        self._progress = progress
        self._service = JavaService(self._folder, "the broker", "broker.log")

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
            raise FixUsage(f"the broker in {self._folder} has no port before it is started")
        return record.bootstrap_servers

    @property
    def running(self) -> BrokerRecord | None:
        """Address and process of the broker when it is alive."""
        return running_broker(self._folder)

    def start(self, timeout_s: float = START_TIMEOUT_S) -> BrokerRecord:
        """Start the broker and wait until it answers; one that already runs, or is being started, is only waited for.

        Raises:
            FixMachine: a port, disk space, a folder or the network is missing; or the broker ended, and then its last words are shown.
            FixUsage: the ``local`` extra is not installed, or the folder's broker already runs on another port.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while True:
                with hold(self._folder) as lock:
                    if lock is not None:
                        return self._start(lock, timeout_s)
                record = self._started_by_another()
                if record is not None:
                    return self._join(record, timeout_s)
        except OSError as error:
            raise explain(error, self._folder, CHOOSE_FOLDER) from error

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """End the broker cleanly, by force when it takes longer than ``timeout_s``; False when none ran."""
        ended = self._end(signal.SIGTERM, timeout_s)
        if not is_locked(self._folder):
            forget_record(self._folder)
        return ended

    def kill(self) -> bool:
        """End the broker at once (SIGKILL), as a crash would; False when none ran."""
        return self._end(signal.SIGKILL)

    def last_words(self) -> str:
        """The last lines of what the broker wrote: its log, and what Java itself had to say."""
        return self._service.last_words()

    def _started_by_another(self) -> BrokerRecord | None:
        """Wait for the record of who holds the folder; None when they let go of it without one."""
        record = until(lambda: read_record(self._folder) or not is_locked(self._folder), OTHERS_START_TIMEOUT_S)
        if record is False:
            raise FixMachine(f"another program holds {self._folder} and starts no broker in it: end it, then try again")
        return record if isinstance(record, BrokerRecord) else None

    def _join(self, record: BrokerRecord, timeout_s: float) -> BrokerRecord:
        if self._port and record.bootstrap_servers != self.bootstrap_servers:
            raise FixUsage(f"the broker of this folder already runs at {record.bootstrap_servers}: stop it first to change its port")
        self._wait_until_ready(record, timeout_s)
        return record

    def _start(self, lock: int, timeout_s: float) -> BrokerRecord:
        forget_record(self._folder)
        java = bundled_java()
        self._port = self._port or free_port()
        self._require_port()
        require_space(self._folder, ROOM_BYTES, CHOOSE_FOLDER)
        jars = ensure_jars(self._settings, manifest("broker"), self._progress)
        self._format(java, jars)
        self._write_properties("server.properties", self._data)
        record = self._spawn(java, jars, lock)
        try:
            self._wait_until_ready(record, timeout_s)
        except BaseException:
            self._give_up()
            raise
        return record

    def _require_port(self) -> None:
        problem = port_problem(self._port)
        if problem:
            raise FixMachine(
                f"port {self._port} of {HOST} {problem}: choose another one (--port {free_port()} is free), "
                f"or, if a Kafka broker of yours is there, set COLLECTORS_BOOTSTRAP_SERVERS={HOST}:{self._port}"
            )

    def _write_properties(self, name: str, data: Path) -> Path:
        properties = broker_properties(HOST, self._port, free_port(), self._extra)
        path = self._folder / name
        path.write_text(properties_text({**properties, "log.dirs": str(data)}), encoding="utf-8")
        return path

    def _format(self, java: Path, jars: list[Path]) -> None:
        """Give an empty folder its cluster id and the features of this version, all or nothing.

        Without the checkpoint that formatting writes, the broker starts but KIP-848 groups fail.
        """
        data, part = self._data, self._data.with_name(f"{self._data.name}.part")
        if data.exists():
            return
        shutil.rmtree(part, ignore_errors=True)
        properties = self._write_properties("format.properties", part)
        command = self._command(java, jars, "kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", str(properties))
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=java_environment())  # noqa: S603 - our own command
        if done.returncode != 0:
            raise FixMachine(f"the broker's folder {data} could not be prepared:\n{done.stdout}{done.stderr}")
        part.rename(data)

    def _command(self, java: Path, jars: list[Path], main_class: str, *arguments: str) -> list[str]:
        config, scratch = self._folder / "log4j2.xml", self._folder / "tmp"
        config.write_bytes((files("processor.kafka") / config.name).read_bytes())
        # Compression libraries unpack themselves there, and nobody tidies up after a broker that was killed.
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        own = {"collectors.broker.folder": self._folder, "log4j2.configurationFile": config, "java.io.tmpdir": scratch}
        flags = (*BROKER_FLAGS, *self.java_flags, *(f"-D{name}={value}" for name, value in own.items()))
        return java_command(java, jars, main_class, *arguments, flags=flags)

    def _spawn(self, java: Path, jars: list[Path], lock: int) -> BrokerRecord:
        command = self._command(java, jars, "kafka.Kafka", str(self._folder / "server.properties"))
        record = BrokerRecord(self.bootstrap_servers, self._service.spawn(command, lock))
        write_record(self._folder, record)
        return record

    def _wait_until_ready(self, record: BrokerRecord, timeout_s: float) -> None:
        self._service.wait_until_ready(lambda: answers(record.bootstrap_servers, properties=self._client), timeout_s)

    def _give_up(self) -> None:
        self._service.give_up()
        forget_record(self._folder)

    def _end(self, by: signal.Signals, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        record = self.running
        return self._service.end(None if record is None else record.pid, by, timeout_s)


def new_cluster_id() -> str:
    """A random cluster id as Kafka wants it: 16 bytes in 22 letters, none of them a dash, since a leading one looks like an option."""
    return base64.b64encode(uuid.uuid4().bytes, altchars=b"AB").decode().rstrip("=")
