"""A real Kafka Connect worker on loopback, with the sink plugin, from the bundled Java runtime and checksummed jars.

Its folder holds the log (``worker.log``), the settings as the worker got them, the compiled plugin, the record of address and process,
and the lock that says whether it runs. What it works on is in its cluster: a worker that is killed loses nothing.
"""

from __future__ import annotations

import shutil
import signal
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson

from processor.connect.plugin import build_plugin
from processor.connect.worker_properties import Place, worker_properties
from processor.errors import FixMachine, FixUsage
from processor.kafka.broker_properties import properties_text
from processor.kafka.broker_record import hold, is_locked
from processor.kafka.jar_cache import ensure_jars
from processor.kafka.jars import manifest
from processor.kafka.java import COMMON_FLAGS, bundled_java, java_command
from processor.kafka.java_service import OUTPUT, STOP_TIMEOUT_S, JavaService, until
from processor.kafka.machine import HOST, explain, free_port, port_problem
from processor.secrets import FILE_MODE, FOLDER_MODE
from processor.settings import WORK_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from processor.kafka.download import Progress
    from processor.settings import Settings

START_TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 2.0
RECORD = "worker.json"
PLUGINS_FOLDER = "plugins"
LOG = "worker.log"
MAIN_CLASS = "org.apache.kafka.connect.cli.ConnectDistributed"
# A worker with some connectors: 64 MB of inputs each when their destinations are down. Inputs that wait outlive every collection of the
# young, and the serial collector takes all of the heap before it looks at the old: 650 MB for one connector. G1 is told to look early, to
# give back what is free, and to work rather than to grow; what one partition's fetch brings is an object like others in its regions.
WORKER_FLAGS = (
    *COMMON_FLAGS,
    "-Xmx512m",
    "-XX:+UseG1GC",
    "-XX:G1HeapRegionSize=4m",
    "-XX:MaxNewSize=32m",
    "-XX:-G1UseAdaptiveIHOP",
    "-XX:InitiatingHeapOccupancyPercent=15",
    "-XX:GCTimeRatio=1",
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=30",
)
CHOOSE_FOLDER = "work in another folder"
WORKER_FOLDER = WORK_FOLDER / "connect"
SECRETS_FOLDER = WORK_FOLDER / "secrets"


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker that was started in a folder.

    Attributes:
        url: where its REST API answers.
        pid: its process.
    """

    url: str
    pid: int


def read_worker(folder: Path) -> WorkerRecord | None:
    """The record of a folder; None when there is none or it cannot be read as one."""
    try:
        values = orjson.loads((folder / RECORD).read_bytes())
        return WorkerRecord(str(values["url"]), int(values["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running_worker(folder: Path = WORKER_FOLDER) -> WorkerRecord | None:
    """The record of a worker that is alive now, else None."""
    return read_worker(folder) if is_locked(folder) else None


def answers(url: str) -> bool:
    """Whether a worker has joined its group and can be told what to do."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=ANSWER_TIMEOUT_S) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own number
    except (OSError, urllib.error.URLError):
        return False


