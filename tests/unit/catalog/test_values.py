"""Records to values, to bytes, to documents, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from processor.catalog.changes import Change
from processor.catalog.parse import parse_change
from processor.catalog.records import (
    SCHEMAS,
    App,
    Collector,
    Key,
    Kind,
    KnowledgeGraph,
    Model,
    ModelVersion,
    Relation,
    Workflow,
    WorkflowNode,
    kind_of,
    record_key,
)
from processor.catalog.values import from_document, from_value, to_document, to_value
from processor.codec.bad import BadRecordError
from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.catalog.records import Record

NODES = (
    WorkflowNode("a", "", "", "m"),
    WorkflowNode("b", "bob", "x", "m", "v1", ("a",), suppress_output=False, output_info_override='{"params":{"keep_fraction":0.0}}'),
    WorkflowNode("c", "", "", "m", inputs=("a", "b"), suppress_output=False),
)
OLDER = (ModelVersion("v1", '{"params":{"metadata":{"a":1}}}', "first", "2025"),)
FULL: list[Record] = [
    App("u", "a", "professional", ("bob", "eve"), "https://example.org", "words", "2026-11-22T00:00:00Z"),
    Model(
        "u",
        "a",
        "m",
        "metadata-filter",
        '{"params":{"metadata":{"a":null,"b":false}}}',
        "PUBLIC",
        "https://m",
        "v2",
        "M",
        OLDER,
        "words",
        "2026",
    ),
    Model("u", "a", "served", "visual-classifier", '{"fields_map":{},"data":null}'),
    Workflow("u", "a", "w", NODES, "words", "2026"),
    KnowledgeGraph("u", "a", "k", (Relation("s", "synonym", "o", "Object", "Subject"), Relation("s", "hyponym", "p")), "words", "2026"),
    Collector("u", "a", "c", "words", "pre", 0.25, "post", "mu", "ma", "m", "v", "key", "bob", collect_outputs=True, created_at="2026"),
    Collector("u", "a", "d", pre_queue_workflow_id="w", model_user_id="mu", model_app_id="ma", model_id="m", post_inputs_key_id="k"),
]
MARKED = Collector(
    "u",
    "a",
    "e",
    pre_queue_random_sample=0.5,
    model_user_id="mu",
    model_app_id="ma",
    model_id="m",
    post_inputs_key_id="k",
    tags=("night", "site:oslo"),
    dataset_ids=("relabel", "a"),
)
KEY = Key("u", "", "k", ("PostInputs",), "ab" * 32, "words", "2026")


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas.checked_in()


@pytest.mark.parametrize("record", [*FULL, MARKED, KEY], ids=record_key)
def test_a_record_comes_back_from_its_bytes(record: Record, schemas: Schemas) -> None:
    kind = kind_of(record)
    data = encode(schemas, SCHEMAS[kind], to_value(record))
    assert from_value(kind, decode(schemas, SCHEMAS[kind], data)) == record


@pytest.mark.parametrize("record", [*FULL, MARKED], ids=record_key)
def test_a_record_comes_back_from_its_document(record: Record) -> None:
    (found,) = read_documents([("f", orjson.dumps(to_document(record)))]).located
    again = from_document(found.document)
    assert to_document(again) == {name: value for name, value in to_document(record).items() if name != "created_at"}


def test_what_is_left_at_its_default_is_left_out_of_a_document() -> None:
    source = {"model_user_id": "mu", "model_app_id": "ma", "model_id": "m", "post_inputs_key_id": "k"}
    assert to_document(FULL[-1]) == {
        "kind": "Collector",
        "user_id": "u",
        "app_id": "a",
        "id": "d",
        "pre_queue_workflow_id": "w",
        "collector_source": {"api_post_model_outputs_collector_source": source},
    }


def test_a_keys_hash_stands_in_no_document_and_no_log() -> None:
    assert "sha256" not in to_document(KEY)
    assert KEY.sha256 not in f"{KEY!r} {Change(Kind.KEY, 'u//k', KEY)!r}"


class TestParsing:
    """What is believed of the catalog topics' records."""

    @pytest.fixture(autouse=True)
    def _schemas(self, schemas: Schemas) -> None:
        self.schemas = schemas

    def parse(self, record: Record, key: bytes | None = None, **replaced: object) -> Change:
        kind = kind_of(record)
        value = encode(self.schemas, SCHEMAS[kind], to_value(record) | replaced)
        return parse_change(kind, record_key(record).encode() if key is None else key, value, "01", self.decode)

    def decode(self, kind: Kind, value: bytes) -> Mapping[str, object]:
        return decode(self.schemas, SCHEMAS[kind], value)

    @pytest.mark.parametrize("record", [*FULL, MARKED, KEY], ids=record_key)
    def test_what_was_written_is_believed(self, record: Record) -> None:
        assert self.parse(record) == Change(kind_of(record), record_key(record), record, "01")

    def test_a_tombstone_deletes(self) -> None:
        assert parse_change(Kind.APP, b"u/a", None, "01", self.decode) == Change(Kind.APP, "u/a", None, "01")
        assert parse_change(Kind.KEY, b"u//k", None, "", self.decode).key == "u//k"

    @pytest.mark.parametrize(
        ("kind", "key"),
        [
            (Kind.APP, None),
            (Kind.APP, b"u"),
            (Kind.APP, b"u/a/x"),
            (Kind.APP, b"u/"),
            (Kind.APP, b"u/\xff"),
            (Kind.MODEL, b"u//m"),
            (Kind.KEY, b"//k"),
        ],
    )
    def test_a_key_that_is_none_of_the_topic_is_refused(self, kind: Kind, key: bytes | None) -> None:
        with pytest.raises(ValueError, match=r"key|decode"):
            parse_change(kind, key, None, "", self.decode)

    def test_a_value_of_another_document_than_its_key_is_refused(self) -> None:
        with pytest.raises(ValueError, match="the key says otherwise"):
            self.parse(FULL[0], b"u/b")

    @pytest.mark.parametrize(
        ("record", "replaced"),
        [
            (Model("u", "a", "m", "random-sample", '{"params":{"keep_fraction":7}}'), {}),
            (FULL[1], {"output_info": "{"}),
            (FULL[1], {"output_info": "[]"}),
            (FULL[3], {"nodes": []}),
            (Workflow("u", "a", "w", (WorkflowNode("n", "", "", "m", inputs=("n",)),)), {}),
            (Workflow("u", "a", "w", (WorkflowNode("n", "", "", "m", output_info_override="nope"),)), {}),
            (FULL[5], {"pre_queue_random_sample": 1.5}),
            (FULL[5], {"pre_queue_random_sample": float("nan")}),
            (FULL[5], {"collector_source": {"api_post_model_outputs_collector_source": None}}),
            (FULL[6], {"pre_queue_workflow_id": ""}),
        ],
    )
    def test_a_value_that_breaks_a_rule_is_refused(self, record: Record, replaced: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"."):
            self.parse(record, **replaced)

    def test_bytes_that_are_no_value_are_refused(self) -> None:
        with pytest.raises(BadRecordError):
            parse_change(Kind.APP, b"u/a", b"\x00\x00\x00\x00\x7frubbish", "", self.decode)
