"""From nothing to collected inputs with the published client: the page about the API, typed as it stands into an empty directory."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest

from processor.kafka.machine import free_port
from tests.support.clarifai import client_environment, client_python
from tests.support.oracle import evaluate
from tests.support.shell import ROOT, Shell
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
TITLE = "## From nothing to collected inputs"
INPUTS = [f"p-{number}" for number in range(1, 9)]
SAMPLER = {
    "id": "sampler",
    "type": "random-sample",
    "output_info": {"params": {"keep_fraction": 0.5}},
    "override": None,
    "inputs": [],
    "suppress": False,
}
COLLECTOR = {
    "key": "acme/quality/half-of-general",
    "model": "clarifai/main/general-image-recognition",
    "version": "",
    "caller": "",
    "active": True,
    "second_stage": False,
    "random_sample": None,
    "nodes": [SAMPLER],
}


class Block(NamedTuple):
    """What the page shows to be typed: into a shell, or into a file for the client's interpreter."""

    language: str
    text: str


def blocks() -> list[Block]:
    """Those of the section, in order, with ports that are free here."""
    section = PAGE[PAGE.index(TITLE) :].partition("\n## ")[0]
    port = str(free_port())
    free = {
        "collectors kafka up": f"collectors kafka up --port {free_port()}",
        "collectors serve\n": f"collectors serve --port {port}\n",
        "127.0.0.1:8000": f"127.0.0.1:{port}",
    }
    found = [Block(*pair) for pair in re.findall(r"^```(sh|python)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)]
    for usual, here in free.items():
        assert any(usual in block.text for block in found), usual
        found = [block._replace(text=block.text.replace(usual, here)) for block in found]
    return found


def expected() -> set[str]:
    """Which of the predictions the sampler keeps, worked out by the tests' own plain rules."""
    model = {"user_id": "clarifai", "app_id": "main", "id": "general-image-recognition", "version_id": ""}
    data = {"data": {"concepts": [], "regions": [], "metadata": None}}
    stream = [{"id": each, "model": model, "workflow_id": "", "caller_user_id": "", "input": data, "output": data} for each in INPUTS]
    return {INPUTS[position] for position in evaluate(COLLECTOR, stream, {}).taken}


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.type("collectors kafka down")


def run_client(shell: Shell, program: str) -> str:
    """Run a program in the client's own environment, in the directory where everything is; what it printed."""
    done = subprocess.run(
        [client_python(), "-c", program],
        cwd=shell.folder,
        env=client_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.kafka
def test_what_is_made_with_the_published_client_alone_collects_and_is_read_back_with_it(shell: Shell) -> None:
    prepare, serve, run, collect, produce, read, look = blocks()
    assert [each.language for each in (collect, read)] == ["python", "python"]
    assert 0 < len(expected()) < len(INPUTS), "the page shows that some are collected and some are not"
    client_python()  # so that a machine without a package index skips before it starts a broker
    shell.expect(prepare.text)
    with shell.running(serve.text) as serving, shell.running(run.text):
        wait_until(lambda: "http://" in serving.read_text(), "the API to answer", 60)
        assert run_client(shell, collect.text) == "Collector is active\n"
        shell.expect(produce.text)
        shown = wait_until(
            lambda: (lines := run_client(shell, read.text).splitlines()) and len(lines) >= len(expected()) and lines,
            "the inputs to be where the client reads them",
            120,
            0.5,
        )
        assert {line.split()[-1] for line in shown} == expected()
        assert all(line.split()[1:3] == ["cat", line.split()[-1].removeprefix("p-")] for line in shown)
        asked, listed = look.text.splitlines()
        assert "half-of-general  clarifai/main/general-image-recognition  ACTIVE" in shell.expect(listed)
        if shutil.which("curl"):  # not every machine has it, and nothing else here needs it
            assert all(each in said for said in [shell.expect(asked)] for each in expected())
        wait_until(lambda: delivered(shell) == (len(expected()), 0), "status to say the same", 60, 0.5)
        assert (shell.folder / "token.secret").read_text(encoding="utf-8").strip() not in serving.read_text()


def delivered(shell: Shell) -> tuple[int, int]:
    """How many inputs status has delivered, and how many refused."""
    (sink,) = orjson.loads(shell.expect("collectors status --json 2> /dev/null"))["sink"]
    return sink["delivered"], sink["refused"]
