"""The supervisor starts again what can be started again, and ends all for what cannot. Its processes here are real ones."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processor.stages import supervisor
from processor.stages.supervisor import Child, Supervisor

RUNS = """
import sys
from processor.stages.supervisor import Supervisor
CHILD = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True); signal.pause()"
sys.exit(Supervisor([[sys.executable, "-c", CHILD]] * 2, lambda: True).run())
"""


def child_that(tmp_path: Path, *codes: int) -> list[str]:
    """A process that ends with these exit statuses, one a life, and says how often it lived."""
    lives = tmp_path / f"lives-{len(list(tmp_path.iterdir()))}"
    lives.touch()
    code = (
        f"import pathlib, sys; f = pathlib.Path({str(lives)!r}); n = len(f.read_text()); f.write_text('x' * (n + 1)); sys.exit({codes!r}[n])"
    )
    return [sys.executable, "-c", code]


@pytest.fixture(autouse=True)
def _quick_and_without_a_trace(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0, 0.01))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_process_that_asks_for_a_restart_is_started_again(tmp_path: Path):
    command = child_that(tmp_path, 75, 75, 1)
    assert Supervisor([command], lambda: True).run() == 1
    assert (tmp_path / "lives-0").read_text() == "xxx"


def test_a_fault_for_people_ends_all_processes(tmp_path: Path):
    sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    assert Supervisor([sleeper, child_that(tmp_path, 2)], lambda: True).run() == 2


def test_three_fencings_within_a_minute_with_healthy_brokers_mean_that_the_instance_id_is_used_twice(tmp_path: Path, caplog):
    assert Supervisor([child_that(tmp_path, 76, 76, 76)], lambda: True).run() == 2
    assert "the instance id is used twice" in caplog.text


def test_fencing_while_the_brokers_are_away_is_not_blamed_on_anybody(tmp_path: Path):
    assert Supervisor([child_that(tmp_path, 76, 76, 76, 76, 1)], lambda: False).run() == 1


def test_restarts_wait_longer_each_time_until_a_process_stayed_healthy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.2, 0.5, 1.0))
    child = Child(["true"])
    waits = []
    for now in (10.0, 20.0, 30.0):
        child.started_s = now - 1
        child.ended(75, now)
        waits.append(round(child.start_again_s - now, 3))
    child.started_s = 40.0
    child.ended(75, 100.0)
    assert [*waits, round(child.start_again_s - 100.0, 3)] == [0.5, 1.0, 1.0, 0.2]


def test_sigterm_stops_every_process_and_exits_clean():
    with subprocess.Popen([sys.executable, "-c", RUNS], stdout=subprocess.PIPE) as running:
        assert [running.stdout.readline() for _ in range(2)] == [b"up\n", b"up\n"]
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        assert time.monotonic() - began < supervisor.STOP_WITHIN_S
