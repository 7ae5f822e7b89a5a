"""Logs of a service, and quiet commands."""

from __future__ import annotations

import pytest

from processor.cli.main import default_log_level, log_level
from processor.errors import FixUsage


def test_only_services_tell_what_they_do() -> None:
    assert default_log_level(["run", "pre-queue"]) == "INFO"
    assert default_log_level(["destination", "--port", "0"]) == "INFO"
    assert default_log_level(["status", "run"]) == "WARNING"
    assert default_log_level([]) == "WARNING"


def test_a_level_that_is_wanted_wins_whatever_its_case_and_an_unknown_one_is_told() -> None:
    assert log_level("debug", ["status"]) == "DEBUG"
    assert log_level("", ["status"]) == "WARNING"
    with pytest.raises(FixUsage, match=r"COLLECTORS_LOG_LEVEL=loud: one of .*DEBUG"):
        log_level("loud", ["status"])
