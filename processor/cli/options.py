"""Options that every command takes."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processor.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.settings import Settings


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Add ``--config FILE`` and hand the command its Settings as the first argument."""

    @click.option(
        "--config", type=click.Path(path_type=Path), default=None, help="Settings file (YAML); COLLECTORS_* variables win over it."
    )
    @wraps(function)
    def command(*args: Any, config: Path | None, **kwargs: Any) -> None:
        function(load_settings(config), *args, **kwargs)

    return command


def with_api(function: Callable[..., None]) -> Callable[..., None]:
    """Add ``--api URL``, which wins over the settings' own; goes below `with_settings`."""

    @click.option(
        "--api", metavar="URL", default="", help="Go through the REST API at this address; COLLECTORS_API_URL says it for every call."
    )
    @wraps(function)
    def command(settings: Settings, *args: Any, api: str, **kwargs: Any) -> None:
        function(settings.model_copy(update={"api_url": api}) if api else settings, *args, **kwargs)

    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
