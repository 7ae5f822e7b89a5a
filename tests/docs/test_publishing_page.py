"""docs/publishing.md tells other languages bytes: they are the bytes that the code writes, and its examples run."""

from __future__ import annotations

import ast
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import fastavro

from processor.codec.bad import BadReason
from processor.codec.framing import RECORD_BYTES_MAX
from processor.codec.ndjson import Prediction, parse_prediction
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.depth import DEPTH_MAX
from processor.producer import BUFFER_RECORDS_MAX, DELIVERY_TIMEOUT_MS, headers
from tests.docs.pages import ROOT, Block, blocks, read, rows

if TYPE_CHECKING:
    import pytest

PAGE = "docs/publishing.md"
SCHEMAS = Schemas.checked_in()


def on_the_page(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page.name == "publishing.md"]


def published() -> dict[str, Any]:
    """The prediction that the first example publishes."""
    calls = [node for node in ast.walk(ast.parse(on_the_page("python")[0].text)) if isinstance(node, ast.Call)]
    (call,) = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "publish"]
    prediction: dict[str, Any] = ast.literal_eval(call.args[0])
    return prediction


def listed() -> bytes:
    """The bytes of the worked example."""
    (block,) = on_the_page("hex")
    return bytes.fromhex("".join(line[:48] for line in block.text.splitlines()))


def test_the_bytes_are_those_of_the_published_prediction() -> None:
    assert listed() == encode(SCHEMAS, "prediction", parse_prediction(published()).to_avro())
    assert f"these {len(listed())} bytes" in read(PAGE)
    assert PredictionDecoder(SCHEMAS).decode([listed()]).bad == ()


def test_the_bytes_have_an_explanation_each() -> None:
    (block,) = on_the_page("hex")
    explained = [line for line in block.text.splitlines() if len(line) > 49]
    continued = [line for line in block.text.splitlines() if len(line) <= 49]
    assert len(explained) > 25
    assert len(continued) == 1, "only a line that did not fit has none"


def test_the_writer_with_nothing_but_an_avro_library_makes_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(compile(on_the_page("python")[1].text, PAGE, "exec"), names)  # noqa: S102 - the page's own example
    assert names["value"] == listed()
    assert names["key"] == b"p-1"


def test_an_avro_reader_without_our_code_reads_the_bytes() -> None:
    schema = fastavro.schema.load_schema(str(ROOT / "schemas" / "prediction.avsc"))
    assert fastavro.schemaless_reader(BytesIO(listed()[5:]), schema, None)["input"]["data"]["metadata"] == '{"site":"nyc"}'


def test_the_reasons_are_told_in_the_order_in_which_they_are_looked_for() -> None:
    table = [match[1] for row in rows(PAGE) if (match := re.match(r"\| `(\w+)` \| ", row))]
    assert [name for name in table if name in set(BadReason)] == list(BadReason)


def test_the_fields_are_those_of_a_prediction() -> None:
    table = {match[1] for row in rows(PAGE) if (match := re.match(r"\| `(\w+)` \| ", row))} - set(BadReason)
    assert table == set(Prediction.model_fields)


def test_the_headers_are_those_that_the_helper_sets() -> None:
    (row,) = [row for row in rows(PAGE) if row.startswith("| headers ")]
    for name, value in headers(parse_prediction(published())):
        assert f"`{name}`" in row
        if name not in {"ce_id", "ce_time"}:
            assert f"`{name}` {value.decode()}" in row


def test_the_limits_are_those_of_the_code() -> None:
    text = read(PAGE)
    assert RECORD_BYTES_MAX == 8 * 1024 * 1024
    assert "may have 8 MiB" in text
    assert f"nested deeper than {DEPTH_MAX} levels" in text
    assert f"a buffer of\n  {BUFFER_RECORDS_MAX:,}" in text
    assert DELIVERY_TIMEOUT_MS == 2 * 60 * 1000
    assert "for two minutes" in text
