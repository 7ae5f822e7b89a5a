"""The demo's own world: a folder that goes when it ends, a broker and a Connect worker in it, and the commands that are typed there."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import processor
from processor.connect.worker import WORKER_FOLDER, LocalConnect
from processor.errors import CollectorsError
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
PASSED_ON = ("bootstrap_servers", "connect_url", "destination_url", "instance", "config_folder")
# What is delivered shows in status when its offset is committed.
WORKER_PROPERTIES = {"offset.flush.interval.ms": "1000"}
KEPT_VARIABLES = frozenset({"COLLECTORS_LOG_LEVEL"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a world are."""

    bootstrap_servers: str
    connect_url: str
    destination_url: str


def demo_settings(settings: Settings, addresses: Addresses) -> Settings:
    """Defaults, on the demo's own parts.

    Made without reading the environment: a cluster that somebody uses may be named there, and no demo is to reach it.
    """
    return Settings.model_construct(**asdict(addresses), instance=INSTANCE, config_folder=settings.config_folder or Path.cwd())


class World:
    """A broker and a Connect worker that run, and commands against them.

    Args:
        folder: where commands are run; the secrets are stored in it.
        settings: as `demo_settings` makes them.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self._folder = folder

    def secret(self, user_id: str, app_id: str, key_id: str) -> str:
        """The secret of a key that was created here; empty when there is none."""
        return SecretStore(self._folder / STORE_FOLDER).get(user_id, app_id, key_id) or ""

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

    Args:
        settings: where the jars of broker and worker come from and are kept.
        downloads: what is told when they have to be fetched.
    """
    with TemporaryDirectory(prefix="collectors-demo-") as name, ExitStack() as ends:
        folder = Path(name)
        with downloads() as progress:
            broker = LocalBroker(settings, folder / WORK_FOLDER / "kafka", progress=progress)
            ends.callback(broker.kill)  # nobody needs its data any more
            broker.start()
            worker = LocalConnect(
                Settings.model_construct(cache_dir=settings.cache_dir, maven_url=settings.maven_url, config_folder=settings.config_folder),
                broker.bootstrap_servers,
                folder / WORKER_FOLDER,
                secrets=folder / STORE_FOLDER,
                extra_properties=WORKER_PROPERTIES,
                progress=progress,
            )
            ends.callback(worker.kill)
            worker.start()
        yield World(folder, demo_settings(settings, Addresses(broker.bootstrap_servers, worker.url, f"http://{HOST}:{free_port()}")))
