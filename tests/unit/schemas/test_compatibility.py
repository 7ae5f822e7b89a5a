"""No schema changes without a new id, and no new version breaks a reader or a writer of an older one."""

from __future__ import annotations

import json
import shutil
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from processor.codec.schema_files import HISTORY, INDEX, NAMES, read_index, seal
from processor.errors import FixUsage
from tests.docs.pages import ROOT
from tests.support.schema_changes import incompatibilities

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = ROOT / "schemas"
INDEX_OF_RELEASES = read_index(FOLDER)
NEXT_ID = max(map(int, json.loads((FOLDER / INDEX).read_text(encoding="utf-8")))) + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the schemas, to be spoilt."""
    return shutil.copytree(FOLDER, tmp_path / "schemas")


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a schema as a developer would."""
    path = folder / f"{name}.avsc"
    schema = json.loads(path.read_text(encoding="utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def add_field(**field: Any) -> Callable[[dict[str, Any]], None]:
    return lambda schema: schema["fields"].append(field)


def drop_field(name: str) -> Callable[[dict[str, Any]], None]:
    def change(schema: dict[str, Any]) -> None:
        schema["fields"] = [field for field in schema["fields"] if field["name"] != name]

    return change


def retype(name: str, type_: Any) -> Callable[[dict[str, Any]], None]:
    return lambda schema: field_of(schema, name).update(type=type_)


def field_of(schema: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [field for field in schema["fields"] if field["name"] == name]
    return found


def of_concept(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """A change of Prediction's Concept."""
    return lambda schema: change(field_of(field_of(schema, "output")["type"]["fields"][0]["type"], "concepts")["type"]["items"])


@pytest.mark.parametrize("name", NAMES)
def test_every_version_reads_every_other(name: str) -> None:
    versions = [file.text for file in INDEX_OF_RELEASES.values() if file.name == name]
    assert versions
    for newer, older in permutations(versions, 2):
        assert incompatibilities(newer, older) == []


INCOMPATIBLE: dict[str, Callable[[dict[str, Any]], None]] = {
    "a new field without default": add_field(name="latency_ms", type="long"),
    "a field without default that is gone": drop_field("id"),
    "another type": retype("caller_user_id", ["null", "long"]),
    "a wider type, which old readers do not take": of_concept(retype("value", "double")),
    "a narrower type": of_concept(retype("value", "int")),
    "a field that may be null now": retype("caller_user_id", ["null", "string"]),
    "another unit": retype("predicted_at", ["null", {"type": "long", "logicalType": "timestamp-millis"}]),
    "no unit": retype("predicted_at", ["null", "long"]),
    "a renamed field": lambda schema: field_of(schema, "model").update(name="model_ref"),
    "a renamed record": lambda schema: schema.update(name="ModelCall"),
}
COMPATIBLE: dict[str, Callable[[dict[str, Any]], None]] = {
    "a new field with a default": add_field(name="latency_ms", type=["null", "long"], default=None),
    "a field with a default that is gone": drop_field("workflow_id"),
    "another order": lambda schema: field_of(schema, "model")["type"]["fields"].reverse(),
}


@pytest.mark.parametrize("change", INCOMPATIBLE.values(), ids=INCOMPATIBLE)
def test_an_incompatible_change_is_refused(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    assert incompatibilities(*changed(folder, change))


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_compatible_change_is_taken(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    assert incompatibilities(*changed(folder, change)) == []


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> tuple[str, str]:
    """The newest version of Prediction, after a change that got its id, and the version before."""
    edit(folder, "prediction", change)
    seal(folder)
    *_, older, newer = [file.text for file in read_index(folder).values() if file.name == "prediction"]
    return newer, older


def test_an_edit_without_a_new_id_is_refused(folder: Path) -> None:
    edit(folder, "prediction", COMPATIBLE["a new field with a default"])
    with pytest.raises(FixUsage, match=r"prediction\.avsc is not what id 1 stands for"):
        read_index(folder)


def test_a_new_id_leaves_the_old_ones_alone(folder: Path) -> None:
    before = read_index(folder)
    edit(folder, "prediction", COMPATIBLE["a new field with a default"])
    assert seal(folder) == [NEXT_ID, NEXT_ID + 1], "a candidate holds a prediction, so it changes too"
    after = read_index(folder)
    assert {key: after[key] for key in before} == before
    assert [after[NEXT_ID].name, after[NEXT_ID + 1].name] == ["prediction", "candidate"]
    assert seal(folder) == []


def test_an_edit_of_the_docs_needs_no_new_id(folder: Path) -> None:
    edit(folder, "prediction", lambda schema: schema.update(doc="Said differently."))
    assert read_index(folder) == INDEX_OF_RELEASES
    assert seal(folder) == []


def test_an_undone_edit_gets_an_id_of_its_own(folder: Path) -> None:
    """Ids are never used again, and the newest is what is written."""
    original = (folder / "app.avsc").read_text(encoding="utf-8")
    edit(folder, "app", COMPATIBLE["a new field with a default"])
    assert seal(folder) == [NEXT_ID]
    (folder / "app.avsc").write_text(original, encoding="utf-8")
    assert seal(folder) == [NEXT_ID + 1]
    assert read_index(folder)[NEXT_ID + 1].text == read_index(folder)[6].text


@pytest.mark.parametrize("spoil", ["edit", "remove"])
def test_a_sealed_schema_that_was_touched_is_refused(folder: Path, spoil: str) -> None:
    sealed = folder / HISTORY / "app.6.avsc"
    sealed.unlink() if spoil == "remove" else sealed.write_text("{}\n", encoding="utf-8")
    with pytest.raises(FixUsage, match="restore it"):
        read_index(folder)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [(INDEX, None, "is missing"), (INDEX, "{", "is not JSON"), ("app.avsc", None, "is missing"), (INDEX, "{}", "another release")],
)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, file: str, text: str | None, said: str) -> None:
    (folder / file).unlink() if text is None else (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(FixUsage, match=said):
        read_index(folder)


@pytest.mark.parametrize("name", NAMES)
def test_every_record_and_every_field_is_documented(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.avsc").read_text(encoding="utf-8"))
    assert [where for where, doc in documented(schema) if not doc.endswith(".")] == []


def documented(schema: Any, path: str = "") -> list[tuple[str, str]]:
    """(path, doc) of every record and every field."""
    if isinstance(schema, list):
        return [found for each in schema for found in documented(each, path)]
    if not isinstance(schema, dict):
        return []
    here = [(f"{path}.{schema['name']}", schema.get("doc", ""))] if "name" in schema else []
    return here + [
        found for key in ("fields", "type", "items") for found in documented(schema.get(key), f"{path}.{schema.get('name', '')}")
    ]
