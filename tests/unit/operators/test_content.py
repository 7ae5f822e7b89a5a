"""The columns that operators look at, and the union of several inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from processor.engine.frame import Frame
from processor.operators.content import NO_KEY, Output, Vocabulary, unite
from tests.support.building import batch, plain, prediction, region


def frame_of(*predictions: dict[str, Any]) -> Frame:
    return Frame(batch(list(predictions)), np.arange(len(predictions)))


def only(frame: Frame, *present: bool) -> Output:
    return Output(np.array(present), frame.output.content)


def test_a_union_has_each_concept_once_with_the_larger_value() -> None:
    frame = frame_of(prediction(concepts=[("a", 0.3), ("b", 0.5), ("a", 0.9)]))
    assert plain(unite([frame.output, frame.output]), frame.vocabulary) == [([("a", 0.9), ("b", 0.5)], [])]


def test_a_union_merges_regions_of_one_id_and_keeps_others_apart() -> None:
    """A concept stands once in each region."""
    frame = frame_of(prediction(regions=[region("r", [("a", 0.3)]), region("s", [("a", 0.5)]), region("r", [("a", 0.9), ("b", 0.1)])]))
    united = unite([frame.output, frame.output])
    assert plain(united, frame.vocabulary) == [([], [("a", 0.5), ("a", 0.9), ("b", 0.1)])]
    owners = united.content.regions.owners.tolist()
    assert len(set(owners)) == 2


def test_what_has_no_id_is_like_nothing_else_but_itself() -> None:
    frame = frame_of(prediction(concepts=[("", 0.3), ("", 0.9)], regions=[region("", [("a", 0.1)]), region("", [("a", 0.2)])]))
    assert plain(unite([frame.output, frame.output]), frame.vocabulary) == [([("", 0.3), ("", 0.9)], [("a", 0.1), ("a", 0.2)])]


def test_an_empty_input_adds_nothing_to_a_union() -> None:
    frame = frame_of(prediction(concepts=[("a", 0.3)]), prediction(concepts=[("a", 0.4)]), prediction(concepts=[("a", 0.5)]))
    other = frame_of(prediction(concepts=[("b", 0.3)]), prediction(concepts=[("b", 0.4)]), prediction(concepts=[("b", 0.5)]))
    other.batch.vocabulary = frame.vocabulary
    united = unite([only(frame, True, False, False), only(other, True, True, False)])
    assert plain(united, frame.vocabulary) == [([("a", 0.3), ("b", 0.3)], []), ([("b", 0.4)], []), None]


def test_extremes_look_at_concepts_and_regions_together() -> None:
    content = frame_of(
        prediction(),
        prediction(concepts=[("a", 0.25), ("b", 0.75)]),
        prediction(concepts=[("a", 0.25)], regions=[region("r", [("a", 1.0)]), region("s", [("b", 0.0)])]),
        prediction(regions=[region("r", [])]),
    ).output.content
    one, quarter, three_quarters = (int(np.float32(value).view(np.uint32)) for value in (1.0, 0.25, 0.75))
    assert content.max_keys.tolist() == [int(NO_KEY), three_quarters, one, int(NO_KEY)]
    assert content.min_keys.tolist() == [int(NO_KEY), quarter, 0, int(NO_KEY)]


def test_taking_rows_takes_their_concepts() -> None:
    frame = frame_of(*(prediction(concepts=[(name, 0.5)] * i, regions=[region("r", [("z", 0.1)])] * i) for i, name in enumerate("abcd")))
    part = frame.part(np.array([1, 3]))
    whole = plain(frame.output, frame.vocabulary)
    assert plain(part.output, frame.vocabulary) == [whole[1], whole[3]]
    assert part.output.content.max_keys.tolist() == frame.output.content.max_keys[[1, 3]].tolist()


def test_a_vocabulary_never_changes_a_number() -> None:
    vocabulary = Vocabulary()
    assert [vocabulary.code(name) for name in ("a", "b", "a", "c", "b")] == [0, 1, 0, 2, 1]
    assert vocabulary.id_of(2) == "c"
