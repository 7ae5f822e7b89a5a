"""Every command line the pages show can be typed: the command exists and takes these options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from processor.cli.main import cli
from tests.docs.closed_sets import commands
from tests.docs.pages import blocks, rows


def command_lines() -> list[str]:
    """Lines of shell blocks that run this package, continuation lines joined, one a pipe's part."""
    texts = [re.sub(r"\\\n\s*", "", block.text) for block in blocks("sh", "bash", "shell", "console")]
    parts = [part.strip() for text in texts for line in text.splitlines() for part in re.split(r"\||&&|;", line.removeprefix("$ "))]
    # In containers it is a service that is run.
    bare = {re.sub(r"^docker compose run (-\S+ )*cli ", "collectors ", part) for part in parts}
    return sorted(part for part in bare if part.startswith("collectors "))


def words_of(line: str) -> list[str]:
    """The arguments of a command line; redirections and the background sign are the shell's."""
    bare = re.sub(r"(\d?>>?|<)\s*\S+", "", line)
    return [word for word in shlex.split(bare, comments=True)[1:] if word != "&"]


def resolve(command: click.Command, name: str, words: list[str]) -> None:
    """Parse as click would, without running anything.

    Raises:
        click.UsageError: it cannot be typed.
    """
    if {"--help", "-h", "--version"} & set(words):
        return
    with command.make_context(name, list(words)) as context:
        if isinstance(command, click.Group):
            _, child, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert child is not None
            resolve(child, f"{name} {child.name}", rest)


@pytest.mark.parametrize("line", command_lines())
def test_the_command_line_can_be_typed(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = words_of(line)
    for file in (word for word in words if re.fullmatch(r"[\w-]+\.\w+", word)):
        Path(file).touch()
    resolve(cli, "collectors", words)


def test_a_command_line_that_cannot_be_typed_is_found() -> None:
    with pytest.raises(click.UsageError):
        resolve(cli, "collectors", words_of("collectors topics plan --no-such-option > out"))
    with pytest.raises(click.UsageError):
        resolve(cli, "collectors", words_of("collectors topics wish"))


def test_there_are_command_lines_to_try() -> None:
    assert len(command_lines()) > 2


@pytest.mark.parametrize("words", commands())
def test_the_commands_page_has_a_row_a_command_with_all_its_options(words: str) -> None:
    (line,) = [line for line in rows("docs/commands.md") if line.startswith(f"| `{words}")]
    options = {option.opts[0] for option in commands()[words].params if isinstance(option, click.Option) and not option.hidden}
    assert not {option for option in options - {"--config"} if f"{option}" not in re.findall(r"-{1,2}[a-z-]+", line)}
