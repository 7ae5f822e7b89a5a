"""Avro through a real schema registry: the same from end to end as with the ids of the index, and all that a registry has a say in."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from ruamel.yaml import YAML

from processor.codec.bad import BadReason
from processor.codec.framing import frame, unframe
from processor.codec.ndjson import from_avro
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import decode, encode
from processor.codec.registry import TOPICS, Schemas
from processor.errors import FixCluster
from processor.kafka.admin import Admin
from processor.settings import Settings
from processor.topics.names import PREDICTIONS_DEAD_LETTERS, inputs_topic
from tests.docs.pages import ROOT
from tests.support.apicurio import SchemaRegistryServer
from tests.support.predictions import prediction
from tests.support.processes import Processor, collectors
from tests.support.stage import assert_as_expected, process_all, records
from tests.support.waiting import wait_until
from tests.support.world import Publisher, expectation, predictions, set_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.large]

STREAM = list(predictions(300, 5))
UNKNOWN_ID = 999_999
APP = {"user_id": "acme", "id": "quality"}
# All that documents, keys, predictions and two stages write.
WRITTEN = ("prediction", "candidate", "collector", "workflow", "model", "app", "key", "counters", "queue_state")


@pytest.fixture(params=["index", "registry"])
def world(request: pytest.FixtureRequest, settings: Settings) -> tuple[Settings, Callable[[str], int]]:
    """Settings, and the id that records of a schema have to carry with them."""
    if request.param == "index":
        return settings, Schemas.checked_in().writer_id
    registry: SchemaRegistryServer = request.getfixturevalue("registry")
    return (
        settings.model_copy(update={"schema_registry_url": registry.url}),
        lambda name: int(registry.newest(f"{settings.topic_prefix}{TOPICS[name]}-value")["id"]),
    )


def ndjson(stream: list[dict[str, Any]]) -> str:
    """Predictions as people write them."""
    index = Schemas.checked_in()
    rows = PredictionDecoder(index).decode([encode(index, "prediction", each) for each in stream]).batch.table.to_pylist()
    return "".join(f"{orjson.dumps(from_avro(row)).decode()}\n" for row in rows)


def consumed(settings: Settings, app: str) -> list[tuple[str, str]]:
    """(collector, prediction id) of an app's inputs, as a consumer is shown them."""
    done = collectors(settings, "consume", "--user", "acme", "--app", app, "--from-beginning")
    assert done.returncode == 0, done.stderr
    rows = [orjson.loads(line)["headers"] for line in done.stdout.splitlines()]
    return [(row["collector"], row["prediction-id"]) for row in rows]


def collected(settings: Settings) -> int:
    """How many inputs there are."""
    return sum(len(records(settings, inputs_topic("acme", app))) for app in ("quality", "second"))


def ids_on_the_wire(settings: Settings) -> dict[str, set[int]]:
    """Name of a schema → the ids that the records of its topic carry; without those of which there is no record."""
    found = {name: {unframe(record.value)[0] for record in records(settings, topic) if record.value} for name, topic in TOPICS.items()}
    return {name: ids for name, ids in found.items() if ids}


def test_predictions_become_inputs_whoever_gives_out_the_schema_ids(world: tuple[Settings, Callable[[str], int]]) -> None:
    settings, id_of = world
    set_up(settings)
    produced = collectors(settings, "produce", "-", "--json", input=ndjson(STREAM))
    assert orjson.loads(produced.stdout)["delivered"] == len(STREAM), produced.stderr
    stranger = frame(UNKNOWN_ID, unframe(encode(Schemas.checked_in(), "prediction", STREAM[0]))[1])
    publisher = Publisher(settings)
    publisher.publish_bytes(b"key", stranger)
    publisher.flush()
    process_all(settings)
    assert_as_expected(settings, STREAM)
    taken = expectation(STREAM).taken
    with Processor(settings, 1, "post-queue") as second:
        wait_until(lambda: collected(settings) >= taken.total(), "the candidates among the inputs", 60, 0.3)
        assert second.terminate() == 0, second.log()

    assert Counter(consumed(settings, "quality") + consumed(settings, "second")) == taken
    (letter,) = records(settings, PREDICTIONS_DEAD_LETTERS)
    assert letter.value == stranger
    assert dict(letter.headers)["__streams.errors.exception"] == BadReason.UNKNOWN_SCHEMA_ID.value.encode()
    wanted = {name: {id_of(name)} for name in WRITTEN}
    wanted["prediction"] |= {UNKNOWN_ID}
    assert ids_on_the_wire(settings) == wanted


def test_no_id_of_the_registry_is_one_of_the_index(registry: SchemaRegistryServer) -> None:
    """Or the test above would prove nothing."""
    index = json.loads((ROOT / "schemas" / "ids.json").read_text(encoding="utf-8"))
    assert registry.register(f"{secrets.token_hex(3)}-value", '"string"') > max(map(int, index))


@pytest.fixture
def prefix() -> str:
    """Of subjects of the test's own."""
    return f"t{secrets.token_hex(3)}-"


@pytest.fixture
def schemas(registry: SchemaRegistryServer, prefix: str) -> Schemas:
    """Schemas with the registry's ids."""
    return Schemas.from_settings(Settings(schema_registry_url=registry.url, topic_prefix=prefix))


