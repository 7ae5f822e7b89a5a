"""docs/operators.md tells what the engine does: its documents are right, its drawing of samples is the engine's."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import xxhash

from processor.catalog.graph import NODES_MAX
from processor.catalog.limits import BRANCHING_SAMPLERS_MAX, BRANCHING_STEPS_MAX
from processor.documents import read_documents
from processor.operators import OPERATORS
from processor.operators.metadata_query import matches_all
from processor.operators.random_sample import RandomSample, draws
from tests.docs.pages import Block, blocks, read, rows

PAGE = "docs/operators.md"
EXAMPLES = [block for block in blocks("yaml") if block.page.name == "operators.md"]
IDS = [f"p-{number}" for number in range(2000)]


@pytest.fixture
def published() -> dict[str, Any]:
    """What the Python of the page defines."""
    (block,) = [block for block in blocks("python") if block.page.name == "operators.md"]
    names: dict[str, Any] = {}
    exec(block.text, names)  # noqa: S102 - the page is ours
    return names


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_can_be_applied(block: Block) -> None:
    found = read_documents([(PAGE, block.text.encode())])
    assert found.located
    assert not found.problems


def test_every_operator_has_an_example() -> None:
    shown = {name for block in EXAMPLES for name in re.findall(r"model_type_id: (\S+)", block.text)}
    assert shown == set(OPERATORS)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9999])
def test_a_sample_is_drawn_as_published(published: dict[str, Any], fraction: float) -> None:
    key, group = published["key"], published["group"]
    arc = RandomSample(fraction, key, group).arc()
    assert arc is not None
    hashes = np.array([xxhash.xxh3_64_intdigest(id_.encode()) for id_ in IDS], np.uint64)
    assert arc.holds(draws(hashes, group)).tolist() == [published["keeps"](id_, key, group, fraction) for id_ in IDS]


def test_the_worked_example_is_worked_right(published: dict[str, Any]) -> None:
    key, group = published["key"], published["group"]
    assert f"`{published['hash_of'](key):#x}`, so the group is {group}" in read(PAGE)
    assert f"`{int(float(np.float32(0.1)) * 2**64):#x}`" in read(PAGE)
    examples = [re.findall(r"[^|` ]+", row) for row in rows(PAGE) if row.startswith("| `p-")]
    assert len(examples) > 2
    for prediction_id, drawn, kept in examples:
        assert drawn == f"{published['drawn'](prediction_id, key, group):#x}"
        assert kept == ("yes" if published["keeps"](prediction_id, key, group, 0.1) else "no")


def test_the_metadata_example_matches_as_it_says() -> None:
    (query,) = [
        located.document.output_info["params"]["metadata"]
        for block in EXAMPLES
        for located in read_documents([(PAGE, block.text.encode())]).located
        if getattr(located.document, "model_type_id", "") == "metadata-filter"
    ]
    test = matches_all("", query, lambda path, message: pytest.fail(f"{path}: {message}"))
    camera = {"exposure_ms": 14, "flash": False, "model": "C1"}
    assert test({"site": "oslo", "camera": camera})
    assert not test({"site": "oslo", "camera": {**camera, "flash": 0}})


def test_the_limits_of_a_workflow_are_the_ones_in_force() -> None:
    for words in (f"at most {NODES_MAX} nodes", f"at most {BRANCHING_SAMPLERS_MAX} samplers", f"at most {BRANCHING_STEPS_MAX:,} steps"):
        assert words in " ".join(read(PAGE).split()).replace("At most", "at most")
