"""A real MLServer with its scikit-learn runtime, in a virtual environment of its own: its requirements are not ours."""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Self

import httpx
import sklearn

from processor.kafka.jar_cache import _user_cache
from processor.kafka.machine import free_port
from tests.support.digits import save_sklearn
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "1.7.1"
# The model is pickled here and read there: the same scikit-learn.
REQUIREMENTS = (f"mlserver=={VERSION}", f"mlserver-sklearn=={VERSION}", f"scikit-learn=={sklearn.__version__}")
INSTALL_TIMEOUT_S = 900
STOP_TIMEOUT_S = 30
HOST = "127.0.0.1"
MODEL = "digits"


class CannotInstall(Exception):
    """MLServer cannot be had here; the text says why."""


def installed() -> Path:
    """The environment, made once and kept in the user's cache: half a gigabyte, two minutes.

    Raises:
        CannotInstall: no network, or no release for this Python.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _user_cache() / f"mlserver-{VERSION}-sklearn-{sklearn.__version__}-python-{python}"
    done = folder / "installed"
    with _locked(folder.with_suffix(".lock")):
        if not done.exists():
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            _run(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS)
            done.touch()
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One test process installs, the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise CannotInstall(f"MLServer {VERSION} cannot be installed here: {said[-1] if said else type(error).__name__}") from None


class MlServer:
    """A server of the digit model.

    Args:
        environment: what `installed` gave.
        folder: empty; its model and its settings go there.
    """

    def __init__(self, environment: Path, folder: Path) -> None:
        self._command = [str(environment / "bin/mlserver"), "start", str(folder)]
        self._folder = folder
        self._port = free_port()

    @property
    def url(self) -> str:
        """The model's URL."""
        return f"http://{HOST}:{self._port}/v2/models/{MODEL}"

    def __enter__(self) -> Self:
        save_sklearn(self._folder / "model.joblib")
        ports = {"http_port": self._port, "grpc_port": free_port(), "metrics_port": free_port()}
        self._write("settings.json", {"debug": False, "parallel_workers": 0, "host": HOST, **ports})
        model = {"name": MODEL, "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"}}
        self._write("model-settings.json", model)
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            wait_until(self._ready, "MLServer", timeout_s=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _write(self, name: str, value: object) -> None:
        (self._folder / name).write_text(json.dumps(value), encoding="utf-8")

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text(encoding="utf-8")[-2000:]
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/ready", trust_env=False, timeout=5).is_success
        return False
