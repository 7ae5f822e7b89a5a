"""Ids from the index, and ids from a registry; what a real one has a say in is tried in tests/kafka/test_schema_registry.py."""

from __future__ import annotations

import base64
import json
import logging
import shutil
from typing import TYPE_CHECKING

import pytest

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import frame
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import decode, encode
from processor.codec.registry import TOPICS, Schemas
from processor.codec.schema_files import NAMES
from processor.errors import ClusterAway, FixUsage
from processor.kafka.machine import HOST, free_port
from processor.settings import Settings
from tests.docs.pages import ROOT
from tests.support.predictions import prediction
from tests.support.registries import FakeRegistry, fake_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = {"user_id": "acme", "id": "quality"}


@pytest.fixture
def served() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        yield running


@pytest.fixture
def schemas(served: FakeRegistry) -> Schemas:
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


def test_a_schema_is_registered_and_fetched_once(served: FakeRegistry, schemas: Schemas) -> None:
    for _ in range(3):
        decode(schemas, "app", encode(schemas, "app", APP))
    assert len(served.requests) <= 2


def test_ids_of_the_index_mean_nothing_with_a_registry(schemas: Schemas) -> None:
    """One topic never mixes the two."""
    with pytest.raises(BadRecordError) as raised:
        decode(schemas, "app", encode(Schemas.checked_in(), "app", APP))
    assert raised.value.reason is BadReason.UNKNOWN_SCHEMA_ID


def test_an_unknown_id_is_not_asked_for_again_at_once(served: FakeRegistry, schemas: Schemas) -> None:
    for _ in range(3):
        with pytest.raises(BadRecordError):
            schemas.by_id(77)
    assert served.requests == ["GET /schemas/ids/77"]


@pytest.mark.parametrize("schema", ["{}", '"string', '["null", "collectors.Nowhere"]'])
def test_a_schema_that_is_not_avro_makes_the_record_bad_and_no_more(served: FakeRegistry, schemas: Schemas, schema: str) -> None:
    schema_id = served.add(schema)
    good = encode(schemas, "prediction", prediction())
    decoded = PredictionDecoder(schemas).decode([good, frame(schema_id, b"\x00"), good])
    assert [(bad.index, bad.reason) for bad in decoded.bad] == [(1, BadReason.UNKNOWN_SCHEMA_ID)]


def test_a_registry_that_is_away_is_not_taken_for_an_unknown_id() -> None:
    """Otherwise every record of the outage would be a dead letter."""
    schemas = Schemas.from_settings(Settings(schema_registry_url=f"http://me:secret@{HOST}:{free_port()}"))
    with pytest.raises(ClusterAway, match="COLLECTORS_SCHEMA_REGISTRY_URL") as raised:
        schemas.by_id(1)
    assert "secret" not in str(raised.value)


def test_the_user_in_the_url_reaches_the_registry_and_no_log(served: FakeRegistry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    schemas = Schemas.from_settings(Settings(schema_registry_url=served.url.replace("//", "//me:s3cr%40t@")))
    schemas.by_id(schemas.writer_id("app"))
    assert served.users == {f"Basic {base64.b64encode(b'me:s3cr@t').decode()}"}
    assert served.url in caplog.text, "the client tells of its requests"
    assert "s3cr" not in caplog.text


def test_a_url_that_is_none_is_the_settings_fault() -> None:
    with pytest.raises(FixUsage, match="schema_registry_url"):
        Schemas.from_settings(Settings(schema_registry_url="registry:8081"))
