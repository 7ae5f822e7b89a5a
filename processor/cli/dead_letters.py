"""``collectors dead-letters``: what could not be processed, and why."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from processor.cli.consume import text
from processor.cli.options import json_option, with_settings
from processor.cli.status import wide_console
from processor.errors import FixUsage
from processor.kafka.admin import Admin
from processor.kafka.reader import Record, TopicReader
from processor.topics.names import DEAD_LETTERS, prefixed, unprefixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

PREFIXES = ("__streams.errors.", "__connect.errors.")
SHOWN = ("exception", "message", "topic", "partition", "offset")


@click.group(name="dead-letters")
def command() -> None:
    """Look at the records that could not be processed."""


@command.command(name="list")
@click.option("--topic", type=click.Choice(DEAD_LETTERS), help="Only this topic of dead letters.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="The newest so many.")
@json_option
@with_settings
def list_letters(settings: Settings, topic: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first: where each came from and why it is here."""
    letters = [_summary(settings, record) for record in _letters(settings, (topic,) if topic else DEAD_LETTERS)][-limit:]
    if as_json:
        click.echo(orjson.dumps(letters, option=orjson.OPT_INDENT_2))
    else:
        _print_table(letters)


@command.command(name="show")
@click.argument("letter", metavar="TOPIC/PARTITION/OFFSET")
@with_settings
def show_letter(settings: Settings, letter: str) -> None:
    """Show one dead letter whole: all headers, its key, and its value in base64."""
    topic, partition, offset = _address(letter)
    for record in _letters(settings, (topic,)):
        if (record.partition, record.offset) == (partition, offset):
            headers = {name: text(value) for name, value in record.headers}
            value = None if record.value is None else base64.b64encode(record.value).decode()
            whole = {"letter": letter, "timestamp": record.timestamp_ms, "key": text(record.key), "headers": headers, "value": value}
            click.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
            return
    raise FixUsage(f"no dead letter {letter}: `collectors dead-letters list` names those there are")


def _letters(settings: Settings, topics: tuple[str, ...]) -> Iterator[Record]:
    existing = Admin(settings).names()
    names = [name for topic in topics if (name := prefixed(settings, topic)) in existing]
    if names:
        reader = TopicReader(settings, names)
        yield from sorted(reader.read_to_end(), key=lambda record: record.timestamp_ms)
        reader.close()


def _summary(settings: Settings, record: Record) -> dict[str, Any]:
    headers = {name: text(value) for name, value in record.headers}
    why = {field: next((headers[p + field] for p in PREFIXES if p + field in headers), "") for field in SHOWN}
    letter = f"{unprefixed(settings, record.topic)}/{record.partition}/{record.offset}"
    size = len(record.value) if record.value is not None else None
    return {"letter": letter, "timestamp": record.timestamp_ms, "key": text(record.key), "bytes": size, **why}


def _print_table(letters: list[dict[str, Any]]) -> None:
    table = Table("letter", "came from", "reason", "what exactly", "bytes", box=SIMPLE)
    for row in letters:
        source = f"{row['topic']}/{row['partition']}/{row['offset']}"
        # The first column is what `show` takes, so it is never cut; what others wrote is no markup.
        table.add_row(
            *[Text(cell, overflow="fold") for cell in (row["letter"], source, row["exception"], row["message"], str(row["bytes"]))]
        )
    wide_console().print(table if letters else "no dead letters")


def _address(letter: str) -> tuple[str, int, int]:
    topic, _, rest = letter.partition("/")
    partition, _, offset = rest.partition("/")
    if topic not in DEAD_LETTERS or not (partition.isdigit() and offset.isdigit()):
        raise FixUsage(f"{letter}: a dead letter is named TOPIC/PARTITION/OFFSET, as in {DEAD_LETTERS[0]}/0/12")
    return topic, int(partition), int(offset)
