"""Whatever is wrong with what was collected is named, and nothing else is."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import orjson
import pytest

from processor.demo.comparison import IDS_SHOWN, Delivered, Inputs, differences, queue_differences, sink_differences
from processor.demo.evaluation import Expected, input_id
from processor.demo.posted import Posted
from processor.kafka.reader import Record

NAME = "acme/app/it"
PICTURES = {f"p-{i}": f"picture {i}".encode() for i in range(20)}
ORIGINALS = {
    id_: {"image": {"base64": base64.b64encode(picture).decode()}, "metadata": {"site": "oslo"}} for id_, picture in PICTURES.items()
}


def expecting(*ids: str) -> dict[str, Expected]:
    """A collector that sees three more than it collects."""
    return {NAME: Expected(len(ids) + 3, dict.fromkeys(ids, 0.5), Counter(workflow_empty=3), Counter(node=3))}


def row(collected: int, **other: Any) -> dict[str, Any]:
    """What status counts for that collector."""
    counted = {"seen": collected + 3, "collected": collected, "queued": 0, "reasons": {"workflow_empty": 3}, "emptied_by": {"node": 3}}
    return {"collector": NAME, **counted, **other}


def record(id_: str, **changed: Any) -> Record:
    """The input of a prediction as it must be; ``changed`` replaces parts of its data, or the key."""
    key = changed.pop("key", input_id(NAME, id_))
    mark = {"collector": NAME, "prediction_id": id_, "model": "lena/mail/reader", "inclusion_probability": 0.5}
    data = {"image": ORIGINALS[id_]["image"], "metadata": {"site": "oslo", "collected": mark}} | changed
    headers = (("collector", NAME.encode()), ("prediction-id", id_.encode()))
    return Record("inputs", 0, 0, 0, key.encode(), orjson.dumps({"id": key, "data": data}), headers)


def posted(id_: str, **changed: Any) -> Posted:
    """The same input as the destination must give it back."""
    body = orjson.loads(record(id_).value or b"")
    mark = body["data"]["metadata"]["collected"]
    metadata = {"metadata": {"site": changed.get("site", "oslo"), "collected": mark | changed.get("mark", {})}}
    return Posted({"id": changed.get("key", body["id"]), "data": metadata}, changed.get("image", PICTURES[id_]))


def found(
    records: list[Record], expected: dict[str, Expected], counted: dict[str, Any], given_back: list[Posted] | None = None
) -> list[str]:
    """What differs; the destination has what the topic has, unless told otherwise."""
    inputs, delivered = Inputs(ORIGINALS, expected), Delivered(ORIGINALS, expected)
    for each in records:
        inputs.add(each)
    ids = dict.fromkeys(id_ for id_ in inputs.found[NAME].ids if id_ in ORIGINALS)
    for one in [posted(id_) for id_ in ids] if given_back is None else given_back:
        delivered.add(one)
    return differences(expected, inputs, delivered, [counted])


def test_nothing_is_said_where_all_is_right() -> None:
    assert found([record("p-1"), record("p-2")], expecting("p-1", "p-2"), row(2)) == []


def test_ids_that_are_missing_and_ids_too_much_are_named() -> None:
    assert found([record("p-1"), record("p-3")], expecting("p-1", "p-2"), row(2)) == [
        f"{NAME}: 1 missing: p-2",
        f"{NAME}: 1 too much: p-3",
    ]


def test_an_input_that_came_twice_is_named() -> None:
    assert found([record("p-1"), record("p-1")], expecting("p-1"), row(1)) == [f"{NAME}: 1 more than once: p-1"]


def test_a_long_list_of_ids_is_cut_and_counted() -> None:
    (difference,) = found([], expecting(*ORIGINALS), row(20))
    assert difference.startswith(f"{NAME}: 20 missing: p-0, p-1, ")
    assert difference.endswith(f" and {20 - IDS_SHOWN} more")


def test_another_picture_metadata_id_or_share_than_predicted_on_is_named() -> None:
    changes: list[dict[str, Any]] = [
        {"image": {"base64": "other"}},
        {"metadata": {"site": "rome", "collected": {"collector": NAME, "prediction_id": "p-1", "inclusion_probability": 0.5}}},
        {"metadata": {"site": "oslo", "collected": {"collector": NAME, "prediction_id": "p-1", "inclusion_probability": 0.25}}},
        {"metadata": {"site": "oslo", "collected": {"collector": NAME, "prediction_id": "p-2", "inclusion_probability": 0.5}}},
        {"key": "0" * 32},
    ]
    told = [found([record("p-1", **change)], expecting("p-1"), row(1)) for change in changes]
    words = ["the picture", "the metadata are", "inclusion_probability must be 0.5", "names another", "its input id"]
    assert [len(each) for each in told] == [1] * len(changes)
    assert all(word in each[0] for word, each in zip(words, told, strict=True))


def test_tags_datasets_and_concepts_that_are_not_the_collectors_are_named_on_either_side() -> None:
    """As a record that has none of them: the topic and the destination must both have them."""
    expected = expecting("p-1")
    expected[NAME].tags, expected[NAME].dataset_ids, expected[NAME].found = ["night"], ["relabel"], {"p-1": {"cat": 0.5}}
    told = found([record("p-1")], expected, row(1))
    assert [each.removeprefix(f"{NAME}: ").partition(":")[0] for each in told] == [
        "2 not as predicted on",
        "2 posted and not as predicted on",
    ]
    assert all(
        "tags and dataset_ids must be ['night'] and ['relabel']" in each and "not what the second model says" in each for each in told
    )


def test_what_the_queue_lacks_and_what_is_there_too_much_or_twice_is_named() -> None:
    expected = {NAME: Expected(candidates={"p-1": {}, "p-2": {}})}
    assert queue_differences(expected, [(NAME, "p-1"), (NAME, "p-2")]) == []
    assert queue_differences(expected, [(NAME, "p-3"), (NAME, "p-1"), (NAME, "p-1"), ("acme/app/other", "p-2")]) == [
        f"{NAME}: 1 missing in the queue: p-2",
        f"{NAME}: 1 too much in the queue: p-3",
        f"{NAME}: 1 more than once in the queue: p-1",
        "acme/app/other: 1 too much in the queue: p-2",
    ]


def test_an_input_of_no_prediction_or_of_no_collector_is_named() -> None:
    stranger = Record("inputs", 0, 0, 0, b"k", b"{}", ())
    assert any("(no collector header): there is no such collector" in each for each in found([stranger], expecting(), row(0)))
    ghost = Record("inputs", 0, 0, 0, b"k", b"{}", (("collector", NAME.encode()), ("prediction-id", b"p-99")))
    assert any("p-99: there is no such prediction" in each for each in found([ghost], expecting(), row(0)))


def test_counters_that_say_something_else_are_named() -> None:
    told = found([record("p-1")], expecting("p-1"), row(1, seen=5, reasons={"not_sampled": 3}, emptied_by={}))
    assert [each.removeprefix(f"{NAME}: ").split(" is counted")[0] for each in told] == ["seen", "reasons", "emptied_by"]


def test_a_collector_that_status_does_not_know_is_named() -> None:
    assert found([record("p-1")], expecting("p-1"), row(1, collector="acme/app/other"))


def test_what_is_missing_at_the_destination_or_too_much_or_there_twice_is_named() -> None:
    records = [record("p-1"), record("p-2")]
    assert found(records, expecting("p-1", "p-2"), row(2), [posted("p-1"), posted("p-3"), posted("p-1")]) == [
        f"{NAME}: 1 collected and not posted: p-2",
        f"{NAME}: 1 posted and not collected: p-3",
        f"{NAME}: 1 posted more than once: p-1",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": b"picture 1 "}, "p-1: the picture is not, byte by byte"),
        ({"site": "rome"}, "p-1: the metadata are not"),
        ({"key": "0" * 32}, "p-1: its id must be"),
    ],
)
def test_an_input_that_came_back_otherwise_is_named(change: dict[str, Any], words: str) -> None:
    (difference,) = found([record("p-1")], expecting("p-1"), row(1), [posted("p-1", **change)])
    assert difference.startswith(f"{NAME}: 1 posted and not as predicted on: {words}")


def test_an_input_that_nobody_collected_is_named_under_whatever_collector_it_says() -> None:
    stranger = posted("p-1", mark={"collector": "acme/app/other"})
    assert any(each.startswith("acme/app/other: 1 posted and not collected: p-1") for each in found([], expecting(), row(0), [stranger]))
    ghost = posted("p-1", mark={"prediction_id": "p-99"}, key=input_id(NAME, "p-99"))
    assert any("p-99: there is no such prediction" in each for each in found([], expecting(), row(0), [ghost]))


@pytest.mark.parametrize("change", [{"state": "FAILED"}, {"delivered": 2}, {"refused": 1}, {"lag": 1}, {"app": "acme/other"}])
def test_a_sink_that_has_not_delivered_everything_is_named(change: dict[str, Any]) -> None:
    well = {"app": "acme/app", "state": "RUNNING", "delivered": 3, "refused": 0, "lag": 0}
    assert sink_differences([row(1), row(2)], [well]) == []
    assert len(sink_differences([row(1), row(2)], [well | change])) == 1
    assert len(sink_differences([row(1)], [])) == 1
