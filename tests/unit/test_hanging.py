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
    return ended(folder, *workers, *LIMITS)


def ended(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of a folder."""
    pytest_here = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "no:cacheprovider"]
    command = [*pytest_here, *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"PYTEST_ADDOPTS": ""})


@pytest.mark.slow
def test_a_test_that_hangs_fails_with_its_stack_and_the_others_go_on(tmp_path: Path) -> None:
    done = told(tmp_path, "in_the_test", "-n", "2", "--dist", "loadfile")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("threading.Event().wait()  # in the test") == 1, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("crashing", [5, 11], ids=["in the middle", "in the last file"])
def test_a_worker_that_crashes_fails_its_test_alone_and_the_run_ends(tmp_path: Path, crashing: int) -> None:
    shutil.copy(REPOSITORY / "tests" / "conftest.py", tmp_path)
    for number in range(12):
        tests = ("before: pass", "crashes: os._exit(7)", "after: pass") if number == crashing else ("before: pass", "after: pass")
        text = "".join(f"\n\ndef test_{name}():\n    {body}\n" for name, body in (test.split(": ") for test in tests))
        (tmp_path / f"test_{number:02}.py").write_text(f"import os\n{text}")
    done = ended(tmp_path, "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
    assert "1 failed, 24 passed" in done.stdout, done.stdout + done.stderr
    assert f"crashed while running 'test_{crashing:02}.py::test_crashes'" in done.stdout


# Without workers, whose standard error is another one's.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["deaf", "in_a_fixture"])
def test_what_no_signal_reaches_ends_its_process_with_the_stacks(tmp_path: Path, name: str) -> None:
    done = told(tmp_path, name)
    assert done.returncode != 0
    assert f'test_{name}.py", line' in done.stderr, done.stdout + done.stderr
    assert "Timeout (0:00:04)!" in done.stderr
