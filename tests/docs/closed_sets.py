"""What the code has that people must be able to look up: one line a set in `CLOSED_SETS`, and the tests do the rest.

Modules are imported when a set is asked for, so that one that does not import fails its own test only.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import click

import processor
from processor.cli.main import cli
from processor.errors import CollectorsError
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from enum import StrEnum


def commands() -> dict[str, click.Command]:
    """Every command that does something, by its words: ``collectors topics plan``."""
    return dict(_commands("collectors", cli))


def _commands(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        if (child := command.get_command(context, name)) is not None:
            yield from _commands(f"{words} {name}", child)


def settings() -> Iterable[str]:
    """Every setting, by its name in a settings file."""
    return Settings.model_fields


def errors() -> Iterator[str]:
    """Every error type of the package, but those that no caller ever meets."""
    for module in pkgutil.walk_packages(processor.__path__, "processor."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    yield from (name for name in _subclasses(CollectorsError) if not name.startswith("_"))


def _subclasses(error: type) -> Iterator[str]:
    yield error.__name__
    for child in error.__subclasses__():
        yield from _subclasses(child)


def metrics() -> Iterator[str]:
    """Every metric, as Prometheus shows it."""
    registry = importlib.import_module("processor.metrics").Metrics().registry
    for family in registry.collect():
        yield f"{family.name}_total" if family.type == "counter" else family.name


def operators() -> Iterable[str]:
    """Every model type that this system runs itself."""
    names: Iterable[str] = importlib.import_module("processor.operators").OPERATORS
    return names


def members(module: str, name: str) -> Callable[[], list[str]]:
    """The values of an enum of strings."""

    def values() -> list[str]:
        enum: type[StrEnum] = getattr(importlib.import_module(module), name)
        return [member.value for member in enum]

    return values


def topics() -> Iterable[str]:
    """Every topic, without prefix, and the template of those of the apps."""
    names = importlib.import_module("processor.topics.names")
    return (*names.FIXED, names.INPUTS_TEMPLATE)


def plan_actions() -> Iterable[str]:
    """What a step of `topics plan --json` may be."""
    actions: dict[type, str] = importlib.import_module("processor.cli.topics").ACTIONS
    return actions.values()


def answer_codes() -> list[str]:
    """Every code that is answered with."""
    codes = importlib.import_module("processor.rest.status").Code
    return [str(int(code)) for code in codes]


def connector_steps() -> Iterable[str]:
    """What a step of `connect plan --json` may be."""
    actions: dict[type, str] = importlib.import_module("processor.cli.connect").ACTIONS
    return actions.values()


# what -> (its members, the page that must name each; empty: any page)
CLOSED_SETS: dict[str, tuple[Callable[[], Iterable[str]], str]] = {
    "command": (commands, ""),
    "setting": (settings, "docs/settings.md"),
    "error": (errors, ""),
    "metric": (metrics, ""),
    "operator": (operators, ""),
    "outcome": (members("processor.engine.reasons", "Outcome"), ""),
    "bad record": (members("processor.codec.bad", "BadReason"), ""),
    "failure of a served model": (members("processor.fetch.failed", "Failure"), "docs/models.md"),
    "topic": (topics, "docs/topics.md"),
    "code of an answer": (answer_codes, "docs/codes.md"),
    "plan action": (plan_actions, "docs/topics.md"),
    "connector step": (connector_steps, "docs/sink.md"),
}
