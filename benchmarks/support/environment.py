"""Contenders whose requirements are not ours: each has a virtual environment of its own, made once and kept in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from processor.errors import FixMachine
from processor.kafka.jar_cache import jar_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.settings import Settings

ROOT = Path(__file__).parents[2]
INSTALL_TIMEOUT_S = 900
# What a plain loop needs: the same releases in every environment.
LOOP = ("confluent-kafka==2.16.1", "fastavro==1.13.1", "orjson==3.13.0", "xxhash==4.1.0")


def python_with(settings: Settings, requirements: Sequence[str]) -> Path:
    """The Python of an environment that has the requirements.

    Args:
        settings: where downloads are kept.
        requirements: pinned, as pip reads them.

    Raises:
        FixMachine: they cannot be installed here: no network, or no release for this Python.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = xxhash.xxh3_64_hexdigest(" ".join((version, *requirements)).encode())
    folder = jar_folder(settings).parent / "benchmarks" / f"python-{version}-{digest}"
    if not (folder / "installed").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run("-m", "venv", "--clear", str(folder), python=sys.executable)
        _run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements, python=str(folder / "bin/python"))
        (folder / "installed").touch()
    return folder / "bin/python"


def become(python: Path, module: str, *arguments: str) -> None:
    """Replace this process by a module of this repository that runs in another environment."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    os.chdir(tempfile.mkdtemp(prefix="state-", dir=Path(arguments[0]).parent))  # some keep state in the folder they run in
    os.execve(python, [str(python), "-m", module, *arguments], inherited | {"PYTHONPATH": str(ROOT)})  # noqa: S606 - our own command


def _run(*arguments: str, python: str) -> None:
    try:
        subprocess.run([python, *arguments], check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise FixMachine(f"cannot be installed here: {said[-1] if said else type(error).__name__}") from None
