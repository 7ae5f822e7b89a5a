"""The import contracts of pyproject.toml hold what their names promise: each is broken on purpose, in a copy, and must say so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

from tests.docs.pages import ROOT, read

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "processor"

# The beginning of a contract's name -> a module, and what it must not import.
PLANTED = {
    "Layers": ("errors.py", "import processor.settings"),
    "The engine and its operators are pure": ("engine/reasons.py", "import logging"),
    "One folder imports the Kafka client": ("cli/options.py", "import confluent_kafka"),
    "One folder knows Avro": ("topics/names.py", "import fastavro"),
    "One folder talks to a terminal": ("settings.py", "import click"),
    "One folder knows a database": ("settings.py", "import sqlalchemy"),
    "Served models reach the outside": ("models/served.py", "import httpx"),
    "The codec makes batches": ("codec/framing.py", "import processor.engine.decide"),
    "Planning topics and connectors": ("topics/plan.py", "import processor.kafka.admin"),
    "What the demo is checked against": ("demo/evaluation.py", "from processor import errors"),
}


def contracts() -> list[dict[str, Any]]:
    """As pyproject.toml has them."""
    found: list[dict[str, Any]] = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    return found


def broken_in(folder: Path) -> str:
    """What the linter says of the contracts it found broken, on one line."""
    start = "import sys; from importlinter.cli import lint_imports_command; sys.argv[1:] = ['--no-cache']; lint_imports_command()"
    ran = subprocess.run([sys.executable, "-c", start], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    summary, _, _ = ran.stdout.partition("Broken contracts")
    names = re.split(r" (?:KEPT|BROKEN)(?: \(\d+ ignored imports\))?", " ".join(summary.split()))
    verdicts = re.findall(r" (KEPT|BROKEN)", " ".join(summary.split()))
    return "\n".join(name for name, verdict in zip(names, verdicts, strict=False) if verdict == "BROKEN")


def test_every_contract_notices_an_import_that_breaks_it(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "processor")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, planted in PLANTED.values():
        file = tmp_path / "processor" / module
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{planted}\n", encoding="utf-8")
    broken = broken_in(tmp_path)
    assert not [name for name in PLANTED if name not in broken], broken


def test_every_contract_is_tried() -> None:
    assert len(contracts()) == len(PLANTED)
    assert all(any(each["name"].startswith(name) for each in contracts()) for name in PLANTED)
