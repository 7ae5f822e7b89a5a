"""``collectors kafka up|down|status``: a local, real Apache Kafka for development, under ``.collectors/`` of the working directory."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import orjson

from processor.cli.downloads import download_progress
from processor.cli.options import json_option, with_settings
from processor.errors import EXIT_FAILED
from processor.kafka.address import BROKER_FOLDER
from processor.kafka.jars import KAFKA_VERSION
from processor.kafka.local import LocalBroker
from processor.kafka.ping import answers

if TYPE_CHECKING:
    from processor.kafka.broker_record import BrokerRecord
    from processor.settings import Settings

DEFAULT_PORT = 9092


@click.group(name="kafka")
def command() -> None:
    """A local Kafka broker for development: real Apache Kafka, data kept under .collectors/."""


@command.command()
@with_settings
@click.option(
    "--port", type=click.IntRange(1, 65535), default=None, help=f"Where clients connect, on 127.0.0.1; {DEFAULT_PORT} by default."
)
@json_option
def up(settings: Settings, port: int | None, *, as_json: bool) -> None:
    """Start the broker and wait until it answers; the first time its jars are downloaded (45 MB)."""
    before = LocalBroker(settings, BROKER_FOLDER).running
    record = start(settings, port if port or before else DEFAULT_PORT)
    verb = "already runs" if before == record else "runs"
    _tell(
        as_json,
        f"Apache Kafka {KAFKA_VERSION} {verb} at {record.bootstrap_servers} (process {record.pid}, data in {BROKER_FOLDER / 'data'})",
        record,
    )
    if settings.bootstrap_servers not in ("", record.bootstrap_servers):
        click.echo(
            f"note: the settings name another cluster ({settings.bootstrap_servers}); all commands go there, not to this broker", err=True
        )


def start(settings: Settings, port: int | None) -> BrokerRecord:
    """Start the broker of the working directory, showing progress on stderr; one that runs is left alone.

    Args:
        settings: where jars come from and are kept.
        port: where clients connect; None: wherever it runs, or a free port.

    Raises:
        FixMachine: see :meth:`processor.kafka.local.LocalBroker.start`.
        FixUsage: likewise.
    """
    with download_progress(f"Apache Kafka {KAFKA_VERSION}") as progress:
        return LocalBroker(settings, BROKER_FOLDER, port=port or 0, progress=progress).start()


@command.command()
@with_settings
@json_option
def down(settings: Settings, *, as_json: bool) -> None:
    """Stop the broker; its data stay."""
    broker = LocalBroker(settings, BROKER_FOLDER)
    record = broker.running
    ended = broker.stop()
    _tell(as_json, f"stopped the broker at {record.bootstrap_servers}" if record and ended else "no broker runs in this folder", None)


@command.command()
@with_settings
@json_option
def status(settings: Settings, *, as_json: bool) -> None:
    """Say whether the broker runs: exit 0 when it does and answers, 1 when not."""
    record = LocalBroker(settings, BROKER_FOLDER).running
    if record is None:
        _tell(as_json, "no broker runs in this folder: start one with `collectors kafka up`", None)
        sys.exit(EXIT_FAILED)
    if not answers(record.bootstrap_servers, timeout_s=5.0):
        _tell(
            as_json,
            f"the broker at {record.bootstrap_servers} (process {record.pid}) does not answer: see {BROKER_FOLDER / 'broker.log'}",
            record,
            ready=False,
        )
        sys.exit(EXIT_FAILED)
    _tell(as_json, f"Apache Kafka {KAFKA_VERSION} runs at {record.bootstrap_servers} (process {record.pid})", record)


def _tell(as_json: bool, text: str, record: BrokerRecord | None, *, ready: bool = True) -> None:
    if not as_json:
        click.echo(text)
        return
    values = {"running": record is not None, "answers": record is not None and ready, "version": KAFKA_VERSION}
    click.echo(orjson.dumps(values | (asdict(record) if record else {})).decode())
