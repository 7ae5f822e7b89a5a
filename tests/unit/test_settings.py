"""Settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.errors import FixUsage
from processor.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("batch_records: 5\ncommit_interval_ms: 7\n")
    monkeypatch.setenv("COLLECTORS_BATCH_RECORDS", "6")
    settings = load_settings(file)
    assert (settings.batch_records, settings.commit_interval_ms, settings.config_folder) == (6, 7, tmp_path)


def test_every_wrong_value_of_a_file_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("batch_records: none\n1: 2\nkafka: {sasl.password: 12345}\n")
    with pytest.raises(FixUsage) as told:
        load_settings(file)
    lines = str(told.value).splitlines()
    assert lines[0] == f"settings in {file} are wrong:"
    assert {line.partition(": ")[0] for line in lines[1:]} == {"batch_records", "1", "kafka.sasl.password"}
    assert "12345" not in str(told.value)


@pytest.mark.parametrize("name", ["kafka", "plans_with_collectors"])
def test_a_variable_that_should_be_json_and_is_not_is_told_without_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"COLLECTORS_{name.upper()}", "sesame")
    with pytest.raises(FixUsage, match=f'"{name}".*written as JSON') as told:
        load_settings()
    assert "sesame" not in str(told.value)


def test_no_password_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTORS_KAFKA", '{"sasl.password": "sesame"}')
    monkeypatch.setenv("COLLECTORS_SCHEMA_REGISTRY_URL", "https://user:sesame@registry.example")
    monkeypatch.setenv("COLLECTORS_MAVEN_URL", "https://user:sesame@mirror.example")
    assert "sesame" not in repr(load_settings())
