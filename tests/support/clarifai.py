"""The published client, in an environment of its own: it and this package want different things of the same libraries."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "12.2.11"
# Its channel for JSON needs requests, which the client does not ask for, and a field of protobuf's that version 7 took away.
REQUIREMENTS = (f"clarifai-grpc=={VERSION}", "protobuf<7", "requests>=2.32")
CALLS = Path(__file__).parents[1] / "clarifai" / "calls.py"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "collectors" / "tests"
INSTALL_TIMEOUT_S = 600
END_TIMEOUT_S = 30
# What pip says when it comes to no index at all; anything else is a failure.
UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError", "SSLError")


def client_python() -> Path:
    """The interpreter of an environment that has the client: made once, and kept in the user's cache.

    Skips the test where the package index cannot be reached.
    """
    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {sys.base_prefix} {' '.join(REQUIREMENTS)}"
    folder = CACHE / f"clarifai-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python, complete = folder / "bin" / "python", folder / "complete"
    with _locked(folder.with_suffix(".lock")):
        if not complete.exists():
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS])
            complete.touch()
    return python


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process of this machine at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    if done.returncode and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip(f"clarifai-grpc {VERSION} cannot be installed: the package index does not answer")
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def client_environment() -> dict[str, str]:
    """The environment of a program that uses the client: nothing of this package, and no proxy on the way to this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COLLECTORS_", "CLARIFAI_"))}
    return kept | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


class Client:
    """The client, as a process that makes one call after the other.

    Args:
        base_url: of the API.
        secret: whose key it has, unless a call says otherwise.

    Attributes:
        base_url, secret: the same.
    """

    def __init__(self, base_url: str, secret: str) -> None:
        self.base_url = base_url
        self.secret = secret
        self._command = [str(client_python()), str(CALLS), base_url]

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True, env=client_environment())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(END_TIMEOUT_S)
        self._process.stdout.close()

    def ask(self, call: str, secret: str | None = None, **request: Any) -> dict[str, Any]:
        """Make a call; what came of it: ``answer`` and ``names``, or ``error``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {"call": call, "secret": secret or self.secret, "request": request}
        self._process.stdin.write(f"{json.dumps(wanted)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the client ended while it made {call}"
        found: dict[str, Any] = json.loads(line)
        return found

    def call(self, call: str, secret: str | None = None, **request: Any) -> dict[str, Any]:
        """Make a call that the API answers; the client's message as JSON, with the names of its codes under ``names``."""
        found = self.ask(call, secret, **request)
        assert "answer" in found, found
        answer: dict[str, Any] = found["answer"] | {"names": found["names"]}
        return answer
