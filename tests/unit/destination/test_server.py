"""The command when it cannot start: words, an exit status, and no password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.settings import Settings
from tests.support.processes import collectors

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = Settings(bootstrap_servers="127.0.0.1:1", topic_prefix="t-", instance="host")


@pytest.mark.parametrize(
    ("options", "exit_status", "said"),
    [
        (["--host", "203.0.113.1"], 1, "cannot listen on 203.0.113.1"),
        (["--port", "0", "--database", "mysql://u:pass-word@h/x"], 2, "only sqlite and postgresql"),
        (["--port", "0", "--database", "postgresql://u:pass-word@127.0.0.1:1/x"], 1, "database postgresql://u:***@127.0.0.1:1/x"),
    ],
)
def test_what_cannot_be_is_said_in_words(tmp_path: Path, options: list[str], exit_status: int, said: str) -> None:
    ended = collectors(NOBODY, "destination", *options, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (exit_status, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "pass-word" not in ended.stderr
