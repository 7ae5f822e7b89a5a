"""Runs the processes of a stage: starts them, starts again what dies, stops them together.

A process that loses trust in its client ends itself (exit 75); here it is started again, under the same index and so under the same
transactional id, which aborts whatever it left open. A process that reports a fault for people (exit 1 or 2) ends all.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from processor.errors import EXIT_DONE, EXIT_FAILED, EXIT_FENCED, EXIT_USAGE
from processor.stages.watchdog import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger("collectors.supervisor")

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
HEALTHY_S = 5.0
FENCED_MAX = 3
FENCED_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05


@dataclass(slots=True)
class Child:
    """One process, through all its lives."""

    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_again_s: float = 0.0
    failures: int = 0
    fenced: deque[float] = field(default_factory=lambda: deque(maxlen=FENCED_MAX))

    def start(self, now: float) -> None:
        """Start it; it stops by itself when our end of its standard input closes."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, env=self.environment)  # noqa: S603 - our own command line
        self.started_s = now

    def ended(self, code: int, now: float) -> None:
        """Remember the end and when to start again."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
        self.failures = 0 if now - self.started_s > HEALTHY_S else self.failures + 1
        self.start_again_s = now + BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
        if code == EXIT_FENCED:
            self.fenced.append(now)

    def fenced_too_often(self, now: float) -> bool:
        """Whether somebody else seems to use the same transactional id."""
        return len(self.fenced) == FENCED_MAX and now - self.fenced[0] < FENCED_WITHIN_S


class Supervisor:
    """Keeps the processes of a stage running until told to stop.

    Args:
        commands: one command line a process.
        environment: of every process, in all its lives.
        cluster_answers: whether the brokers are well; asked before a repeated fencing is blamed on the instance id.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        environment: Mapping[str, str],
        cluster_answers: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = [Child(command, environment) for command in commands]
        self._cluster_answers = cluster_answers
        self._clock = clock
        self._stopping = StopFlag()

    def run(self) -> int:
        """Run until a signal or a fault for people.

        Returns:
            The exit status: 0 after a clean stop.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stopping.set)
        status = EXIT_DONE
        while not self._stopping.is_set() and status == EXIT_DONE:
            for child in self._children:
                status = status or self._look(child)
            time.sleep(LOOK_EVERY_S)
        return status or self._stop_all()

    def _look(self, child: Child) -> int:
        """Start what is due, bury what died; a status other than 0 ends all."""
        now = self._clock()
        if child.process is None:
            if now >= child.start_again_s:
                child.start(now)
            return EXIT_DONE
        code = child.process.poll()
        if code is None:
            return EXIT_DONE
        child.ended(code, now)
        return self._judge(child, code, now)

    def _judge(self, child: Child, code: int, now: float) -> int:
        if code in {EXIT_FAILED, EXIT_USAGE}:
            log.error("a process stopped with a fault that starting again does not mend (exit %d): stopping all", code)
            self._stop_all()
            return code
        if child.fenced_too_often(now) and self._cluster_answers():
            log.error(
                "fenced %d times within a minute by healthy brokers: the instance id is used twice; give each host its own", FENCED_MAX
            )
            self._stop_all()
            return EXIT_USAGE
        log.warning("a process ended (exit %d): starting again in %.1f s", code, child.start_again_s - now)
        return EXIT_DONE

    def _stop_all(self) -> int:
        """Ask all to stop, wait, and end those that do not."""
        running = [child.process for child in self._children if child.process is not None and child.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = self._clock() + STOP_WITHIN_S
        codes = [_wait(process, max(0.1, deadline - self._clock())) for process in running]
        for process in running:
            if process.stdin is not None:
                process.stdin.close()
        # One that the signal killed had not come so far as to handle it, and so had nothing open.
        return EXIT_DONE if set(codes) <= {EXIT_DONE, -signal.SIGTERM} else EXIT_FAILED


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int:
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        log.warning("process %d did not stop within %.0f s: killing it", process.pid, STOP_WITHIN_S)
        process.kill()
        return process.wait()


def worker_command(stage: str, index: int, metrics_port: int | None) -> list[str]:
    """The command line of one process of a stage; settings travel by the environment and ``--config`` of our own command line."""
    command = [sys.executable, "-m", "processor", "run", stage, "--worker", str(index)]
    command += ["--metrics-port", str(metrics_port)] if metrics_port is not None else []
    return command + _config_option(sys.argv)


def _config_option(argv: Sequence[str]) -> list[str]:
    """The ``--config`` of a command line, if it has one."""
    for i, word in enumerate(argv):
        if word == "--config":
            return list(argv[i : i + 2])
        if word.startswith("--config="):
            return [word]
    return []
