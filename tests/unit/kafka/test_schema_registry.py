"""Schemas that refer to others, as a registry tells of them; what a real one does is in ``tests/kafka``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from processor.codec.bad import BadRecordError
from processor.codec.registry import Schemas
from processor.kafka.schema_registry import REFERENCES_MAX, SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Registered = Mapping[str, tuple[str, Sequence[str]]]  # subject → type, and the subjects it refers to


def registry(registered: Registered, asked: list[str]) -> SchemaRegistry:
    """One with records that have a field of every record they refer to; schema 1 is the subject ``top``."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        subject = "top" if request.url.path == "/schemas/ids/1" else request.url.path.split("/")[2]
        kind, needed = registered[subject]
        text = {"type": "record", "name": subject, "fields": [{"name": each, "type": each} for each in needed]}
        references = [{"name": each, "subject": each, "version": 1} for each in needed]
        body: dict[str, Any] = {"schema": json.dumps(text), "schemaType": kind, "references": references}
        return httpx.Response(200, json=body | {"subject": subject, "version": 1, "id": 1})

    made = SchemaRegistry("http://registry:8081")
    made._client._rest_client.session = httpx.Client(transport=httpx.MockTransport(answer))
    return made


def names(texts: Sequence[str]) -> list[str]:
    return [json.loads(text)["name"] for text in texts]


def test_what_two_schemas_refer_to_is_there_once_and_before_both() -> None:
    registered = {"top": ("AVRO", ("left", "right")), "left": ("AVRO", ("base",)), "right": ("AVRO", ("base",)), "base": ("AVRO", ())}
    there = registry(registered, asked := [])
    assert names(there.texts(1)) == ["base", "left", "right", "top"]
    assert len(asked) == 4
    assert Schemas({}, there).by_id(1)["name"] == "top"


@pytest.mark.parametrize(
    "registered",
    [
        {"top": ("AVRO", ("top",))},
        {"top": ("AVRO", ("a",)), "a": ("AVRO", ("b",)), "b": ("AVRO", ("a",))},
        {"top": ("AVRO", ("a",)), "a": ("JSON", ())},
        {"top": ("AVRO", ("s0",))} | {f"s{number}": ("AVRO", (f"s{number + 1}",)) for number in range(REFERENCES_MAX)},
        {"top": ("AVRO", [f"s{number}" for number in range(REFERENCES_MAX + 1)])}
        | {f"s{number}": ("AVRO", ()) for number in range(REFERENCES_MAX + 1)},
    ],
    ids=["of itself", "in a circle", "of other kinds", "in a long chain", "many"],
)
def test_references_that_lead_nowhere_make_a_schema_unknown_after_few_requests(registered: Registered) -> None:
    there = registry(registered, asked := [])
    with pytest.raises(BadRecordError, match="no schema has the id 1"):
        Schemas({}, there).by_id(1)
    assert len(asked) <= REFERENCES_MAX + 1
    asked.clear()
    assert there.texts(1) == ()
    assert not asked, "it is remembered for a while"
