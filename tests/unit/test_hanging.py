"""No test can hold up all others: one that hangs fails with its stacks, wherever it hangs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import signal
import threading

import pytest


"""
ANOTHER = """


def test_another():
    pass
"""
HANGING = {
    "in_the_test": """
def test_hangs():
    threading.Event().wait()  # in the test
""",
    "deaf": """
def test_hangs():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    threading.Event().wait()
""",
    "in_a_fixture": """
@pytest.fixture
def slow():
    yield
    threading.Event().wait()


def test_hangs(slow):
    raise ValueError
""",
}
LIMITS = ("-o", "timeout=2", "-o", "faulthandler_timeout=4")


@pytest.mark.slow
def test_a_test_that_hangs_fails_with_its_stack_and_the_others_go_on(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "tests" / "conftest.py", tmp_path)
    for name, test in HANGING.items():
        (tmp_path / f"test_{name}.py").write_text(HEAD + test + ANOTHER)
    pytest_here = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "no:cacheprovider"]
    command = [*pytest_here, "-n", "2", "--dist", "loadfile", *LIMITS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"PYTEST_ADDOPTS": ""})
    told = done.stdout + done.stderr
    # The failure before the fixture that hangs is one of its own. What ended its process is skipped the next time.
    assert "4 failed, 3 passed, 2 skipped" in done.stdout, told
    assert told.count("threading.Event().wait()  # in the test") == 1, told
    assert all(f'test_{name}.py", line' in done.stderr for name in ("deaf", "in_a_fixture")), told
