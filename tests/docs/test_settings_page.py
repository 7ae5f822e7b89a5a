"""docs/settings.md is a table a setting a row, with the default and the words of the code; its examples load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from processor.settings import Settings, load_settings
from tests.docs.pages import Block, blocks, rows

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic.fields import FieldInfo

PAGE = "docs/settings.md"


def row(name: str, field: FieldInfo) -> str:
    """One setting as the page shows it."""
    default = "the host's name" if field.default_factory else shown(field.default)
    return f"| `{name}` | {default} | {field.description} |"


def shown(default: object) -> str:
    """A default for people."""
    if isinstance(default, tuple):
        return ", ".join(f"`{value}`" for value in default)
    return f"`{default}`" if default not in ("", None, {}) else ""


def test_the_table_has_every_setting_with_its_default_and_meaning_and_nothing_else() -> None:
    wanted = {row(name, field) for name, field in Settings.model_fields.items()}
    found = {line for line in rows(PAGE) if line.startswith("| `")}
    assert wanted == found, "\n".join(["missing:", *sorted(wanted - found), "no longer so:", *sorted(found - wanted)])


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if block.page.name == "settings.md"], ids=str)
def test_the_settings_file_of_the_page_loads(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(block.text, encoding="utf-8")
    assert load_settings(file).bootstrap_servers


def test_the_way_the_page_sets_client_properties_by_environment_works(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = [
        line
        for block in blocks("sh")
        if block.page.name == "settings.md"
        for line in block.text.splitlines()
        if line.startswith("export COLLECTORS_KAFKA=")
    ]
    monkeypatch.setenv("COLLECTORS_KAFKA", line.removeprefix("export COLLECTORS_KAFKA=").strip("'"))
    assert load_settings().kafka["security.protocol"] == SecretStr("SASL_SSL")
