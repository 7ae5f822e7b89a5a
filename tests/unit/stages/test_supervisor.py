"""The supervisor starts again what can be started again, and ends all for what cannot. Its processes here are real ones."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.stages import supervisor
from processor.stages.supervisor import Child, Supervisor

RUNS = r"""
import os, sys
from processor.stages.supervisor import Supervisor
CHILD = "import os, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); os.write(1, b'up\\n'); sys.stdin.read()"
sys.exit(Supervisor([[sys.executable, "-c", CHILD]] * 2, os.environ, lambda: True).run())
"""


DIES = """
import pathlib, sys
lives = pathlib.Path(sys.argv[1])
count = len(lives.read_text())
lives.write_text("x" * (count + 1))
sys.exit(int(sys.argv[2 + count]))
"""


def child_that(tmp_path: Path, *codes: int) -> list[str]:
    """A process that ends with these exit statuses, one a life, and notes how often it lived."""
    lives = tmp_path / f"lives-{len(list(tmp_path.iterdir()))}"
    lives.touch()
    return [sys.executable, "-c", DIES, str(lives), *map(str, codes)]


@pytest.fixture(autouse=True)
def _quick_and_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0, 0.01))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_process_that_asks_for_a_restart_is_started_again(tmp_path: Path) -> None:
    command = child_that(tmp_path, 75, 75, 1)
    assert Supervisor([command], os.environ, lambda: True).run() == 1
    assert (tmp_path / "lives-0").read_text() == "xxx"


def test_a_fault_for_people_ends_all_processes(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    assert Supervisor([sleeper, child_that(tmp_path, 2)], os.environ, lambda: True).run() == 2


def test_three_fencings_within_a_minute_with_healthy_brokers_mean_that_the_instance_id_is_used_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Supervisor([child_that(tmp_path, 76, 76, 76)], os.environ, lambda: True).run() == 2
    assert "the instance id is used twice" in caplog.text


def test_fencing_while_the_brokers_are_away_is_not_blamed_on_anybody(tmp_path: Path) -> None:
    assert Supervisor([child_that(tmp_path, 76, 76, 76, 76, 1)], os.environ, lambda: False).run() == 1


def test_restarts_wait_longer_each_time_until_a_process_stayed_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.2, 0.5, 1.0))
    child = Child(["true"], {})
    waits = []
    for now in (10.0, 20.0, 30.0):
        child.started_s = now - 1
        child.ended(75, now)
        waits.append(round(child.start_again_s - now, 3))
    child.started_s = 40.0
    child.ended(75, 100.0)
    assert [*waits, round(child.start_again_s - 100.0, 3)] == [0.5, 1.0, 1.0, 0.2]


def test_sigterm_stops_every_process_and_exits_clean() -> None:
    with subprocess.Popen([sys.executable, "-c", RUNS], stdout=subprocess.PIPE) as running:
        assert [running.stdout.readline() for _ in range(2)] == [b"up\n", b"up\n"]
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        assert time.monotonic() - began < supervisor.STOP_WITHIN_S


def test_a_process_that_is_stopped_before_it_can_handle_the_signal_has_stopped_cleanly() -> None:
    ignorant = RUNS.replace("signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); ", "")
    with subprocess.Popen([sys.executable, "-c", ignorant], stdout=subprocess.PIPE) as running:
        assert [running.stdout.readline() for _ in range(2)] == [b"up\n", b"up\n"]
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
