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


def told(folder: Path, name: str, *workers: str) -> subprocess.CompletedProcess[str]:
    """What a run of one file says."""
    shutil.copy(REPOSITORY / "tests" / "conftest.py", folder)
    (folder / f"test_{name}.py").write_text(HEAD + HANGING[name] + ANOTHER)
    pytest_here = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "no:cacheprovider"]
    command = [*pytest_here, *workers, *LIMITS, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"PYTEST_ADDOPTS": ""})


@pytest.mark.slow
def test_a_test_that_hangs_fails_with_its_stack_and_the_others_go_on(tmp_path: Path) -> None:
    done = told(tmp_path, "in_the_test", "-n", "2", "--dist", "loadfile")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("threading.Event().wait()  # in the test") == 1, done.stdout + done.stderr


# In a process of its own, without workers: where two of them end at once, or the last one does, xdist stumbles.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["deaf", "in_a_fixture"])
def test_what_no_signal_reaches_ends_its_process_with_the_stacks(tmp_path: Path, name: str) -> None:
    done = told(tmp_path, name)
    assert done.returncode != 0
    assert f'test_{name}.py", line' in done.stderr, done.stdout + done.stderr
    assert "Timeout (0:00:04)!" in done.stderr
