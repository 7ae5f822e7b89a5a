"""A test that hangs costs itself, and neither the run nor the tests after it.

``timeout`` in ``pyproject.toml`` fails a test that takes too long, by a signal. This has what is left: a test that no signal reaches, and
fixtures that hang after a test has failed. Both end their process, with the stacks of all its threads, and xdist starts another one.
"""

from __future__ import annotations

import faulthandler
import os
import tempfile
from pathlib import Path

import pytest


class Hanging:
    """The plugin.

    Args:
        config: of the session, while its standard error is still the terminal's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._limit_s = float(config.getini("faulthandler_timeout") or 0)
        self._stderr = os.dup(2)
        run = getattr(config, "workerinput", {}).get("testrunuid")
        self._diary = Path(tempfile.gettempdir()) / f"tests-begun-{run}" if run else None
        # Of workers before this one: what they finished is never handed to it.
        self._hung = set(self._diary.read_text().splitlines()) if self._diary and self._diary.exists() else set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin a test but for the one that ended another worker: xdist has called that a failure, and hands it out again all the same."""
        if item.nodeid in self._hung:
            pytest.skip("the process that ran it had to be ended: that is a failure of its own")
        if self._diary:
            with self._diary.open("a") as diary:
                diary.write(f"{item.nodeid}\n")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Watch the clock again: pytest stops doing so when a test fails, and the fixtures' turn would have no limit."""
        if self._limit_s:
            faulthandler.dump_traceback_later(self._limit_s, exit=True, file=self._stderr)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        os.close(self._stderr)
        if self._diary:
            self._diary.unlink(missing_ok=True)
