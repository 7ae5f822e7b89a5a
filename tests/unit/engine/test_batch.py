"""A batch as columns: nulls, slices and odd strings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from processor.engine.batch import PredictionBatch, coded
from processor.operators.probability import Extreme
from tests.support.building import SCHEMA, batch, prediction, region


def keys(found: PredictionBatch, extreme: Extreme) -> np.ndarray:
    return found.content.keys(extreme, found.vocabulary)


def test_nulls_count_as_absent() -> None:
    bare = prediction()
    bare["output"] = {"data": {"concepts": None, "regions": None}}
    hollow = prediction(regions=[{"id": None, "region_info": None, "data": None}])
    nothing = prediction(output={"data": None}, workflow_id=None, input={"id": "", "data": None})
    found = batch([bare, hollow, nothing, prediction(concepts=[("a", 0.5)])])
    assert found.concepts.offsets.tolist() == [0, 0, 0, 0, 1]
    assert found.region_concepts.offsets.tolist() == [0, 0, 0, 0, 0]
    assert found.content.objects.rows.tolist() == [1]
    assert found.content.texts.to_pylist() == [""] * 4
    assert found.in_workflow.tolist() == [False] * 4
    assert [found.document(code) for code in found.metadata.codes.tolist()] == [{}] * 4


def test_region_concepts_know_their_row_and_region() -> None:
    found = batch([prediction(), prediction(regions=[region("r", [("a", 0.1), ("b", 0.2)]), region("", [("c", 0.3)])]), prediction()])
    assert found.region_concepts.offsets.tolist() == [0, 0, 3, 3]
    owners = found.content.regions.owners
    assert owners[0] == owners[1] != owners[2] < 0


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_a_slice_is_a_batch_of_its_own(offset: int) -> None:
    stream = [
        prediction(
            f"p-{i}",
            concepts=[(f"c{i}", i / 10)] * (i % 3),
            regions=[region("r", [("x", i / 10)])] * (i % 2),
            metadata={"i": i},
            text=f"t{i}",
        )
        | {"caller_user_id": f"u{i}", "workflow_id": "w" * (i % 2)}
        for i in range(6)
    ]
    whole = pa.RecordBatch.from_pylist(stream, SCHEMA)
    part, again = PredictionBatch(whole.slice(offset, 3)), batch(stream[offset : offset + 3])
    assert part.hashes.tolist() == again.hashes.tolist()
    assert part.in_workflow.tolist() == again.in_workflow.tolist()
    for name in ("models", "versions", "callers"):
        assert [getattr(part, name).names[i] for i in getattr(part, name).codes] == [
            getattr(again, name).names[i] for i in getattr(again, name).codes
        ]
    for extreme in Extreme:
        assert keys(part, extreme).tolist() == keys(again, extreme).tolist()
    assert part.content.objects.rows.tolist() == again.content.objects.rows.tolist()
    assert part.content.texts.to_pylist() == again.content.texts.to_pylist() == [f"t{offset + i}" for i in range(3)]
    assert part.region_concepts.offsets.tolist() == again.region_concepts.offsets.tolist()
    assert [part.document(code) for code in part.metadata.codes] == [{"i": offset}, {"i": offset + 1}, {"i": offset + 2}]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["", ""], ["a", "b", "a"], ["ab", "a"], ["é", "e\u0301"], ["", "a"], []])
def test_codes_stand_for_names(names: list[str]) -> None:
    found = coded(pa.array(names, pa.string()))
    assert [found.names[code] for code in found.codes.tolist()] == names
    assert len(set(found.names)) == len(found.names)


def test_a_slice_of_a_constant_column_is_told_by_its_own_bytes() -> None:
    assert coded(pa.array(["x", "ab", "ab", "y"]).slice(1, 2)).names == ["ab"]


def test_models_are_named_by_their_three_ids() -> None:
    parts = [("a", "b", "c"), ("a", "b", "d"), ("a", "b", "c"), ("e", "b", "c")]
    found = batch([prediction(model=dict(zip(("user_id", "app_id", "id", "version_id"), (*part, ""), strict=True))) for part in parts])
    assert [found.models.names[code] for code in found.models.codes.tolist()] == ["/".join(part) for part in parts]


def test_taking_rows_gives_them_as_dicts() -> None:
    stream = [prediction(f"p-{i}", concepts=[("a", 0.5)]) for i in range(4)]
    assert batch(stream).take(np.array([3, 1], np.int32)) == [stream[3], stream[1]]
    assert batch(stream).take(np.array([2], np.int32), ("id", "model")) == [{"id": "p-2", "model": stream[2]["model"]}]
    assert batch(stream).take(np.array([], np.int32)) == []


def test_columns_are_derived_once() -> None:
    found = batch([prediction()])
    assert found.hashes is found.hashes
    assert found.draws(3) is found.draws(3)
    assert keys(found, Extreme.LARGEST) is keys(found, Extreme.LARGEST)
