"""Kafka Connect in memory, as the controller sees it; held to the real one by tests/connect/test_connectors.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from processor.connect.plan import Connector, Task
from processor.errors import FixCluster

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKER = "127.0.0.1:8083"
REFUSED_OPTION = "tasks.max"


class MemoryConnectors:
    """Connectors that do as they are told at once.

    Attributes:
        asked: what was asked for, in order: (verb, connector).
        failing: connectors that fail again whenever they are started.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.failing: set[str] = set()
        self._all: dict[str, Connector] = {}

    def connectors(self) -> dict[str, Connector]:
        return dict(self._all)

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        self.asked.append(("configure", name))
        if not config[REFUSED_OPTION].isdecimal():
            raise FixCluster(f"configuring connector {name}: {REFUSED_OPTION} is no number")
        before = self._all.get(name)
        state = before.state if before is not None else "RUNNING"
        self._all[name] = Connector(name, dict(config), state, "", (Task(0, state),), WORKER)
        self._start(name)

    def pause(self, name: str) -> None:
        self._become("pause", name, "PAUSED")

    def resume(self, name: str) -> None:
        self._become("resume", name, "RUNNING")

    def restart(self, name: str) -> None:
        self.asked.append(("restart", name))
        found = self._found(name)
        state = "RUNNING" if found.state == "FAILED" else found.state
        self._all[name] = replace(found, state=state, error="", tasks=(Task(0, state),))
        self._start(name)

    def fail(self, name: str, error: str) -> None:
        """Let its task fail."""
        found = self._all[name]
        self._all[name] = replace(found, tasks=(Task(0, "FAILED", error),))

    def _start(self, name: str) -> None:
        if name in self.failing:
            self.fail(name, "it fails every time")

    def _become(self, verb: str, name: str, state: str) -> None:
        self.asked.append((verb, name))
        found = self._found(name)
        tasks = tuple(task if task.state == "FAILED" else replace(task, state=state) for task in found.tasks)
        self._all[name] = replace(found, state=state, tasks=tasks)

    def _found(self, name: str) -> Connector:
        if name not in self._all:
            raise FixCluster(f"connector {name}: there is none")
        return self._all[name]
