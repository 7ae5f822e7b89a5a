"""Quix Streams, in an environment of its own, since it wants another release of the client; the application is ``quix_app``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.support.environment import become, python_with
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = ("quixstreams==3.28.1", "fastavro==1.13.1", "orjson==3.13.0", "xxhash==4.1.0")


def prepare() -> Path:
    """Install; the Python to run it with."""
    return python_with(Settings(bootstrap_servers=""), REQUIREMENTS)


def main() -> None:
    """Become the application."""
    become(prepare(), "benchmarks.contenders.quix_app", sys.argv[1])


if __name__ == "__main__":
    main()
