"""Links lead somewhere, code blocks are code, and the pages say nothing of one machine."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from processor.topics.spec import parse_spec
from tests.docs.pages import ROOT, Block, anchors, blocks, links, pages, read

if TYPE_CHECKING:
    from pathlib import Path


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_within_the_repository_lead_to_a_page_and_a_heading(page: Path) -> None:
    for target in links(page):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path) if path else page
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(there), f"{there.name} has no heading for #{anchor}"


@pytest.mark.parametrize("block", blocks("python", "py"), ids=str)
def test_python_parses(block: Block) -> None:
    assert ast.parse(block.text).body


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_parses(block: Block) -> None:
    assert list(YAML(typ="safe", pure=True).load_all(block.text))


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if block.page.name == "topics.md"], ids=str)
def test_the_topics_files_of_the_topics_page_have_no_problems(block: Block) -> None:
    text = block.text if "topics:" in block.text else f"topics: {{}}\n{block.text}"
    assert parse_spec(text)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_page_has_one_title_and_names_no_machine(page: Path) -> None:
    text = read(page)
    assert text.startswith("# ")
    assert not [word for word in ("/home/", "/work/", "/root/") if word in text]


def test_every_page_under_docs_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
        todo += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert set(pages()) <= reached
