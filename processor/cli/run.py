"""``collectors run``: the stages of the processor."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from processor.cli.options import with_settings

if TYPE_CHECKING:
    from processor.settings import Settings

STAGES = ("pre-queue", "all")


@click.command(name="run")
@click.argument("stages", nargs=-1, required=True, type=click.Choice(STAGES))
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 1000), help="Processes of each stage on this host.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Prometheus metrics; process i answers on this port plus i.")
@click.option("--worker", type=int, hidden=True, help="Be the one process of this index (what the supervisor starts).")
@with_settings
def command(settings: Settings, stages: tuple[str, ...], processes: int, metrics_port: int | None, worker: int | None) -> None:
    """Run stages until SIGTERM: predictions in, inputs out, exactly once."""
    from processor import app  # noqa: PLC0415 - the engine is loaded only by those who run it

    if worker is None:
        sys.exit(app.supervise(settings, stages, processes, metrics_port))
    app.run_pre_queue(settings, worker, metrics_port)
