"""The watchdog ends a loop that no longer turns."""

import subprocess
import sys

from processor.errors import EXIT_RESTART
from processor.stages.watchdog import Watchdog

HANGS = """
import threading
from processor.stages.watchdog import Watchdog
Watchdog(200).start()
threading.Event().wait()
"""
LOSES_ITS_SUPERVISOR = """
import threading
from processor.stages.watchdog import stop_with_supervisor
stopped = threading.Event()
stop_with_supervisor(stopped.set)
print("ready", flush=True)
raise SystemExit(7 if stopped.wait(20) else 1)
"""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_turns_in_time_lives_and_one_that_does_not_is_ended() -> None:
    clock, deaths = Clock(), []
    watchdog = Watchdog(15_000, lambda: deaths.append(clock.now), clock)
    for clock.now in (14.0, 28.0, 42.0):
        watchdog.check()
        watchdog.beat()
    assert not deaths
    clock.now = 58.0
    watchdog.check()
    assert deaths == [58.0]


def test_a_process_whose_loop_hangs_ends_with_the_status_that_asks_for_a_restart() -> None:
    assert subprocess.run([sys.executable, "-c", HANGS], timeout=20, check=False).returncode == EXIT_RESTART


def test_a_process_stops_when_its_supervisor_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", LOSES_ITS_SUPERVISOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"ready\n"
        child.stdin.close()
        assert child.wait(20) == 7
