"""Where Kafka Connect is: the settings say so, else the worker that runs in the working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.connect.worker import running_worker
from processor.errors import FixUsage

if TYPE_CHECKING:
    from processor.settings import Settings


def connect_url(settings: Settings) -> str:
    """The REST address of a worker; empty: there is none, and inputs stay in their topics for whoever reads them."""
    if settings.connect_url:
        return settings.connect_url
    record = running_worker()
    return record.url if record else ""


def require_connect_url(settings: Settings) -> str:
    """The same.

    Raises:
        FixUsage: there is none.
    """
    if url := connect_url(settings):
        return url
    raise FixUsage(
        "no Kafka Connect is set: COLLECTORS_CONNECT_URL names a worker of yours; beside the broker of `collectors kafka up`, "
        "`collectors run sink` brings one along for as long as it runs"
    )