class LocalConnect:
    """One worker in one folder; any process may start, stop or kill it."""

    def __init__(
        self,
        settings: Settings,
        bootstrap_servers: str,
        folder: Path = WORKER_FOLDER,
        *,
        secrets: Path = SECRETS_FOLDER,
        extra_properties: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Describe a worker; nothing is started yet.

        Args:
            settings: the topic prefix, and where jars are kept and fetched from.
            bootstrap_servers: its cluster.
            folder: the worker's own; made when it is missing.
            secrets: the secret store, which connectors' configurations refer to.
            extra_properties: further worker settings; they win over ours.
            progress: told about downloads.
        """
        self._settings = settings
        self._bootstrap = bootstrap_servers
        self._folder = folder.absolute()
        self._secrets = secrets.absolute()
        # Of the REST API: a free one, chosen at the first start of this object and kept.
        self._port = 0
        self._extra = dict(extra_properties or {})
        self._progress = progress
        self._service = JavaService(self._folder, "the Kafka Connect worker", LOG)

    @property
    def url(self) -> str:
        """Where the REST API answers; the same after every start.

        Raises:
            FixUsage: no port was given and the worker was never started.
        """
        if self._port:
            return f"http://{HOST}:{self._port}"
        record = read_worker(self._folder)
        if record is None:
            raise FixUsage(f"the worker in {self._folder} has no port before it is started")
        return record.url

    @property
    def running(self) -> WorkerRecord | None:
        """Address and process of the worker when it is alive."""
        return running_worker(self._folder)

    def start(self, timeout_s: float = START_TIMEOUT_S) -> WorkerRecord:
        """Start the worker and wait until it answers; one that already runs, or is being started, is only waited for.

        Raises:
            FixMachine: a port, a folder or the network is missing; or the worker ended, and then its last words are shown.
            FixUsage: the ``local`` extra is not installed.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with hold(self._folder) as lock:
                return self._join(timeout_s) if lock is None else self._start(lock, timeout_s)
        except OSError as error:
            raise explain(error, self._folder, CHOOSE_FOLDER) from error

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """End the worker cleanly, by force when it takes longer than ``timeout_s``; False when none ran."""
        return self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> bool:
        """End the worker at once (SIGKILL), as a crash would; False when none ran."""
        return self._end(signal.SIGKILL)

    def last_words(self) -> str:
        """The last lines of what the worker wrote."""
        return self._service.last_words()

    def log(self) -> str:
        """Everything the worker wrote since its log was last rolled."""
        return self._read(LOG)

    def output(self) -> str:
        """What Java itself had to say."""
        return self._read(OUTPUT)

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _join(self, timeout_s: float) -> WorkerRecord:
        """Wait for a worker that somebody else starts."""
        record = until(lambda: read_worker(self._folder), timeout_s)
        if record is None:
            raise FixMachine(f"another program holds {self._folder} and starts no worker in it: end it, then try again")
        self._service.wait_until_ready(lambda: answers(record.url), timeout_s)
        return record

    def _start(self, lock: int, timeout_s: float) -> WorkerRecord:
        (self._folder / RECORD).unlink(missing_ok=True)
        # A worker does not start without the folder that its configurations may refer to, and no key may have been made yet.
        self._secrets.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        java = bundled_java()
        self._port = self._port or free_port()
        if problem := port_problem(self._port):
            raise FixMachine(f"port {self._port} of {HOST} {problem}: choose another one (port {free_port()} is free)")
        jars = ensure_jars(self._settings, manifest("broker", "connect"), self._progress)
        plugins = build_plugin(self._settings, self._folder / PLUGINS_FOLDER, self._progress)
        record = WorkerRecord(self.url, self._service.spawn(self._command(java, jars, plugins), lock))
        self._write_record(record)
        try:
            self._service.wait_until_ready(lambda: answers(record.url), timeout_s)
        except BaseException:
            self._service.give_up()
            raise
        return record

    def _command(self, java: Path, jars: list[Path], plugins: Path) -> list[str]:
        place = Place(self._bootstrap, self._settings.topic_prefix, self.url, plugins, self._secrets)
        properties, config, scratch = (self._folder / name for name in ("worker.properties", "log4j2.xml", "tmp"))
        # Passwords of the cluster may be among them.
        properties.unlink(missing_ok=True)
        properties.touch(mode=FILE_MODE)
        properties.write_text(properties_text(worker_properties(place, self._extra)), encoding="utf-8")
        config.write_bytes((files("processor.connect") / config.name).read_bytes())
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        own = {"collectors.worker.folder": self._folder, "log4j2.configurationFile": config, "java.io.tmpdir": scratch}
        flags = (*WORKER_FLAGS, *(f"-D{name}={value}" for name, value in own.items()))
        return java_command(java, jars, MAIN_CLASS, str(properties), flags=flags)

    def _write_record(self, record: WorkerRecord) -> None:
        part = self._folder / f"{RECORD}.part"
        part.write_bytes(orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        part.replace(self._folder / RECORD)

    def _end(self, by: signal.Signals, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        record = self.running
        return self._service.end(None if record is None else record.pid, by, timeout_s)
