"""Settings from files that the environment names, and that what is in them is told to nobody."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from processor.cli.main import cli
from processor.errors import CollectorsError, FixUsage
from processor.kafka.client import producer
from processor.setting_files import FILE_BYTES_MAX, SUFFIX
from processor.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "open-sesame-0815"  # noqa: S105 - a test's own


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.write_text(f"{SECRET}\n", encoding="utf-8")
    return made


def test_a_setting_is_what_its_file_holds_without_the_line_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTORS_API_KEY_FILE", str(file))
    monkeypatch.setenv("COLLECTORS_DESTINATION_DATABASE_FILE", str(file))
    settings = load_settings()
    assert settings.api_key is not None
    assert settings.destination_database is not None
    assert {settings.api_key.get_secret_value(), settings.destination_database.get_secret_value()} == {SECRET}


def test_one_property_comes_from_a_file_and_the_others_from_elsewhere(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("kafka: {sasl.password: of-the-file, client.rack: here}\n", encoding="utf-8")
    monkeypatch.setenv("COLLECTORS_KAFKA", '{"sasl.username": "me", "sasl.password": "of-the-variable"}')
    monkeypatch.setenv("COLLECTORS_KAFKA__SASL_PASSWORD_FILE", str(file))
    found = {name: value.get_secret_value() for name, value in load_settings(config).kafka.items()}
    assert found == {"sasl.username": "me", "sasl.password": SECRET, "client.rack": "here"}


@pytest.mark.parametrize("password", ["12345", "true", '{"a": 1}', "null", "ä b"])
def test_a_password_is_text_whatever_it_looks_like(password: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(password, encoding="utf-8")
    monkeypatch.setenv("COLLECTORS_KAFKA__SASL_PASSWORD_FILE", str(file))
    assert load_settings().kafka["sasl.password"].get_secret_value() == password


def test_a_whole_mapping_may_stand_in_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f'{{"sasl.password": "{SECRET}"}}', encoding="utf-8")
    monkeypatch.setenv("COLLECTORS_KAFKA_FILE", str(file))
    assert load_settings().kafka["sasl.password"].get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("variable", "content", "told"),
    [
        ("COLLECTORS_API_KEY_FILE", None, "name a file that this user may read"),
        ("COLLECTORS_API_KEY_FILE", b"x" * (FILE_BYTES_MAX + 1), "is it the right file"),
        ("COLLECTORS_API_KEY_FILE", b"\xff" + SECRET.encode(), "not UTF-8"),
        ("COLLECTORS_API_KEYS_FILE", b"", "there is no setting api_keys"),
        ("COLLECTORS_KAFKA_FILE", SECRET.encode(), "written as JSON"),
    ],
)
def test_a_file_that_is_wrong_is_told_without_what_is_in_it(
    variable: str, content: bytes | None, told: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    monkeypatch.setenv(variable, str(file))
    with pytest.raises(FixUsage, match=told) as error:
        load_settings()
    assert SECRET not in str(error.value)


def test_a_value_that_is_given_twice_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTORS_API_KEY_FILE", str(file))
    monkeypatch.setenv("COLLECTORS_API_KEY", "another")
    with pytest.raises(FixUsage, match="COLLECTORS_API_KEY_FILE and COLLECTORS_API_KEY are both set"):
        load_settings()


def test_no_setting_has_a_name_that_means_a_file() -> None:
    assert not [name for name in Settings.model_fields if name.endswith(SUFFIX)]


def test_the_secret_is_in_no_repr_no_help_no_error_and_not_in_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTORS_KAFKA__SASL_PASSWORD_FILE", str(file))
    monkeypatch.setenv("COLLECTORS_KAFKA__SECURITY_PROTOCOL_FILE", str(file))
    monkeypatch.setenv("COLLECTORS_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    settings = load_settings()
    assert settings.kafka["sasl.password"].get_secret_value() == SECRET
    with pytest.raises(CollectorsError) as error:
        producer(settings)  # there is no such protocol, and the client's library quotes what it refuses
    said = [repr(settings), str(settings), settings.model_dump_json(), str(error.value), str(dict(os.environ))]
    said += [CliRunner().invoke(cli, [*words, "--help"]).output for words in ((), ("run",), ("topics", "plan"))]
    assert not [text for text in said if SECRET in text]
