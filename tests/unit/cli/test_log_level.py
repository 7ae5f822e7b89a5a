"""Logs of a service, and quiet commands."""

from __future__ import annotations

from processor.cli.main import default_log_level


def test_only_the_service_tells_what_it_does() -> None:
    assert default_log_level(["run", "pre-queue"]) == "INFO"
    assert default_log_level(["status", "run"]) == "WARNING"
    assert default_log_level([]) == "WARNING"
