"""``collectors consume``: an app's inputs topic, for people and scripts."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import click
import orjson

from processor.cli.options import with_settings
from processor.kafka.admin import Admin
from processor.kafka.reader import Record, TopicReader
from processor.topics.names import inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

FOLLOW_TIMEOUT_S = 0.5
FOLLOW_RECORDS = 1000


@click.command(name="consume")
@click.option("--user", required=True, help="Owner of the app.")
@click.option("--app", required=True, help="The app.")
@click.option("--from-beginning", is_flag=True, help="All inputs there are; without it only those that come from now on.")
@click.option("--follow", is_flag=True, help="Wait for more instead of ending at the end of the topic.")
@with_settings
def command(settings: Settings, user: str, app: str, from_beginning: bool, follow: bool) -> None:
    """Print an app's inputs as NDJSON, read committed.

    A record that is no JSON, so no input, has a null "value" and its bytes as "value_base64".
    """
    topic = prefixed(settings, inputs_topic(user, app))
    if not Admin(settings).has(topic):
        click.echo(f"no topic {topic}: nothing was ever collected for {user}/{app}", err=True)
        return
    reader = TopicReader(settings, [topic])
    try:
        for record in _records(reader, from_beginning, follow):
            click.echo(orjson.dumps(_line(record)))
    except KeyboardInterrupt:
        pass
    finally:
        reader.close()


def _records(reader: TopicReader, from_beginning: bool, follow: bool) -> Iterator[Record]:
    for record in reader.read_to_end():
        if from_beginning:
            yield record
    while follow:
        yield from reader.poll(FOLLOW_RECORDS, FOLLOW_TIMEOUT_S)


def _line(record: Record) -> dict[str, Any]:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": text(record.key),
        "headers": {name: text(value) for name, value in record.headers},
        **_value(record.value),
    }


def _value(value: bytes | None) -> dict[str, Any]:
    """The value as it is in the record: a number beyond 64 bits would come out of a parser as another one."""
    if value is None:
        return {"value": None}
    try:
        orjson.loads(value)
    except ValueError:  # somebody else wrote to the topic; what follows is still wanted
        return {"value": None, "value_base64": base64.b64encode(value).decode()}
    # Between tokens a line break is as good as a space, and inside a string it is no JSON.
    return {"value": orjson.Fragment(value.replace(b"\r", b" ").replace(b"\n", b" "))}


def text(data: bytes | None) -> str | None:
    """Bytes for people: what is not UTF-8 shows as replacement characters."""
    return None if data is None else data.decode("utf-8", "replace")
