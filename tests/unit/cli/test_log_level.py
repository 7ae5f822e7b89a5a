"""Logs of a service, and quiet commands."""

from __future__ import annotations

from processor.cli.main import default_log_level


def test_only_services_tell_what_they_do() -> None:
    assert default_log_level(["run", "pre-queue"]) == "INFO"
    assert default_log_level(["destination", "--port", "0"]) == "INFO"
    assert default_log_level(["status", "run"]) == "WARNING"
    assert default_log_level([]) == "WARNING"
