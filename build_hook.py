"""Compiles what of the codec is written in C when the package is built, for the machine it is built on.

The compiler comes from the package index, like everything else that builds this package: none has to be there. Where it has none, or
does not compile, the package is built without, and reads one record at a time (processor/codec/decoder.py says so when it does).
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("processor/codec/avro_columns.c", "processor/codec/input_bodies.c")
LIBRARY = "processor/codec/compiled.library"
FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-s")


class CompileCodec(BuildHookInterface[Any]):
    """Called by hatchling, for wheels and for editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling calls it so
        """Compile, and let the wheel have what came of it."""
        root = Path(self.root)
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", str(root / LIBRARY), *(str(root / name) for name in SOURCES)]
        with tempfile.TemporaryDirectory() as scratch:  # where the compiler leaves its object files
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode:
            (root / LIBRARY).unlink(missing_ok=True)
            self.app.display_warning(
                f"{', '.join(SOURCES)} were not compiled, so records are read one by one: {done.stderr.strip()[-2_000:]}"
            )
            return
        build_data["artifacts"].append(LIBRARY)
        build_data["pure_python"] = False
        # It knows nothing of Python but two addresses that it is handed: one for every version of it.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
