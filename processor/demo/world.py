"""The demo's own world: a folder that goes when it ends, a broker and a Connect worker in it, and the commands that are typed there."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import processor
from processor.connect.plugin import build_plugin
from processor.connect.worker import PLUGINS_FOLDER, WORKER_FOLDER, LocalConnect, WorkerRecord
from processor.errors import CollectorsError
from processor.kafka.jar_cache import ensure_jars
from processor.kafka.jars import manifest
from processor.kafka.local import LocalBroker
from processor.kafka.machine import HOST, free_port
from processor.secrets import STORE_FOLDER, SecretStore
from processor.settings import WORK_FOLDER, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from processor.kafka.download import Progress

INSTANCE = "demo"
COMMAND_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0
LOG_LINES_SHOWN = 20
MODELS_FOLDER = "models"
PASSED_ON = ("bootstrap_servers", "connect_url", "destination_url", "models_folder", "instance", "config_folder")
# What is delivered shows in status when its offset is committed.
WORKER_PROPERTIES = {"offset.flush.interval.ms": "1000"}
KEPT_VARIABLES = frozenset({"COLLECTORS_LOG_LEVEL"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a world are, and where files of models are looked for."""

    bootstrap_servers: str
    connect_url: str
    destination_url: str
    models_folder: Path


def demo_settings(settings: Settings, addresses: Addresses) -> Settings:
    """Defaults, on the demo's own parts.

    Made without reading the environment: a cluster that somebody uses may be named there, and no demo is to reach it.
    """
    return Settings.model_construct(**asdict(addresses), instance=INSTANCE, config_folder=settings.config_folder or Path.cwd())


class World:
    """A broker that runs, a Connect worker that is about to, and commands against them.

    Args:
        folder: where commands are run; the secrets are stored in it.
        settings: as `demo_settings` makes them; where the worker is, is not known yet.
        worker: the worker, once it answers.
    """

    def __init__(self, folder: Path, settings: Settings, worker: Future[WorkerRecord]) -> None:
        self.settings = settings
        self._folder = folder
        self._worker = worker

    def wait_for_worker(self) -> None:
        """Have the Connect worker among the settings.

        Raises:
            CollectorsError: it has not come up.
        """
        self.settings = self.settings.model_copy(update={"connect_url": self._worker.result().url})

    def secret(self, user_id: str, app_id: str, key_id: str) -> str:
        """The secret of a key that was created here; empty when there is none."""
        return SecretStore(self._folder / STORE_FOLDER).get(user_id, app_id, key_id) or ""

    def write(self, name: str, content: bytes) -> Path:
        """Make a file where commands are run."""
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def run(self, *words: str) -> str:
        """Run ``collectors`` with these words to its end and return what it printed.

        Raises:
            CollectorsError: it failed; its own words are in the text.
        """
        done = subprocess.run(  # noqa: S603 - our own command line
            self._command(words),
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_S,
        )
        if done.returncode:
            raise CollectorsError(f"`collectors {' '.join(words)}` failed with exit status {done.returncode}:\n{done.stderr}{done.stdout}")
        return done.stdout

    @contextmanager
    def running(self, *words: str) -> Iterator[Running]:
        """Have ``collectors`` run with these words while the block lasts."""
        path = self._folder / f"{words[0]}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command(words), cwd=self._folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield Running(process, path, f"collectors {' '.join(words)}")
        finally:
            _stop(process)

    def _command(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "processor", *words]

    def _environment(self) -> dict[str, str]:
        """Ours without any setting but the demo's; the package is found even where it runs from a checkout."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTORS_") or name in KEPT_VARIABLES}
        paths = [str(Path(processor.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        return inherited | {
            "PYTHONPATH": os.pathsep.join(paths),
            **{f"COLLECTORS_{name.upper()}": str(getattr(self.settings, name)) for name in PASSED_ON},
        }


class Running:
    """A command that runs on.

    Args:
        process: the process.
        log: the file it writes to.
        words: its command line, for people.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path, words: str) -> None:
        self._process = process
        self._log = log
        self._words = words

    def require(self) -> Self:
        """Itself, while it runs.

        Raises:
            CollectorsError: it has ended; its last words are in the text.
        """
        if self._process.poll() is not None:
            raise CollectorsError(
                f"`{self._words}` ended by itself with exit status {self._process.returncode}; its last words:\n{self.last_words()}"
            )
        return self

    def last_words(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def world(settings: Settings, downloads: Callable[[], AbstractContextManager[Progress]]) -> Iterator[World]:
    """Make a world and take it down again, however the block ends.

    What takes its time and needs not wait for the rest is done beside it: the plugin is compiled while the broker starts, and the
    worker starts while the block has begun.

    Args:
        settings: where the jars of broker and worker come from and are kept.
        downloads: what is told when they have to be fetched.
    """
    with downloads() as progress:
        ensure_jars(settings, manifest("broker", "connect", "compiler"), progress)
    with TemporaryDirectory(prefix="collectors-demo-") as name, ExitStack() as ends:
        folder = Path(name)
        beside = ends.enter_context(ThreadPoolExecutor(1))
        plugin = beside.submit(build_plugin, settings, folder / WORKER_FOLDER / PLUGINS_FOLDER)
        broker = LocalBroker(settings, folder / WORK_FOLDER / "kafka")
        ends.callback(broker.kill)  # nobody needs its data any more
        broker.start()
        worker = _worker(settings, folder, broker.bootstrap_servers)
        starting = beside.submit(_started, worker, plugin)
        ends.callback(_end, worker, starting)
        addresses = Addresses(broker.bootstrap_servers, "", f"http://{HOST}:{free_port()}", folder / MODELS_FOLDER)
        yield World(folder, demo_settings(settings, addresses), starting)


def _worker(settings: Settings, folder: Path, bootstrap_servers: str) -> LocalConnect:
    return LocalConnect(
        Settings.model_construct(cache_dir=settings.cache_dir, maven_url=settings.maven_url, config_folder=settings.config_folder),
        bootstrap_servers,
        folder / WORKER_FOLDER,
        secrets=folder / STORE_FOLDER,
        extra_properties=WORKER_PROPERTIES,
    )


def _started(worker: LocalConnect, plugin: Future[Path]) -> WorkerRecord:
    plugin.result()
    return worker.start()


def _end(worker: LocalConnect, starting: Future[WorkerRecord]) -> None:
    """Kill a worker, also one that has not even begun."""
    if not starting.cancel():
        with suppress(CollectorsError):
            starting.result()
        worker.kill()
