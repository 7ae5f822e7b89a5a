"""Whatever the code has a closed set of, the pages name, each member in backticks."""

from __future__ import annotations

import re

import pytest

from tests.docs.closed_sets import CLOSED_SETS
from tests.docs.pages import everything, read


def names_in(text: str) -> set[str]:
    """What stands in backticks, whole, and the commands in code blocks and backticks without their arguments."""
    quoted = set(re.findall(r"`([^`\n]+)`", text))
    return quoted | {" ".join(found.split()[:length]) for found in re.findall(r"collectors (?:[a-z-]+ ?){1,2}", text) for length in (2, 3)}


@pytest.mark.parametrize("what", CLOSED_SETS)
def test_every_member_is_documented(what: str) -> None:
    members, page = CLOSED_SETS[what]
    missing = set(members()) - names_in(read(page) if page else everything())
    assert not missing, f"not in backticks on {page or 'any page'}: {sorted(missing)}"


@pytest.mark.parametrize("what", CLOSED_SETS)
def test_every_set_has_members(what: str) -> None:
    """Otherwise the test above would pass on nothing."""
    members, _ = CLOSED_SETS[what]
    assert len(set(members())) > 2
