"""Where the cluster is: the setting, else the broker recorded in the working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.errors import FixUsage
from processor.kafka.broker_record import read_record, running_broker
from processor.settings import WORK_FOLDER

if TYPE_CHECKING:
    from processor.settings import Settings

BROKER_FOLDER = WORK_FOLDER / "kafka"


def bootstrap_servers(settings: Settings) -> str:
    """The address that clients connect to first.

    Raises:
        FixUsage: nothing is set, and no broker of this working directory runs.
    """
    if settings.bootstrap_servers:
        return settings.bootstrap_servers
    running = running_broker(BROKER_FOLDER)
    if running is not None:
        return running.bootstrap_servers
    recorded = read_record(BROKER_FOLDER)
    state = (
        "no cluster is set" if recorded is None else f"the broker recorded in {BROKER_FOLDER} ({recorded.bootstrap_servers}) does not run"
    )
    raise FixUsage(f"{state}: start one here with `collectors kafka up`, or set COLLECTORS_BOOTSTRAP_SERVERS")
