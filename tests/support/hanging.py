"""A test that hangs costs itself, and neither the run nor the tests after it.

``timeout`` in ``pyproject.toml`` fails a test that takes too long, by a signal. This has what is left: a test that no signal reaches, and
fixtures that hang after a test has failed. Both end their process, with the stacks of all its threads, and xdist starts another one.
"""

from __future__ import annotations

import faulthandler
import os

import pytest


class Hanging:
    """The plugin.

    Args:
        config: of the session, while its standard error is still the terminal's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._limit_s = float(config.getini("faulthandler_timeout") or 0)
        self._stderr = os.dup(2)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Watch the clock again: pytest stops doing so when a test fails, and the fixtures' turn would have no limit."""
        if self._limit_s:
            faulthandler.dump_traceback_later(self._limit_s, exit=True, file=self._stderr)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        os.close(self._stderr)
