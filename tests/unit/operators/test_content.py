"""The columns that operators look at, and the union of several inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from processor.engine.frame import Frame
from processor.operators import parse_operator
from processor.operators.content import NO_KEY, Output, Vocabulary
from processor.operators.probability import Extreme
from processor.operators.union import unite
from tests.support.building import batch, plain, prediction, region


def frame_of(*predictions: dict[str, Any]) -> Frame:
    return Frame(batch(list(predictions)), np.arange(len(predictions)))


def keys(frame: Frame, extreme: Extreme) -> np.ndarray:
    return frame.output.content.keys(extreme, frame.vocabulary)


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
    frame = frame_of(
        prediction(),
        prediction(concepts=[("a", 0.25), ("b", 0.75)]),
        prediction(concepts=[("a", 0.25)], regions=[region("r", [("a", 1.0)]), region("s", [("b", 0.0)])]),
        prediction(regions=[region("r", [])]),
    )
    one, quarter, three_quarters = (int(np.float32(value).view(np.uint32)) for value in (1.0, 0.25, 0.75))
    assert keys(frame, Extreme.LARGEST).tolist() == [int(NO_KEY), three_quarters, one, int(NO_KEY)]
    assert keys(frame, Extreme.SMALLEST).tolist() == [int(NO_KEY), quarter, 0, int(NO_KEY)]


def test_taking_rows_takes_their_concepts() -> None:
    frame = frame_of(
        *(
            prediction(concepts=[(name, 0.5)] * i, regions=[region(f"r{j}", [("z", 0.1)]) for j in range(i)])
            for i, name in enumerate("abcd")
        )
    )
    part = frame.part(np.array([1, 3]))
    whole = plain(frame.output, frame.vocabulary)
    assert plain(part.output, frame.vocabulary) == [whole[1], whole[3]]
    assert keys(part, Extreme.LARGEST).tolist() == keys(frame, Extreme.LARGEST)[[1, 3]].tolist()
    assert part.output.content.objects.rows.tolist() == [0, 1, 1, 1]


def test_elements_with_the_largest_value_of_their_region() -> None:
    frame = frame_of(
        prediction(regions=[region("r", [("a", 0.5), ("b", 0.25)]), region("s", [("a", 0.25), ("b", 0.25)]), region("r", [("c", 0.75)])]),
        prediction(regions=[region("r", [("a", 0.5)])], concepts=[("a", 0.25), ("b", 0.5), ("c", 0.5)]),
        prediction(),
    )
    assert frame.output.content.regions.largest().tolist() == [False, False, True, True, True, True]
    assert frame.output.content.concepts.largest().tolist() == [False, True, True]
    assert frame.part(np.array([2])).output.content.regions.largest().tolist() == []


def test_a_region_is_one_object_with_concepts_or_without() -> None:
    frame = frame_of(
        prediction(regions=[region("r", [("a", 0.5), ("b", 0.5)]), region("r", []), region("", []), region("", [])]), prediction()
    )
    assert frame.output.content.objects.rows.tolist() == [0, 0, 0]
    assert len(set(frame.output.content.objects.owners.tolist())) == 3
    united = unite([frame.output, frame.output]).content
    assert united.objects.rows.tolist() == [0, 0, 0]


def test_a_vocabulary_never_changes_a_number() -> None:
    vocabulary = Vocabulary()
    assert [vocabulary.code(name) for name in ("a", "b", "a", "c", "b")] == [0, 1, 0, 2, 1]
    assert vocabulary.id_of(2) == "c"


def test_a_union_has_the_first_text_that_there_is() -> None:
    frame = Frame(batch([prediction(text="one"), prediction(text="two"), prediction()]), np.arange(3))
    other = Frame(batch([prediction(text="1"), prediction(text="2"), prediction(text="3")]), np.arange(3))
    some = type(frame.output)(np.array([True, False, True]), frame.output.content)
    assert unite([some, other.output]).content.texts.to_pylist() == ["one", "2", "3"]
    assert unite([some, some]).content.texts.to_pylist() == ["one", "", ""]


def test_reduced_outputs_have_no_text() -> None:
    frame = Frame(batch([prediction(text="dog", concepts=[("a", 0.5)])]), np.arange(1))
    reduced = parse_operator("concept-threshold", {"params": {"value": 0.1}}, lambda _: None).apply(frame, frame.output)
    assert reduced.content.texts.to_pylist() == [""]


def test_a_text_by_reference_is_none_before_it_is_fetched() -> None:
    there = prediction()
    there["output"]["data"]["text"] = {"raw": None, "url": "https://example.com/dog.txt"}
    assert batch([there, prediction(output={"data": None})]).content.texts.to_pylist() == ["", ""]
