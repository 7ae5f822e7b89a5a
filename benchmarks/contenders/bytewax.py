"""Bytewax, in an environment of its own; the application is ``bytewax_app``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.support.environment import LOOP, become, python_with
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = ("bytewax==0.21.1", *LOOP)


def prepare() -> Path:
    """Install; the Python to run it with."""
    return python_with(Settings(bootstrap_servers=""), REQUIREMENTS)


def main() -> None:
    """Become the application."""
    become(prepare(), "benchmarks.contenders.bytewax_app", sys.argv[1])


if __name__ == "__main__":
    main()
