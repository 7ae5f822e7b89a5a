"""Keys in order, whenever they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from processor.catalog.changes import Change
from processor.catalog.records import Kind
from processor.rest.listing import Listing
from tests.support.documents import collector

if TYPE_CHECKING:
    from collections.abc import Sequence

keys = st.builds("acme/{}/{}".format, st.sampled_from(["quality", "second"]), st.sampled_from("abcdefgh"))


@given(st.lists(st.lists(st.tuples(keys, st.booleans()), max_size=4)))
def test_keys_are_those_that_are_there_in_order_after_every_write(writes: Sequence[Sequence[tuple[str, bool]]]) -> None:
    listing, there = Listing(), set[str]()
    for write in writes:
        listing.take(Change(Kind.COLLECTOR, key, collector() if is_there else None) for key, is_there in write)
        for key, is_there in write:
            (there.add if is_there else there.discard)(key)
        for owner in ("acme/quality", "acme/second"):
            assert list(listing.keys(Kind.COLLECTOR, owner)) == sorted(key for key in there if key.startswith(f"{owner}/"))
        assert list(listing.keys(Kind.MODEL, "acme/quality")) == []
    assert len(listing._keys) == len({key.rpartition("/")[0] for key in there}), "what is empty is forgotten"
    assert listing._sorted.keys() == listing._keys.keys()
