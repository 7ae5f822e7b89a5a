"""Somebody's terminal: what the pages show is typed there as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TYPING_TIMEOUT_S, STOP_TIMEOUT_S = 180, 60


class Shell:
    """A directory, and the project's commands on the path.

    Args:
        folder: a directory is made in it.

    Attributes:
        folder: that directory.
    """

    def __init__(self, folder: Path) -> None:
        commands = folder / "commands"
        commands.mkdir()
        for name, line in (("collectors", f'"{sys.executable}" -m processor'), ("python", f'"{sys.executable}"')):
            (commands / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n', encoding="utf-8")
            (commands / name).chmod(0o755)
        self.folder = folder / "typed"
        self.folder.mkdir()
        path = os.pathsep.join([str(commands), os.environ["PATH"]])
        self._environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}

    def type(self, block: str) -> subprocess.CompletedProcess[str]:
        """Type a block; what came of it."""
        return subprocess.run(
            ["sh", "-e"],
            input=block,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TYPING_TIMEOUT_S,
        )

    def expect(self, block: str) -> str:
        """Type a block that must not fail; all it printed."""
        done = self.type(block)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @contextmanager
    def running(self, block: str) -> Iterator[Path]:
        """Type a block into a terminal of its own, and stop what runs there at the end; where it logs."""
        path = self.folder.parent / f"{block.split()[1]}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(["sh", "-c", f"exec {block}"], cwd=self.folder, env=self._environment, stdout=log, stderr=log)
            try:
                yield path
                assert process.poll() is None, f"the service must not end by itself\n{path.read_text()}"
            finally:
                process.terminate()
                process.wait(STOP_TIMEOUT_S)
