"""``scripts/fuzz-api``: what the API says of itself, tried out by schemathesis on a real socket. Arguments go to it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from processor.catalog.records import Collector, KnowledgeGraph, Model, ModelVersion, Relation
from processor.rest.server import listening, url_of
from tests.support.api import RECORDS, TOKEN, api

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONFIG = Path(__file__).parents[1] / "contract" / "schemathesis.toml"
LOOPBACK = "127.0.0.1"
MADE = (
    KnowledgeGraph("acme", "quality", "made", (Relation("dog", "hyponym", "animal"),)),
    Model("acme", "quality", "made", "served", model_version_id="v2", versions=(ModelVersion("v1"),)),
    Collector(
        "acme",
        "quality",
        "made",
        pre_queue_workflow_id="sample",
        model_user_id="acme",
        model_app_id="quality",
        model_id="shared",
        post_inputs_key_id="ingest",
    ),
)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The API on a free port; yields its address."""
    with api((*RECORDS, *MADE)) as there, listening(LOOPBACK, 0) as listener:
        server = uvicorn.Server(uvicorn.Config(there.app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield url_of(LOOPBACK, listener)
        finally:
            server.should_exit = True
            thread.join()


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Let schemathesis try everything out, and tell what it says."""
    with serving() as url:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{url}/openapi.json"]
        return subprocess.run(
            [*command, "-H", f"Authorization: Key {TOKEN}", "--no-color", *arguments], capture_output=True, text=True, check=False
        )


def main(arguments: Sequence[str]) -> int:
    """Run with these arguments; schemathesis' own exit status."""
    done = fuzz(*arguments)
    print(done.stdout, done.stderr, f"exit status {done.returncode}")  # noqa: T201 - the command's output
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
