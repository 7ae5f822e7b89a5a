"""Collectors by column are what they are one by one, and whatever is not plain is left to be read so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.catalog.bulk import CollectorColumns
from processor.catalog.parse import parse_change
from processor.catalog.records import SCHEMAS, Collector, Kind, ModelVersion, made_of, record_key
from processor.catalog.values import to_value
from processor.codec.bad import BadRecordError
from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.limits.rules import Duplicates, Quota, Sameness

if TYPE_CHECKING:
    from processor.catalog.changes import Change

IN_USE = Schemas.checked_in()
COLUMNS = CollectorColumns(IN_USE)
PLAIN = Collector(
    "acme",
    "quality",
    "rare",
    pre_queue_workflow_id="interesting",
    model_user_id="clarifai",
    model_app_id="main",
    model_id="general",
    post_inputs_key_id="ingest",
    created_at="2026-11-22T00:00:00Z",
)
LIMITED = Duplicates(frozenset({Sameness.CONTENT}), 10, 60)
texts = st.text(st.characters(codec="utf-8"), max_size=4)
workflows = st.sampled_from(["", "interesting", "w-2"])
collectors = st.builds(
    Collector,
    st.sampled_from(["acme", "u2"]),
    st.sampled_from(["quality", "a_2"]),
    st.sampled_from(["rare", "c2"]),
    description=texts,
    pre_queue_workflow_id=workflows,
    pre_queue_random_sample=st.none() | st.sampled_from([0.0, 1e-50, 0.1, 1.0, 1.00000001, 1.5, -0.1]) | st.floats(),
    post_queue_workflow_id=workflows,
    model_user_id=texts,
    model_app_id=texts,
    model_id=texts,
    model_version_id=texts,
    post_inputs_key_id=texts,
    caller_user_id=texts,
    paused=st.booleans(),
    collect_outputs=st.booleans(),
    quota=st.sampled_from([None, None, Quota(total=5), Quota()]),
    duplicates=st.sampled_from([None, None, LIMITED]),
    queue_shards=st.integers(1, 3),
    tags=st.sampled_from([(), (), ("a",), ("a", "a")]),
    dataset_ids=st.sampled_from([(), (), ("d",)]),
    created_at=texts,
)


def value_of(collector: Collector) -> bytes:
    return encode(IN_USE, SCHEMAS[Kind.COLLECTOR], to_value(collector))


def one_by_one(key: bytes, value: bytes | None) -> Change | None:
    """What `parse` makes of it; None where it refuses it."""
    try:
        return parse_change(Kind.COLLECTOR, key, value, "", lambda kind, given: decode(IN_USE, SCHEMAS[kind], given))
    except (BadRecordError, ValueError):
        return None


@given(st.lists(collectors, max_size=5))
def test_whatever_is_read_by_column_is_what_it_is_one_by_one(given_collectors: list[Collector]) -> None:
    keys = [record_key(collector).encode() for collector in given_collectors]
    for collector, found in zip(given_collectors, COLUMNS.read(keys, list(map(value_of, given_collectors))), strict=True):
        change = one_by_one(record_key(collector).encode(), value_of(collector))
        assert found is None or (change is not None and found == (change.key, change.record))


keys_like = st.sampled_from([b"acme/quality/rare", b"acme/quality/rar", b"acme/quality/rare\n", b"", b"\xff", None]) | st.binary(max_size=3)


@given(keys_like, st.sampled_from(["rare", "", "r" * 80, "r" * 81, "-r", "r/r", "r\n", "é", "R_-9"]))
def test_a_key_that_is_not_its_collectors_or_could_be_none_is_left_to_be_read_one_by_one(key: bytes | None, name: str) -> None:
    collector = replace(PLAIN, id=name)
    for given_key in (key, record_key(collector).encode()):
        (found,) = COLUMNS.read([given_key], [value_of(collector)])
        change = one_by_one(given_key, value_of(collector)) if given_key is not None else None
        assert found == (None if change is None else (change.key, change.record))


@pytest.mark.parametrize(
    "collector",
    [
        PLAIN,
        replace(PLAIN, pre_queue_workflow_id="", pre_queue_random_sample=0.25),
        replace(PLAIN, pre_queue_workflow_id="", post_queue_workflow_id="second", collect_outputs=True, queue_shards=3),
        replace(PLAIN, description="é", caller_user_id="bob", model_version_id="v1"),
    ],
)
def test_plain_collectors_are_read_by_column(collector: Collector) -> None:
    assert COLUMNS.read([b"acme/quality/rare"], [value_of(collector)]) == [("acme/quality/rare", collector)]


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\x00\x00\x00\x00\x01rubbish",
        value_of(PLAIN)[:-3],
        *(
            value_of(replace(PLAIN, **change))
            for change in (
                {"paused": True},
                {"quota": Quota(total=5)},
                {"duplicates": LIMITED},
                {"tags": ("a",)},
                {"dataset_ids": ("d",)},
                {"pre_queue_workflow_id": ""},
                {"pre_queue_random_sample": 1.5},
                {"pre_queue_random_sample": float("nan")},
            )
        ),
    ],
)
def test_what_is_not_plain_is_left_to_be_read_one_by_one(value: bytes | None) -> None:
    assert COLUMNS.read([b"acme/quality/rare"], [value]) == [None]


def test_what_is_made_by_column_has_every_field_and_no_other() -> None:
    assert made_of(ModelVersion, 2, {"id": "ab", "output_info": "cd", "description": "ef", "created_at": "gh"}) == [
        ModelVersion("a", "c", "e", "g"),
        ModelVersion("b", "d", "f", "h"),
    ]
    for wrong in ({"id": "ab"}, {"id": "ab", "output_info": "cd", "description": "ef", "created_at": "gh", "more": "ij"}):
        with pytest.raises(TypeError, match="ModelVersion has"):
            made_of(ModelVersion, 2, wrong)
