"""The demo's stream: real reads, the same ones every time, endless under new ids."""

from __future__ import annotations

import base64
import hashlib
import io
from itertools import pairwise
from operator import eq

import numpy as np
import pytest
from PIL import Image

from processor.demo import data
from processor.demo.data import CALLERS, MODEL, PAIR_EVERY, SENT_TWICE_EVERY, Reads, read_digits
from processor.demo.png import SIGNATURE
from processor.errors import FixUsage


@pytest.fixture(scope="module")
def reads() -> Reads:
    """Training takes about a second: once."""
    pytest.importorskip("sklearn")
    return read_digits()


def test_what_is_not_installed_is_named_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "LIBRARIES", ("numpy", "no_such_library", "nor_this"))
    with pytest.raises(FixUsage, match=r"want no_such_library, nor_this: install them with `pip install 'collectors\[demo\]'`"):
        data.require_libraries()


def test_the_model_has_learnt_something_and_is_not_always_sure(reads: Reads) -> None:
    """Otherwise the collectors would have nothing to tell apart."""
    surest = reads.probabilities.max(axis=1)
    assert (surest > 0.9).mean() > 0.3
    assert (surest < 0.6).mean() > 0.02


def test_ids_are_new_in_every_round_and_everything_else_comes_again(reads: Reads) -> None:
    length = len(reads.scans) + len(reads.scans) // SENT_TWICE_EVERY
    every = list(reads.predictions(2 * length))
    first, second = every[:length], every[length:]
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


def test_every_tenth_picture_is_sent_twice(reads: Reads) -> None:
    stream = list(reads.predictions(2 * (SENT_TWICE_EVERY + 1)))
    again = [(before, after) for before, after in pairwise(stream) if before["input"] == after["input"]]
    assert [(before["id"], after["id"]) for before, after in again] == [
        ("read-0009-1", "read-0009-1-again"),
        ("read-0019-1", "read-0019-1-again"),
    ]
    assert all(before["output"] == after["output"] for before, after in again)


def test_a_second_model_reads_the_same_single_digits_and_disagrees_about_some(reads: Reads) -> None:
    answers = reads.second_answers()
    singles = [prediction for prediction in reads.predictions(800) if "concepts" in prediction["output"]["data"]]
    best = [max(prediction["output"]["data"]["concepts"], key=lambda concept: concept["value"])["id"] for prediction in singles]
    said = [max(answer, key=lambda digit: answer[digit]) for answer in (answers[each["input"]["id"]] for each in singles)]
    assert 0.5 < sum(map(eq, best, said)) / len(singles) < 1.0


def test_the_file_of_the_second_model_says_what_the_library_says_that_trained_it(reads: Reads) -> None:
    """Of pictures as they travel: the file is asked about those, and the evaluation goes by the library."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(reads.second.content, providers=["CPUExecutionProvider"])
    answers = reads.second_answers()
    for prediction in [each for each in reads.predictions(100) if "concepts" in each["output"]["data"]]:
        picture = Image.open(io.BytesIO(base64.b64decode(prediction["input"]["data"]["image"]["base64"])))
        pixels = 1 - np.asarray(picture.resize((8, 8), Image.Resampling.BOX), np.float32).reshape(1, 64) / 255
        (found,) = session.run(["probabilities"], {"X": pixels})
        assert found[0] == pytest.approx(list(answers[prediction["input"]["id"]].values()), abs=1e-5)
    assert reads.second.sha256 == hashlib.sha256(reads.second.content).hexdigest()


def test_every_eighth_reads_a_pair_as_regions(reads: Reads) -> None:
    stream = [prediction for prediction in reads.predictions(2 * PAIR_EVERY + 2) if not prediction["id"].endswith("-again")]
    outputs = [prediction["output"]["data"] for prediction in stream[: 2 * PAIR_EVERY]]
    assert [sorted(output) for output in outputs] == [*[["concepts"]] * (PAIR_EVERY - 1), ["regions"]] * 2
    assert [region["id"] for region in outputs[-1]["regions"]] == ["left", "right"]
    assert len(outputs[-1]["regions"][1]["data"]["concepts"]) == 10


def test_some_pictures_come_without_metadata(reads: Reads) -> None:
    """A filter has to do with a missing object as well."""
    with_metadata = ["metadata" in prediction["input"]["data"] for prediction in reads.predictions(300)]
    assert 0 < with_metadata.count(False) < 50
