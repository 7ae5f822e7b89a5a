"""The schemas checked in: one readable file a name, and one sealed file an id.

``schemas/<name>.avsc`` is what people read and edit. ``schemas/history/<name>.<id>.avsc`` is the same in canonical form (references
filled in, no docs, keys sorted), written once and never changed; ``schemas/ids.json`` lists every id that was ever used with the
SHA-256 of its file. An edit of ``<name>.avsc`` that changes more than docs needs a new id::

    python -m processor.codec.schema_files schemas
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor.errors import FixUsage

INDEX = "ids.json"
HISTORY = "history"
NAMES = (
    "prediction",
    "candidate",
    "collector",
    "workflow",
    "model",
    "app",
    "key",
    "knowledge_graph",
    "counters",
    "queue_state",
    "spent_quota",
)


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One id: the name it belongs to, and its schema in canonical form."""

    id: int
    name: str
    text: str


def read_index(folder: Path) -> dict[int, SchemaFile]:
    """Every schema that ever had an id, in the order of their ids.

    Raises:
        FixUsage: the folder is not whole: a file is missing or changed, or a schema was edited and has no id yet.
    """
    index = {int(key): _sealed(folder, int(key), entry) for key, entry in _read_json(folder / INDEX).items()}
    for name in NAMES:
        if canonical(folder, name) != newest(index, name).text:
            raise FixUsage(
                f"{folder / name}.avsc is not what id {newest(index, name).id} stands for, and an id never changes: "
                f"give the edited schema an id with `python -m processor.codec.schema_files {folder}`, or undo the edit"
            )
    return index


def newest(index: dict[int, SchemaFile], name: str) -> SchemaFile:
    """What records of this name are written with.

    Raises:
        FixUsage: the index does not know the name.
    """
    versions = [file for file in index.values() if file.name == name]
    if not versions:
        raise FixUsage(f"{INDEX} has no id for the schema {name}: the schemas folder belongs to another release of this package")
    return max(versions, key=lambda file: file.id)


def seal(folder: Path) -> list[int]:
    """Give every schema that was added or edited the next id; returns the new ids."""
    path = folder / INDEX
    entries: dict[str, dict[str, str]] = _read_json(path) if path.exists() else {}
    sealed = {entry["name"]: entry["sha256"] for entry in entries.values()}  # the newest id of a name stands last
    added = []
    for name in NAMES:
        text = canonical(folder, name)
        if sealed.get(name) != _sha256(text):
            added.append(len(entries) + 1)
            entries[str(added[-1])] = {"name": name, "sha256": _sha256(text)}
            _sealed_path(folder, added[-1], name).write_text(text, encoding="utf-8")
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    return added


def canonical(folder: Path, name: str) -> str:
    """A schema as one line of JSON: references filled in, docs left out, keys sorted. Two texts are equal when they mean the same."""
    return json.dumps(_plain(folder, _read_json(folder / f"{name}.avsc")), sort_keys=True, separators=(",", ":")) + "\n"


def _plain(folder: Path, schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain(folder, value) for key, value in schema.items() if key != "doc"}
    if isinstance(schema, list):
        return [_plain(folder, value) for value in schema]
    if schema == "collectors.Prediction":
        return _plain(folder, _read_json(folder / "prediction.avsc"))
    return schema


def _sealed(folder: Path, schema_id: int, entry: dict[str, str]) -> SchemaFile:
    path = _sealed_path(folder, schema_id, entry["name"])
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if _sha256(text) != entry["sha256"]:
        raise FixUsage(f"{path} is missing or was changed; records with schema id {schema_id} need it as it was: restore it")
    return SchemaFile(schema_id, entry["name"], text)


def _sealed_path(folder: Path, schema_id: int, name: str) -> Path:
    return folder / HISTORY / f"{name}.{schema_id}.avsc"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FixUsage(f"{path} is missing: restore the schemas folder or reinstall the package") from None
    except ValueError as error:
        raise FixUsage(f"{path} is not JSON: {error}") from None


if __name__ == "__main__":
    seal(Path(sys.argv[1]))
