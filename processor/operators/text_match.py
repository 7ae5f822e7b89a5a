"""Texts against RE2 expressions, by the column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable

PATTERN_LENGTH_MAX = 10_000


def matching(texts: pa.Array, asked: np.ndarray, patterns: Iterable[str]) -> np.ndarray:
    """Bool [rows]: in which of the rows asked for there is a text in which all patterns are found.

    Args:
        texts: Arrow strings without nulls, empty where there is none.
        asked: bool [rows].
        patterns: RE2 expressions without a :func:`pattern_problem`, unanchored.
    """
    rows = np.flatnonzero(asked & pc.not_equal(texts, "").to_numpy(zero_copy_only=False))
    for pattern in patterns:
        found = pc.match_substring_regex(texts.take(pa.array(rows)), pattern)
        rows = rows[found.to_numpy(zero_copy_only=False)]
    matched = np.zeros(len(texts), bool)
    matched[rows] = True
    return matched


def pattern_problem(pattern: str) -> str:
    """Why this is no expression; empty: it is one."""
    if len(pattern) > PATTERN_LENGTH_MAX:
        return f"an expression has at most {PATTERN_LENGTH_MAX:,} characters, this one {len(pattern):,}"
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        return f"no RE2 expression: {error}"
    return ""