def test_our_schemas_are_registered_under_their_topics(registry: SchemaRegistryServer, schemas: Schemas, prefix: str) -> None:
    ids = {f"{prefix}{topic}-value": schemas.writer_id(name) for name, topic in TOPICS.items()}
    assert {subject: registry.newest(subject)["id"] for subject in ids} == ids
    assert decode(schemas, "app", encode(schemas, "app", APP))["id"] == "quality"


def test_a_producer_with_the_registrys_own_serializer_is_understood(registry: SchemaRegistryServer, schemas: Schemas, prefix: str) -> None:
    text = (ROOT / "schemas" / "prediction.avsc").read_text(encoding="utf-8")
    with SchemaRegistryClient({"url": registry.url}) as client:
        value = AvroSerializer(client, text)(prediction(), SerializationContext(f"{prefix}predictions", MessageField.VALUE))
    decoded = PredictionDecoder(schemas).decode([value])
    assert decoded.bad == ()
    assert decoded.batch.table["id"].to_pylist() == ["p-1"]


def test_a_writer_of_another_release_is_understood(registry: SchemaRegistryServer, schemas: Schemas, prefix: str) -> None:
    newer = json.loads((ROOT / "schemas" / "app.avsc").read_text(encoding="utf-8"))
    newer["fields"].insert(0, {"name": "colour", "type": "string"})
    schema_id = registry.register(f"{prefix}apps-value", json.dumps(newer))
    body = unframe(encode(schemas, "app", APP))[1]
    assert decode(schemas, "app", frame(schema_id, b"\x06red" + body))["id"] == "quality"


def test_schemas_that_refer_to_others_are_put_together(registry: SchemaRegistryServer, schemas: Schemas, prefix: str) -> None:
    registry.register(f"{prefix}prediction", schemas.text("prediction"))
    references = [{"name": "collectors.Prediction", "subject": f"{prefix}prediction", "version": 1}]
    candidate = (ROOT / "schemas" / "candidate.avsc").read_text(encoding="utf-8")
    schema_id = registry.register(f"{prefix}candidate", candidate, references=references)
    value = {"collector": "u/a/c", "inclusion_probability": 0.5, "catalog_version": "", "prediction": prediction()}
    body = unframe(encode(schemas, "candidate", value))[1]
    assert decode(schemas, "candidate", frame(schema_id, body))["prediction"]["id"] == "p-1"


@pytest.mark.parametrize(
    ("schema", "fields", "reason"),
    [
        ('{"$schema": "http://json-schema.org/draft-07/schema#"}', {"schemaType": "JSON"}, BadReason.UNKNOWN_SCHEMA_ID),
        ('"string"', {}, BadReason.NOT_DECODABLE),
        ('{"type":"array","items":"null"}', {}, BadReason.NOT_DECODABLE),
    ],
)
def test_a_schema_that_is_no_avro_record_makes_the_record_bad_and_no_more(
    registry: SchemaRegistryServer, schemas: Schemas, prefix: str, schema: str, fields: dict[str, Any], reason: BadReason
) -> None:
    schema_id = registry.register(f"{prefix}other", schema, **fields)
    good = encode(schemas, "prediction", prediction())
    decoded = PredictionDecoder(schemas).decode([good, frame(schema_id, b"\x00"), good])
    assert [(bad.index, bad.reason) for bad in decoded.bad] == [(1, reason)]
    assert decoded.batch.table.num_rows == 2


def test_a_refused_schema_stops_the_writer_and_says_what_to_do(registry: SchemaRegistryServer, schemas: Schemas, prefix: str) -> None:
    other = {"type": "record", "name": "App", "namespace": "collectors", "fields": [{"name": "number", "type": "int"}]}
    registry.register(f"{prefix}apps-value", json.dumps(other))
    registry.ask("PUT", f"/config/{prefix}apps-value", {"compatibility": "FULL"})
    with pytest.raises(FixCluster, match=rf"register {prefix}apps-value.*compatible.*another topic_prefix"):
        encode(schemas, "app", APP)


def test_an_address_without_the_api_is_told_before_any_record_is_judged(registry: SchemaRegistryServer) -> None:
    """Every id would be unknown there, and every record a dead letter."""
    schemas = Schemas.from_settings(Settings(schema_registry_url=registry.url.replace("ccompat", "elsewhere")))
    with pytest.raises(FixCluster, match="Confluent-compatible API"):
        PredictionDecoder(schemas)


def test_the_registry_of_the_containers_keeps_its_schemas_for_good(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set up by docker-compose.yml as it stands, but for the broker's address."""
    compose = YAML(typ="safe", pure=True).load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    for name, value in compose["services"]["registry"]["environment"].items():
        monkeypatch.setenv(name, value.replace("kafka:19092", settings.bootstrap_servers))
    kept = SchemaRegistryServer(tmp_path)
    try:
        kept.start()
        schema_id = kept.register("kept", '"string"')
        kept.kill()
        kept.start()
        assert kept.newest("kept")["id"] == schema_id
    finally:
        kept.remove()
    topics = Admin(settings).topics(["kafkasql-journal", "kafkasql-snapshots"])
    assert [topic.configs["retention.ms"].value for topic in topics.values()] == ["-1", "-1"]
