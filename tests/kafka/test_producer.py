"""Publishing to a real broker, from Python and from the command line."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from click.testing import CliRunner

from processor import PredictionProducer
from processor.cli.produce import command
from processor.codec.ndjson import from_avro
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from processor.errors import EXIT_FAILED, FixCluster
from processor.kafka.admin import Admin
from processor.kafka.reader import Record, TopicReader
from processor.kafka.topic_state import NewTopicState
from processor.topics.names import PREDICTIONS, prefixed

if TYPE_CHECKING:
    from click.testing import Result

    from processor.producer import Undelivered
    from processor.settings import Settings

pytestmark = pytest.mark.kafka


def numbered(i: int, **changes: Any) -> dict[str, Any]:
    concept = {"id": "ai_1", "name": "dog", "value": 0.5}
    model = {"user_id": "clarifai", "app_id": "main", "id": "general", "version_id": "aa7f"}
    return {
        "id": f"p-{i}",
        "model": model,
        "input": {"data": {"image": {"base64": "AAAA"}, "metadata": {"camera": i}}},
        "output": {"data": {"concepts": [concept]}},
    } | changes


@pytest.fixture
def topic(settings: Settings) -> str:
    """The topic of predictions."""
    name = prefixed(settings, PREDICTIONS)
    Admin(settings).create([NewTopicState(name, 3, 1, {})])
    Admin(settings).wait_for_topics([name])
    return name


def records(settings: Settings, topic: str) -> list[Record]:
    """All there are, by key."""
    reader = TopicReader(settings, [topic])
    found = sorted(reader.read_to_end(), key=lambda record: record.key or b"")
    reader.close()
    return found


def produce(settings: Settings, text: str, *arguments: str) -> Result:
    """``collectors produce -`` with these lines."""
    environment = {"COLLECTORS_BOOTSTRAP_SERVERS": settings.bootstrap_servers, "COLLECTORS_TOPIC_PREFIX": settings.topic_prefix}
    return CliRunner().invoke(command, ["-", *arguments], input=text, env=environment)


def ndjson(*predictions: dict[str, Any]) -> str:
    return "".join(f"{orjson.dumps(prediction).decode()}\n" for prediction in predictions)


def test_what_is_published_is_what_the_processor_reads(settings: Settings, topic: str) -> None:
    with PredictionProducer(settings) as producer:
        for i in range(50):
            producer.publish(numbered(i))
        assert producer.flush() == 0
        assert (producer.delivered, producer.failed) == (50, 0)
    written = records(settings, topic)
    decoded = PredictionDecoder(Schemas.checked_in()).decode([record.value for record in written])
    assert decoded.bad == ()
    assert [row["id"].encode() for row in decoded.batch.table.to_pylist()] == [record.key for record in written]
    shown = {row["id"]: from_avro(row)["input"]["data"] for row in decoded.batch.table.to_pylist()}
    assert shown == {f"p-{i}": numbered(i)["input"]["data"] for i in range(50)}
    assert dict(written[0].headers)["ce_source"] == b"/users/clarifai/apps/main/models/general"


def test_leaving_the_block_delivers_what_is_on_its_way(settings: Settings, topic: str) -> None:
    with PredictionProducer(settings) as producer:
        producer.publish(numbered(1))
    assert [record.key for record in records(settings, topic)] == [b"p-1"]


def test_a_record_that_the_topic_refuses_is_told(settings: Settings, topic: str) -> None:
    """A topic's limit can only be found out by asking the broker."""
    Admin(settings).alter_configs(topic, {"max.message.bytes": "2000"})
    failed: list[Undelivered] = []
    with PredictionProducer(settings, on_error=failed.append) as producer:
        content = base64.b64encode(b"".join(hashlib.sha256(bytes([i])).digest() for i in range(100))).decode()  # hardly compresses
        producer.publish(numbered(1, input={"data": {"image": {"base64": content}}}))
        assert producer.flush() == 0
        producer.publish(numbered(2))
    assert [each.id for each in failed] == ["p-1"]
    assert "max.message.bytes" in failed[0].reason
    assert [record.key for record in records(settings, topic)] == [b"p-2"]


def test_produce_delivers_every_line_and_says_so(settings: Settings, topic: str) -> None:
    done = produce(settings, ndjson(*map(numbered, range(20))) + "\n  \n", "--json")
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout) == {"topic": topic, "lines": 20, "delivered": 20, "bad_lines": 0, "bad": [], "undelivered": []}
    assert len(records(settings, topic)) == 20


def test_produce_reports_all_bad_lines_and_delivers_the_others(settings: Settings, topic: str) -> None:
    bad_values = numbered(3, id="", output={"data": {"concepts": [{"id": "c", "value": 7}]}})
    text = ndjson(numbered(1)) + "{not json\n" + ndjson(bad_values, numbered(4))
    done = produce(settings, text, "--json")
    assert done.exit_code == EXIT_FAILED
    summary = orjson.loads(done.stdout)
    assert [(each["line"], each["path"]) for each in summary["bad"]] == [(2, ""), (3, "id"), (3, "output.data.concepts[0].value")]
    assert (summary["lines"], summary["delivered"], summary["bad_lines"]) == (4, 2, 2)
    assert "error: line 3: output.data.concepts[0].value: " in done.stderr
    assert [record.key for record in records(settings, topic)] == [b"p-1", b"p-4"]


def test_produce_tells_people_the_same_in_a_line(settings: Settings, topic: str) -> None:
    done = produce(settings, ndjson(numbered(1)) + "[]\n")
    assert done.stdout == f"{topic}: 2 lines: 1 delivered, 1 bad, 0 not delivered\n"


def test_produce_keeps_to_the_rate(settings: Settings, topic: str) -> None:
    started = time.monotonic()
    done = produce(settings, ndjson(*map(numbered, range(10))), "--rate", "20")
    assert done.exit_code == 0, done.output
    assert time.monotonic() - started >= 0.5
    assert len(records(settings, topic)) == 10


def test_produce_without_the_topic_says_how_to_make_it(settings: Settings) -> None:
    done = produce(settings, ndjson(numbered(1)))
    assert isinstance(done.exception, FixCluster)
    assert "collectors topics apply" in str(done.exception)
