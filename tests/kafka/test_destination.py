"""The command as it is run: keys from a real catalog, a real socket, signals."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from tests.support.embedded_destination import INPUTS, PNG, base64_of, image
from tests.support.processes import collectors, environment, first_line
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from processor.settings import Settings

pytestmark = pytest.mark.kafka
STOP_TIMEOUT_S = 30
BATCHES, BATCH = 200, 16


class Running:
    """`collectors destination` on a free port; it says where."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - lives as long as the process

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "processor", "destination", "--port", "0"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment(self._settings), cwd=self._folder, stdout=pipe, stderr=self._log, text=True
        )
        self.url = first_line(self.process)
        assert self.url, self.log()
        self.client = httpx.Client(base_url=self.url, timeout=STOP_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    def ask(self, method: str, path: str, secret: str, body: Any = None) -> httpx.Response:
        """One request."""
        return self.client.request(method, path, headers={"authorization": f"Key {secret}"}, json=body)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)

    def log(self) -> str:
        """All it said on stderr."""
        self._log.seek(0)
        return self._log.read().decode()


@pytest.fixture
def prepared(settings: Settings, tmp_path: Path) -> tuple[Settings, Path]:
    assert collectors(settings, "topics", "apply", cwd=tmp_path).returncode == 0
    return settings, tmp_path


def make_key(settings: Settings, folder: Path, key_id: str) -> str:
    made = collectors(
        settings, "keys", "create", "--user", "acme", "--app", "quality", "--id", key_id, "--scopes", "PostInputs", "--json", cwd=folder
    )
    secret: str = json.loads(made.stdout)["secret"]
    return secret


def test_it_takes_inputs_from_whoever_the_catalog_lets(prepared: tuple[Settings, Path]) -> None:
    """And no secret, right or wrong, is in its log or its answers."""
    settings, folder = prepared
    first = make_key(settings, folder, "first")
    with Running(settings, folder) as there:
        assert there.ask("POST", INPUTS, first, {"inputs": [image("a")]}).status_code == 200
        assert there.ask("GET", f"{INPUTS}/a/image", first).content == PNG
        # A client that were cut off while it sends would take it for a broken connection, and try for ever.
        assert there.ask("POST", INPUTS, "of nobody", {"inputs": ["x" * 20_000_000]}).status_code == 401
        assert there.ask("POST", INPUTS, first, {"inputs": ["x" * 140_000_000]}).status_code == 413
        second = make_key(settings, folder, "second")
        wait_until(lambda: there.ask("GET", INPUTS, second).status_code == 200, "the new key")
        collectors(settings, "keys", "revoke", "--user", "acme", "--app", "quality", "--id", "first", cwd=folder)
        refused = wait_until(lambda: (answer := there.ask("GET", INPUTS, first)).status_code == 401 and answer, "the revocation")
        assert there.client.get("/").status_code == 200, "the page is open on a loopback address"
        assert there.stop(signal.SIGTERM) == 0
        log = there.log()
    assert "stopped cleanly" in log
    assert not [secret for secret in (first, second, base64_of(PNG)[:40]) if secret in log + refused.text]


def test_what_was_acknowledged_is_there_after_a_kill(prepared: tuple[Settings, Path]) -> None:
    settings, folder = prepared
    secret = make_key(settings, folder, "ingest")

    def post(number: int) -> list[str]:
        """Post some inputs; the ids that were acknowledged."""
        ids = [f"{number}-{position}" for position in range(BATCH)]
        with contextlib.suppress(httpx.HTTPError):
            answer = there.ask("POST", INPUTS, secret, {"inputs": [image(each) for each in ids]})
            return ids if answer.status_code == 200 else []
        return []

    with Running(settings, folder) as there, ThreadPoolExecutor(4) as clients:
        posting = [clients.submit(post, number) for number in range(BATCHES)]
        wait_until(lambda: sum(each.done() for each in posting) >= BATCHES // 10, "some to be acknowledged")
        assert there.stop(signal.SIGKILL) == -signal.SIGKILL
        acknowledged = {each for done in posting for each in done.result()}
    assert 0 < len(acknowledged) < BATCHES * BATCH, "the kill struck while inputs were posted"
    with Running(settings, folder) as there:
        pages = [
            there.ask("GET", f"{INPUTS}?per_page=1000&page={page}", secret).json()["inputs"]
            for page in range(1, BATCHES * BATCH // 1000 + 2)
        ]
    stored = [each["id"] for page in pages for each in page]
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    assert len(stored) % BATCH == 0, "no request is there in part"
