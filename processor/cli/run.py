"""``collectors run``: the stages of the processor."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from processor.cli.downloads import download_progress
from processor.cli.options import with_settings
from processor.connect.address import require_connect_url
from processor.connect.worker import LocalConnect
from processor.kafka.address import bootstrap_servers
from processor.kafka.jars import KAFKA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

STAGES = ("pre-queue", "post-queue", "sink", "all")


@click.command(name="run")
@click.argument("stages", nargs=-1, required=True, type=click.Choice(STAGES))
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 1000), help="Processes of each stage on this host.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Prometheus metrics; process i answers on this port plus i.")
@click.option("--worker", type=int, hidden=True, help="Be the one process of this index (what the supervisor starts).")
@with_settings
def command(settings: Settings, stages: tuple[str, ...], processes: int, metrics_port: int | None, worker: int | None) -> None:
    """Run stages until SIGTERM: predictions in, inputs out, exactly once.

    `sink` keeps Kafka Connect equal to the catalog and needs one process; `all` has it where COLLECTORS_CONNECT_URL is set.
    """
    from processor import app  # noqa: PLC0415 - the engine is loaded only by those who run it

    if worker is not None:
        app.run_worker(settings, stages[0], worker, metrics_port)
        return
    with local_connect(settings) if "sink" in stages else nullcontext(settings) as connected:
        status = app.supervise(connected, stages, processes, metrics_port)
    sys.exit(status)


@contextmanager
def local_connect(settings: Settings) -> Iterator[Settings]:
    """Settings with a Kafka Connect: a worker of our own beside the local broker, for as long as the block lasts, if there is none.

    Raises:
        FixUsage: none is set, and the brokers are not the local one.
        FixMachine: see :meth:`processor.connect.worker.LocalConnect.start`.
    """
    if settings.connect_url or settings.bootstrap_servers:
        require_connect_url(settings)
        yield settings
        return
    with download_progress(f"Kafka Connect {KAFKA_VERSION}") as progress:
        worker = LocalConnect(settings, bootstrap_servers(settings), progress=progress)
        url = worker.start().url
    try:
        yield settings.model_copy(update={"connect_url": url})
    finally:
        worker.stop()
