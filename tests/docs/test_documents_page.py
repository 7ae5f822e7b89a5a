"""docs/documents.md names every field a document may have, and every limit."""

from __future__ import annotations

import re

import pytest

from processor.catalog.graph import NODES_MAX
from processor.catalog.limits import BRANCHING_SAMPLERS_MAX, BRANCHING_STEPS_MAX
from processor.catalog.plan import Result
from processor.catalog.rules import RELATIONS_MAX
from processor.catalog.write import VALUE_BYTES_MAX
from processor.documents import DOCUMENTS_MAX, FILE_BYTES_MAX
from processor.operators.concept_graph import PAIRS_MAX, REACH_MAX
from processor.operators.random_sample import GROUPS
from processor.resources import DOCUMENTS, ID_LENGTH_MAX, PARTS
from processor.yaml_streams import DEPTH_MAX, VALUES_MAX
from tests.docs.pages import read

TEXT = read("docs/documents.md")
CODE = " ".join(re.findall(r"`([^`]+)`", TEXT))


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_kind_has_a_row_and_every_field_is_named(kind: str) -> None:
    assert f"\n| {kind} |" in TEXT
    assert [name for name in DOCUMENTS[kind].model_fields if not re.search(rf"\b{name}\b", CODE)] == []


def test_every_field_of_every_part_is_named() -> None:
    names = {name for part in PARTS for name in part.model_fields} - {"code", "details"}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", CODE)] == []


@pytest.mark.parametrize("result", Result)
def test_every_result_is_named(result: str) -> None:
    assert f"`{result}`" in TEXT


@pytest.mark.parametrize(
    "words",
    [
        f"up to {ID_LENGTH_MAX} characters",
        f"{FILE_BYTES_MAX // 1024 // 1024} MiB a stream",
        f"{DOCUMENTS_MAX:,} documents a call",
        f"{VALUES_MAX:,} values",
        f"{DEPTH_MAX} levels",
        f"{VALUE_BYTES_MAX:,} bytes",
        f"{RELATIONS_MAX:,} relations",
        f"leads to at most {REACH_MAX:,} others",
        f"all together to at most {PAIRS_MAX:,}",
        f"more than {NODES_MAX}",
        f"at most {GROUPS} samplers",
        f"where it branches [at most {BRANCHING_SAMPLERS_MAX}, and at most {BRANCHING_STEPS_MAX:,} steps]",
    ],
)
def test_every_limit_is_the_one_in_force(words: str) -> None:
    assert words in " ".join(TEXT.split())
