"""The connectors that must be against those that are: what is to be done, as values. No client, no clock.

A connector without our mark is never touched, none is ever deleted, and a pause keeps its place in the topic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from processor.connect.wanted import MANAGED_BY, SECRET_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from processor.connect.wanted import Wanted

FAILED = "FAILED"
RUNNING = "RUNNING"
NOT_RUNNING = frozenset({"PAUSED", "STOPPED"})
CONNECTORS_PER_WORKER = 1000  # idle ones: four threads, five connections and 1.6 MB each
CAUSED_BY = "Caused by: "
EXCEPTION = re.compile(r"^[\w.$]+(Exception|Error): ")
HIDDEN = "(hidden)"
ABSENT = "(not set)"


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a connector: its state, and where it failed the error."""

    id: int
    state: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector as a worker shows it.

    Attributes:
        name: its name.
        config: its options as they were written: references to secrets, never secrets.
        state: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING.
        error: why it failed.
        tasks: its tasks.
        worker: which worker runs it.
    """

    name: str
    config: Mapping[str, str] = field(repr=False)
    state: str = "UNASSIGNED"
    error: str = ""
    tasks: tuple[Task, ...] = ()
    worker: str = ""

    @property
    def failure(self) -> str:
        """What the first failure says; empty: none failed."""
        errors = [self.error or FAILED] if self.state == FAILED else []
        errors += [task.error or FAILED for task in self.tasks if task.state == FAILED]
        return _cause(errors[0]) if errors else ""


@dataclass(frozen=True, slots=True)
class Create:
    """An app has its first active collector."""

    name: str
    config: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        target = f"{self.config['destination.url']} as {self.config['destination.user.id']}/{self.config['destination.app.id']}"
        return f"create {self.name}: posts to {target} with key {self.config['destination.key.id']}"


@dataclass(frozen=True, slots=True)
class OptionChange:
    """An option that differs; ``after`` None: it is not ours and is taken away. What may be a secret is not shown."""

    option: str
    before: str
    after: str | None

    def __str__(self) -> str:
        return f"{self.option} {self.before} -> {ABSENT if self.after is None else self.after}"


@dataclass(frozen=True, slots=True)
class Update:
    """A connector's options are not what they must be, whoever changed what."""

    name: str
    changes: tuple[OptionChange, ...]
    config: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        return f"update {self.name}: {', '.join(str(change) for change in self.changes)}"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is to be posted any more."""

    name: str
    before: str
    reason: str

    def __str__(self) -> str:
        return f"pause {self.name}: {self.before} -> PAUSED ({self.reason})"


@dataclass(frozen=True, slots=True)
class Resume:
    """It was paused or stopped, and there is something to post."""

    name: str
    before: str

    def __str__(self) -> str:
        return f"resume {self.name}: {self.before} -> RUNNING"


@dataclass(frozen=True, slots=True)
class Restart:
    """The connector, or some of its tasks, failed."""

    name: str
    error: str

    def __str__(self) -> str:
        return f"restart {self.name}: {self.error}"


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be done from here: ``reason`` says why and what to do."""

    app: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"cannot post inputs of {self.app}: {self.reason}"


Step = Create | Update | Pause | Resume | Restart


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order they are to be taken.

    Attributes:
        steps: what `apply` does.
        refused: apps whose inputs are not posted until somebody does something.
        notes: what is worth a look.
    """

    steps: tuple[Step, ...] = ()
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Connect is as the catalog wants it."""
        return not self.steps and not self.refused


def plan(wanted: Sequence[Wanted], found: Mapping[str, Connector], mark: str) -> Plan:
    """Compare.

    Args:
        wanted: what the catalog asks for.
        found: every connector there is, by name.
        mark: what ours carry.
    """
    steps: list[Step] = []
    refused: list[Refused] = []
    for each in wanted:
        connector = found.get(each.name)
        if connector is not None and not is_ours(connector, mark):
            refused += _not_ours(each, mark)
        else:
            steps += _steps(each, connector)
            refused += [Refused(each.app, each.name, each.reason)] if each.broken else []
    steps += _left_over({each.name for each in wanted}, found, mark)
    return Plan(tuple(steps), tuple(refused), tuple(_notes(wanted, found)))


def overall(connector: Connector) -> str:
    """One word for a connector and its tasks."""
    if connector.failure:
        return FAILED
    others = [task.state for task in connector.tasks if task.state != RUNNING]
    return others[0] if connector.state == RUNNING and others else connector.state


def is_ours(connector: Connector, mark: str) -> bool:
    """Whether this system made it."""
    return connector.config.get(MANAGED_BY) == mark


def _not_ours(wanted: Wanted, mark: str) -> Iterator[Refused]:
    if wanted.config is not None or wanted.broken:
        reason = f"connector {wanted.name} is somebody else's (it has no {MANAGED_BY}={mark}): delete or rename it"
        yield Refused(wanted.app, wanted.name, reason)


def _steps(wanted: Wanted, connector: Connector | None) -> Iterator[Step]:
    if connector is None:
        if wanted.config is not None:
            yield Create(wanted.name, wanted.config)
    elif wanted.config is None:
        yield from _pause(connector, wanted.reason)
    else:
        if changes := tuple(_changes(connector.config, wanted.config)):
            yield Update(wanted.name, changes, wanted.config)
        if connector.state in NOT_RUNNING:
            yield Resume(wanted.name, connector.state)
        if connector.failure:
            yield Restart(wanted.name, connector.failure)


def _pause(connector: Connector, reason: str) -> Iterator[Step]:
    if connector.state not in NOT_RUNNING:
        yield Pause(connector.name, connector.state, reason)


def _left_over(names: set[str], found: Mapping[str, Connector], mark: str) -> Iterator[Step]:
    for name, connector in sorted(found.items()):
        if name not in names and is_ours(connector, mark):
            yield from _pause(connector, "the app has no collectors")


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[OptionChange]:
    for option in sorted(before.keys() | after.keys()):
        if before.get(option) != after.get(option):
            yield OptionChange(option, _shown(option, before.get(option), ours=option in after), after.get(option))


def _shown(option: str, value: str | None, *, ours: bool) -> str:
    """A value that somebody set by hand may be a secret: only those of options that never hold one are shown."""
    if value is None:
        return ABSENT
    return value if ours and (option != SECRET_OPTION or value.startswith("${")) else HIDDEN


def _notes(wanted: Sequence[Wanted], found: Mapping[str, Connector]) -> Iterator[str]:
    workers = max(1, len({connector.worker for connector in found.values() if connector.worker}))
    total = len(found.keys() | {each.name for each in wanted if each.config is not None})
    if total > CONNECTORS_PER_WORKER * workers:
        yield (
            f"{total} connectors on {workers} worker(s), and about {CONNECTORS_PER_WORKER} fit one: "
            "add workers to the Connect cluster (docs/sink.md)"
        )


def _cause(trace: str) -> str:
    """What a stack trace says to people: the message of its innermost cause."""
    lines = trace.strip().splitlines() or [FAILED]
    causes = [line.removeprefix(CAUSED_BY) for line in lines if line.startswith(CAUSED_BY)]
    innermost = causes[-1] if causes else lines[0]
    return EXCEPTION.sub("", innermost) or innermost
