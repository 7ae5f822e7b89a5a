"""The README's tutorial, typed as it stands into an empty directory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from processor.kafka.machine import free_port
from tests.support.shell import Shell
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVICES = ("collectors destination", "collectors run ")
DESTINATION_PORT = "8100"


def tutorial() -> list[str]:
    """The blocks of the tutorial, in order, with ports that are free here."""
    section = README[README.index("## Tutorial") : README.index("## Reading on")]
    port = str(free_port())
    ports = {
        "collectors kafka up": f"collectors kafka up --port {free_port()}",
        "collectors destination\n": f"collectors destination --port {port}\n",
        f"127.0.0.1:{DESTINATION_PORT}": f"127.0.0.1:{port}",
    }
    found: list[str] = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for usual, free in ports.items():
        assert any(usual in block for block in found), usual
        found = [block.replace(usual, free) for block in found]
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.type("collectors kafka down")


@pytest.mark.slow
@pytest.mark.kafka
def test_the_tutorial_works_as_it_stands(shell: Shell) -> None:
    blocks = tutorial()
    at = next(position for position, block in enumerate(blocks) if block.startswith(SERVICES))
    said = [shell.expect(block) for block in blocks[:at]]
    assert "key acme/quality/ingest does not exist" in said[2], "the warning that the text explains"
    assert "ACTIVE" in said[3]
    destination, processor, consume, spoil, letters, change, down = blocks[at:]
    with shell.running(destination), shell.running(processor):
        wait_until(lambda: decided(shell) == 4, "the processor to decide the tutorial's predictions", timeout_s=120, every_s=0.2)
        wait_until(lambda: delivered(shell), "the destination to have what was collected", timeout_s=60, every_s=0.2)
        assert '"prediction_id"' in shell.expect(consume)
        shell.expect(spoil)
        shown = wait_until(lambda: answer(shell, letters), "the dead letter", timeout_s=60, every_s=0.2)
        assert "no_framing" in shown
        assert "INACTIVE  paused; workflow acme/quality/sample does not exist" in shell.expect(change)
    assert "stopped the broker" in shell.expect(down)


def decided(shell: Shell) -> int:
    (row,) = orjson.loads(shell.type("collectors status --json").stdout)["collectors"]
    return int(row["seen"])


def delivered(shell: Shell) -> bool:
    """Whether status says that everything collected is at the destination; of the tutorial's four predictions some are."""
    found = orjson.loads(shell.type("collectors status --json").stdout)
    (row,), (sink,) = found["collectors"], found["sink"]
    return 0 < row["collected"] == sink["delivered"] and sink["state"] == "RUNNING" and found["lag"]["inputs"] == 0


def answer(shell: Shell, block: str) -> str:
    """What a block prints; nothing while it fails."""
    done = shell.type(block)
    return done.stdout if done.returncode == 0 else ""


def test_a_newcomer_without_a_broker_is_told_how_to_start_one(shell: Shell) -> None:
    done = shell.type("collectors topics plan")
    assert done.returncode == 2
    assert "no cluster is set: start one here with `collectors kafka up`" in done.stderr


@pytest.mark.kafka
@pytest.mark.parametrize("command", ["collectors status", "collectors apply -f app.yaml", "collectors produce none.ndjson"])
def test_a_newcomer_who_leaves_out_the_topics_is_told_how_to_make_them(shell: Shell, settings: Settings, command: str) -> None:
    where = f"export COLLECTORS_BOOTSTRAP_SERVERS={settings.bootstrap_servers} COLLECTORS_TOPIC_PREFIX={settings.topic_prefix}"
    files = "echo '{kind: App, user_id: acme, id: quality}' > app.yaml; touch none.ndjson"
    done = shell.type(f"{where}\n{files}\n{command}")
    assert done.returncode == 1
    assert re.search("(create|make) (it|them) with `collectors topics apply`", done.stderr), done.stderr
