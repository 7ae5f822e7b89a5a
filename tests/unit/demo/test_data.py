"""The demo's stream: real reads, the same ones every time, endless under new ids."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from processor.demo.data import CALLERS, MODEL, PAIR_EVERY, Reads, read_digits
from processor.demo.png import SIGNATURE


@pytest.fixture(scope="module")
def reads() -> Reads:
    """Training takes about a second: once."""
    pytest.importorskip("sklearn")
    return read_digits()


def test_the_model_has_learnt_something_and_is_not_always_sure(reads: Reads) -> None:
    """Otherwise the collectors would have nothing to tell apart."""
    surest = reads.probabilities.max(axis=1)
    assert (surest > 0.9).mean() > 0.3
    assert (surest < 0.6).mean() > 0.02


def test_ids_are_new_in_every_round_and_everything_else_comes_again(reads: Reads) -> None:
    every = list(reads.predictions(2 * len(reads.scans)))
    first, second = every[: len(reads.scans)], every[len(reads.scans) :]
    assert len({prediction["id"] for prediction in every}) == len(every)
    assert [p["input"] for p in first] == [p["input"] for p in second]
    assert [p["output"] for p in first] == [p["output"] for p in second]
    assert all(a["predicted_at"] < b["predicted_at"] for a, b in pairwise(every))


def test_a_longer_stream_begins_with_the_shorter_one(reads: Reads) -> None:
    assert list(reads.predictions(40))[:7] == list(reads.predictions(7))
    assert list(reads.predictions(0)) == []


def test_every_prediction_carries_its_picture_and_says_who_called(reads: Reads) -> None:
    for prediction in reads.predictions(50):
        assert base64.b64decode(prediction["input"]["data"]["image"]["base64"], validate=True).startswith(SIGNATURE)
        assert prediction["model"] == MODEL
        assert prediction["caller_user_id"] in CALLERS


def test_every_eighth_reads_a_pair_as_regions(reads: Reads) -> None:
    outputs = [prediction["output"]["data"] for prediction in reads.predictions(2 * PAIR_EVERY)]
    assert [sorted(output) for output in outputs] == [*[["concepts"]] * (PAIR_EVERY - 1), ["regions"]] * 2
    assert [region["id"] for region in outputs[-1]["regions"]] == ["left", "right"]
    assert len(outputs[-1]["regions"][1]["data"]["concepts"]) == 10


def test_some_pictures_come_without_metadata(reads: Reads) -> None:
    """A filter has to do with a missing object as well."""
    with_metadata = ["metadata" in prediction["input"]["data"] for prediction in reads.predictions(300)]
    assert 0 < with_metadata.count(False) < 50
