"""``keyword-filter``: predictions by words of their text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import re2

from processor.operators.base import PassThrough
from processor.operators.content import Output
from processor.operators.text_match import matching, pattern_problem

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Rows
    from processor.operators.output_info import OutputInfo

KEYWORDS_MAX = 100


class Match(StrEnum):
    """How many of the keywords must be there."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True)
class KeywordFilter(PassThrough):
    """Keeps the whole output when its text has the keywords, as whole words: no letter, mark, digit or underscore beside them.

    Attributes:
        keywords: sorted.
        match: whether one of them is enough.
        case_sensitive: capitals count; otherwise letters are alike that Unicode's simple case folding makes alike.
    """

    model_type_id: ClassVar[str] = "keyword-filter"
    doc: ClassVar[str] = "Keeps the whole output when its text has any (or all) of the keywords, as whole words, in capitals or not."
    takes: ClassVar[frozenset[str]] = frozenset({"text"})
    params: ClassVar[frozenset[str]] = frozenset({"keywords", "match", "case_sensitive"})

    keywords: tuple[str, ...]
    match: Match = Match.ANY
    case_sensitive: bool = False

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read the params."""
        keywords = info.texts("keywords", KEYWORDS_MAX, required=True)
        found = cls(tuple(sorted(keywords)), info.choice("match", Match, Match.ANY), info.flag("case_sensitive", default=False))
        for problem in filter(None, map(pattern_problem, found.letters)):
            info.problem("params.keywords", problem)
        return found

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """RE2 expressions that are found wherever the keywords are, as words or not: most texts need no closer look."""
        flags = "" if self.case_sensitive else "(?i)"
        return tuple(flags + "|".join(map(re2.escape, words)) for words in self._together())

    @cached_property
    def words(self) -> tuple[re.Pattern[str], ...]:
        """Expressions that must all be found. Not RE2's: its classes of letters take milliseconds to compile, and Arrow compiles anew."""
        inside, flags = rf"[\w{_marks()}]", 0 if self.case_sensitive else re.IGNORECASE
        return tuple(re.compile(f"(?<!{inside})(?:{'|'.join(map(re.escape, words))})(?!{inside})", flags) for words in self._together())

    def apply(self, rows: Rows, given: Output) -> Output:  # noqa: ARG002 - the operators' common signature
        """The input, where its text has the keywords."""
        texts = given.content.texts
        kept = matching(texts, given.present, self.letters)
        for row in np.flatnonzero(kept).tolist():
            text = texts[row].as_py()
            kept[row] = all(word.search(text) for word in self.words)
        return Output(kept, given.content)

    def _together(self) -> list[tuple[str, ...]]:
        """Keywords of which one is enough, for each of the expressions."""
        return [(keyword,) for keyword in self.keywords] if self.match is Match.ALL else [self.keywords]


@cache
def _marks() -> str:
    """Unicode's marks as the inside of a character class, for accents and vowel signs belong to a word."""
    planes = (*range(0x20000), *range(0xE0100, 0xE01F0))
    return "".join(chr(code) for code in planes if unicodedata.category(chr(code)).startswith("M"))
