"""The documentation as data: pages, code blocks, tables, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.strip().splitlines()[0] if self.text.strip() else 'empty block'}"


def pages() -> list[Path]:
    """Every page for people."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def read(page: Path | str) -> str:
    """A page's text; a string is relative to the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def everything() -> str:
    """All pages in one text."""
    return "\n".join(read(page) for page in pages())


def blocks(*languages: str) -> list[Block]:
    """All fenced blocks in these languages."""
    return [Block(page, kind, text) for page in pages() for kind, text in _BLOCK.findall(read(page)) if kind in languages]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", read(page))


def links(page: Path) -> list[str]:
    """Targets of a page's links."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(prose(page))}


def rows(page: Path | str) -> list[str]:
    """The rows of a page's tables, heads and rules left out."""
    lines = read(page).splitlines()
    head = {number for number, line in enumerate(lines) if _is_rule(line)}
    return [line for number, line in enumerate(lines) if line.startswith("|") and not {number, number + 1} & head]


def _is_rule(line: str) -> bool:
    return line.startswith("|") and not line.strip("|-: ")
