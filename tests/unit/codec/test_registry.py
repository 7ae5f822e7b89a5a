"""Ids from the index, and ids from a registry."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import frame, unframe
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import decode, encode
from processor.codec.registry import TOPICS, Schemas
from processor.codec.schema_files import NAMES
from processor.errors import ClusterAway, FixCluster, FixUsage
from processor.settings import Settings
from tests.docs.pages import ROOT
from tests.support.predictions import prediction
from tests.support.registries import Registry, registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = {"user_id": "acme", "id": "quality"}


@pytest.fixture
def served() -> Iterator[Registry]:
    with registry() as running:
        yield running


@pytest.fixture
def schemas(served: Registry) -> Schemas:
    """Schemas with the registry's ids."""
    return Schemas.from_settings(Settings(schema_registry_url=served.url, topic_prefix="dev."))


def test_without_a_registry_the_ids_are_those_checked_in() -> None:
    schemas = Schemas.from_settings(Settings())
    index = json.loads((ROOT / "schemas" / "ids.json").read_text(encoding="utf-8"))
    assert {str(schemas.writer_id(name)) for name in NAMES} <= index.keys()
    assert schemas.by_id(schemas.writer_id("app")) == schemas.writer("app")
    with pytest.raises(BadRecordError) as raised:
        schemas.by_id(10_000)
    assert raised.value.reason is BadReason.UNKNOWN_SCHEMA_ID


def test_schemas_beside_the_settings_file_come_first(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    (tmp_path / "schemas" / "ids.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FixUsage, match="another release"):
        Schemas.from_settings(Settings(config_folder=tmp_path))


def test_a_name_that_no_schema_has_is_told() -> None:
    with pytest.raises(FixUsage, match="no id for the schema nonsense"):
        Schemas.checked_in().writer_id("nonsense")


def test_every_schema_has_a_topic_and_so_a_subject() -> None:
    assert TOPICS.keys() == set(NAMES)


def test_with_a_registry_our_schemas_are_registered_under_their_topics(served: Registry, schemas: Schemas) -> None:
    schema_id, _ = unframe(encode(schemas, "app", APP))
    assert served.subjects == {"dev.apps-value": [schema_id]}
    assert decode(schemas, "app", encode(schemas, "app", APP))["id"] == "quality"


def test_a_schema_is_registered_and_fetched_once(served: Registry, schemas: Schemas) -> None:
    for _ in range(3):
        decode(schemas, "app", encode(schemas, "app", APP))
    assert len(served.requests) <= 2


def test_ids_of_the_index_mean_nothing_with_a_registry(schemas: Schemas) -> None:
    """One topic never mixes the two."""
    with pytest.raises(BadRecordError) as raised:
        decode(schemas, "app", encode(Schemas.checked_in(), "app", APP))
    assert raised.value.reason is BadReason.UNKNOWN_SCHEMA_ID


def test_an_unknown_id_is_not_asked_for_again_at_once(served: Registry, schemas: Schemas) -> None:
    for _ in range(3):
        with pytest.raises(BadRecordError):
            schemas.by_id(77)
    assert served.requests == ["GET /schemas/ids/77"]


def test_a_writer_of_another_release_is_understood_through_the_registry(served: Registry, schemas: Schemas) -> None:
    newer = json.loads((ROOT / "schemas" / "app.avsc").read_text(encoding="utf-8"))
    newer["fields"].insert(0, {"name": "colour", "type": "string"})
    schema_id = served.add("dev.apps-value", json.dumps(newer))
    body = unframe(encode(schemas, "app", APP))[1]
    assert decode(schemas, "app", frame(schema_id, b"\x06red" + body))["id"] == "quality"


def test_schemas_that_refer_to_others_are_put_together(served: Registry, schemas: Schemas) -> None:
    candidate = (ROOT / "schemas" / "candidate.avsc").read_text(encoding="utf-8")
    served.add("prediction", schemas.text("prediction"))
    references = [{"name": "collectors.Prediction", "subject": "prediction", "version": 1}]
    schema_id = served.add("dev.queue-value", candidate, references=references)
    value = {"collector": "u/a/c", "inclusion_probability": 0.5, "catalog_version": "", "prediction": prediction()}
    body = unframe(encode(schemas, "candidate", value))[1]
    assert decode(schemas, "candidate", frame(schema_id, body))["prediction"]["id"] == "p-1"


@pytest.mark.parametrize(
    ("schema", "fields"),
    [("{}", {}), ('"string', {}), ('{"type": "object"}', {"schemaType": "JSON"}), ('["null", "collectors.Nowhere"]', {})],
)
def test_a_schema_that_is_not_avro_makes_the_record_bad_and_no_more(
    served: Registry, schemas: Schemas, schema: str, fields: dict[str, str]
) -> None:
    schema_id = served.add("other", schema, **fields)
    good = encode(schemas, "prediction", prediction())
    decoded = PredictionDecoder(schemas).decode([good, frame(schema_id, b"\x00"), good])
    assert [(bad.index, bad.reason) for bad in decoded.bad] == [(1, BadReason.UNKNOWN_SCHEMA_ID)]


@pytest.mark.parametrize("schema", ['"string"', '{"type":"array","items":"null"}'])
def test_a_schema_that_is_no_record_makes_the_record_bad_and_no_more(served: Registry, schemas: Schemas, schema: str) -> None:
    schema_id = served.add("other", schema)
    decoded = PredictionDecoder(schemas).decode([frame(schema_id, b"\x00")])
    assert [bad.reason for bad in decoded.bad] == [BadReason.NOT_DECODABLE]


def test_a_refused_schema_stops_the_writer_and_says_what_to_do(served: Registry, schemas: Schemas) -> None:
    served.refuses.add("dev.apps-value")
    with pytest.raises(FixCluster, match=r"register dev\.apps-value.*incompatible.*another topic_prefix"):
        encode(schemas, "app", APP)


def test_an_address_without_the_api_is_told_before_any_record_is_judged(served: Registry) -> None:
    """Every id would be unknown there, and every record a dead letter."""
    schemas = Schemas.from_settings(Settings(schema_registry_url=f"{served.url}/wrong"))
    with pytest.raises(FixCluster, match="Confluent-compatible API"):
        PredictionDecoder(schemas)


def test_a_registry_that_is_away_is_not_taken_for_an_unknown_id() -> None:
    """Otherwise every record of the outage would be a dead letter."""
    with registry() as gone:
        schemas = Schemas.from_settings(Settings(schema_registry_url=gone.url.replace("//", "//me:secret@")))
    with pytest.raises(ClusterAway, match="COLLECTORS_SCHEMA_REGISTRY_URL") as raised:
        schemas.by_id(1)
    assert "secret" not in str(raised.value)


def test_a_url_that_is_none_is_the_settings_fault() -> None:
    with pytest.raises(FixUsage, match="schema_registry_url"):
        Schemas.from_settings(Settings(schema_registry_url="registry:8081"))
