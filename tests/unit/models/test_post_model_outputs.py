"""The contract's answers: good, in part, and hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processor.fetch import CallFailed, Failure
from processor.models.post_model_outputs import read_outputs

OK = {"code": 10000, "description": "Ok"}


def body(*outputs: Any, status: Any = OK) -> bytes:
    return json.dumps({"status": status, "outputs": list(outputs)}).encode()


def output(**data: Any) -> dict[str, Any]:
    return {"id": "o", "status": OK, "data": data, "model": {"id": "m"}}


def test_all_fields_of_an_output_are_read_and_nothing_else_is() -> None:
    concepts = [{"id": "a", "name": "A", "value": 0.5, "app_id": "x"}, {"id": "b"}]
    box = {"bounding_box": {"top_row": 0.1}}
    region = {"id": "r", "region_info": box, "data": {"concepts": [{"id": "a", "value": 1}]}, "track_id": "t"}
    further: dict[str, Any] = {"text": {"raw": "hi"}, "embeddings": [{"vector": [1, 2.5]}], "metadata": {"k": None}}
    assert read_outputs(body(output(concepts=concepts, regions=[region], image={}, **further)), 1) == [
        {
            "concepts": [{"id": "a", "name": "A", "value": 0.5}, {"id": "b", "name": "", "value": 0.0}],
            "regions": [{"id": "r", "region_info": box, "data": {"concepts": [{"id": "a", "name": "", "value": 1.0}]}}],
            **further,
        }
    ]


def test_camel_case_is_read_too() -> None:
    (found,) = read_outputs(body(output(regions=[{"regionInfo": {"mask": 1}}])), 1)
    assert not isinstance(found, CallFailed)
    assert found["regions"][0]["region_info"] == {"mask": 1}


def test_an_empty_output_is_empty() -> None:
    assert read_outputs(body(output(), output(text={"raw": ""}), {"status": OK}), 3) == [{}, {}, {}]


def test_one_failed_output_fails_alone() -> None:
    failed = {"status": {"code": 30101, "description": "unsupported format"}}
    good, bad = read_outputs(body(output(concepts=[{"id": "a", "value": 1}]), failed, status={"code": 10010, "description": "mixed"}), 2)
    assert not isinstance(good, CallFailed)
    assert isinstance(bad, CallFailed)
    assert (bad.reason, "30101 unsupported format" in bad.detail) == (Failure.REFUSED, True)


def nested(levels: int) -> dict[str, Any]:
    """A reader goes a thousand levels deep; a writer, who has to write it into an input, gives up at 254."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "data",
    [
        {"concepts": [{"id": "a", "value": 1.1}]},
        {"concepts": [{"id": "a", "value": -0.1}]},
        {"concepts": [{"id": "a", "value": "1"}]},
        {"concepts": [{"id": "a", "value": True}]},
        {"concepts": [{"value": 1}]},
        {"concepts": {"id": "a"}},
        {"regions": [{"data": {"concepts": [{"id": ""}]}}]},
        {"embeddings": [{"vector": []}]},
        {"embeddings": [{"vector": [None]}]},
        {"metadata": []},
        {"metadata": nested(101)},
        {"regions": [{"region_info": nested(300)}]},
        {"text": "hi"},
    ],
)
def test_an_output_that_cannot_be_used_fails_alone(data: dict[str, Any]) -> None:
    good, bad = read_outputs(body(output(), output(**data)), 2)
    assert good == {}
    assert isinstance(bad, CallFailed)
    assert bad.reason is Failure.BAD_ANSWER


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", Failure.BAD_ANSWER),
        (b"[]", Failure.BAD_ANSWER),
        (b"{}", Failure.BAD_ANSWER),
        (b'{"status": {"code": "10000"}, "outputs": []}', Failure.BAD_ANSWER),
        (b'{"status": {"code": 10000}, "outputs": {}}', Failure.BAD_ANSWER),
        (b'{"status": {"code": 10000}, "outputs": [null]}', Failure.BAD_ANSWER),
        (body(), Failure.BAD_ANSWER),
        (body(output(), output()), Failure.BAD_ANSWER),
        (body(output(), status={"code": 11102, "description": "Invalid request", "details": "no"}), Failure.REFUSED),
    ],
)
def test_an_answer_that_is_none_fails_as_a_whole(answer: bytes, reason: Failure) -> None:
    with pytest.raises(CallFailed) as raised:
        read_outputs(answer, 1)
    assert raised.value.reason is reason
