"""Quotas of shards add up to the collector's own, and never exceed it; windows are as long as ops allow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processor.limits.rules import Duplicates, Quota, Sameness


@given(limit=st.integers(1, 10**9), shards=st.integers(1, 64))
def test_the_shares_of_all_shards_are_the_whole_quota(limit: int, shards: int) -> None:
    shares = [Quota(per_minute=limit).share(shard, shards) for shard in range(shards)]
    found = [share.per_minute for share in shares if share.per_minute is not None]
    assert sum(found) == limit
    assert max(found) - min(found) <= 1
    assert all(share.total is None for share in shares)


def test_a_window_that_is_too_long_is_cut() -> None:
    rule = Duplicates(frozenset({Sameness.TEXT}), 500, 60, text_similarity=0.5)
    assert rule.cut(500) is rule
    assert rule.cut(499) == Duplicates(frozenset({Sameness.TEXT}), 499, 60, text_similarity=0.5)
