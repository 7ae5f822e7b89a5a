"""The cluster as each contender finds it: the same predictions, everything else as new."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson
import xxhash
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from benchmarks.support.job import Job, Watch
from benchmarks.support.loop import MODEL
from benchmarks.support.meter import SILENT
from benchmarks.support.work import (
    FILTER_NODE,
    SAMPLE_NODE,
    THRESHOLD,
    keep_fraction,
    loop_plan,
    make_watchers,
    number_of,
    predictions,
    share_below,
)
from processor.app import group_id
from processor.catalog.changes import Change
from processor.catalog.records import App, Collector, Key, Kind, Model, Record, Workflow, WorkflowNode, record_key
from processor.catalog.store import Catalog
from processor.catalog.write import CatalogWriter, order
from processor.kafka.admin import Admin
from processor.kafka.client import producer
from processor.kafka.reader import TopicReader
from processor.resources import POST_INPUTS
from processor.stages.pre_queue import STAGE
from processor.topics.apply import read_spec
from processor.topics.names import PREDICTIONS, inputs_topic, prefixed
from processor.topics.plan import new_topic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from confluent_kafka import Producer

    from processor.codec.registry import Schemas
    from processor.settings import Settings

PARTITIONS = 4
APPS = 10
OWNER = "acme"
KEY = "ingest"
SAMPLED_FOR_SHARE = 20_000
REQUEST_TIMEOUT_S = 30.0
# Of each partition; what is older goes soon (`benchmarks.support.broker`). Memory that has held records holds the next ones then, as where
# a broker has run for days. On a guest that gives memory back to its host, a page that was never used costs ten times the writing of one.
KEEP_FEW = {"retention.bytes": str(512 * 2**20), "segment.bytes": str(16 * 2**20), "file.delete.delay.ms": "500"}
KINDS: dict[type[Record], Kind] = {App: Kind.APP, Key: Kind.KEY, Model: Kind.MODEL, Workflow: Kind.WORKFLOW, Collector: Kind.COLLECTOR}


class Outputs(NamedTuple):
    """What a contender wrote.

    Attributes:
        records: how many inputs.
        sets: of the first so many predictions: how many inputs, and a hash of the set of (collector, prediction id).
    """

    records: int
    sets: dict[int, tuple[int, int]]


class Cluster:
    """Topics, predictions and catalog of one benchmark run.

    Args:
        settings: the broker and the prefix.
        schemas: to encode with.

    Attributes:
        apps: into how many apps the collectors collect, in turn.
    """

    def __init__(self, settings: Settings, schemas: Schemas) -> None:
        self.apps = APPS
        self._settings = settings
        self._schemas = schemas
        self._client = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": SILENT})
        self._spec = read_spec(settings)
        self._predictions = prefixed(settings, PREDICTIONS)
        self._below = 0.0
        self._topics: dict[int, str] = {}

    def publish(self, records: int) -> float:
        """Fill the predictions topic; the share of predictions below the threshold."""
        values = self._fill(self._predictions, records)
        self._topics[records] = self._predictions
        self._below = share_below(self._schemas, values)
        return self._below

    def publish_nothing(self, below: float) -> None:
        """Have an empty predictions topic, for predictions of which this share will be below the threshold; the newest of them are kept."""
        self._below = below
        self._create(self._predictions, KEEP_FEW)
        self._topics[0] = self._predictions

    def _create(self, topic: str, configs: Mapping[str, str] | None = None) -> None:
        """Make a topic for predictions."""
        admin, wanted = Admin(self._settings), new_topic(topic, self._spec.topics[PREDICTIONS])
        admin.create([type(wanted)(wanted.name, PARTITIONS, wanted.replication, {**wanted.configs, **(configs or {})})])
        admin.wait_for_topics([wanted.name])

    def _fill(self, topic: str, records: int) -> list[bytes]:
        """Publish predictions; some of them."""
        self._create(topic)
        publisher = producer(self._settings)
        values: list[bytes] = []
        for key, value in predictions(self._schemas, records):
            while not _enqueued(publisher, topic, key, value):
                publisher.poll(0.05)
            if len(values) < SAMPLED_FOR_SHARE:
                values.append(value)
        publisher.flush()
        return values

    def _first(self, records: int) -> str:
        """A topic with so many of the predictions, the first ones."""
        if records not in self._topics:
            self._topics[records] = f"{self._predictions}.first-{records}"
            self._fill(self._topics[records], records)
        return self._topics[records]

    def prepare(self, collectors: int, records: int) -> Job:
        """Forget what contenders before have left, write the catalog, and say what there is to do.

        Args:
            collectors: how many.
            records: how many of the predictions the contender is to read.
        """
        self._forget()
        admin, listed = Admin(self._settings), self._spec.topics.items()
        topics = [new_topic(prefixed(self._settings, name), wanted) for name, wanted in listed if name != PREDICTIONS]
        admin.create(topics)
        admin.wait_for_topics([topic.name for topic in topics])
        changes = [Change(KINDS[type(record)], record_key(record), record) for record in _catalog(collectors, self.apps, self._below)]
        apps = [(OWNER, _app(i)) for i in range(self.apps)]
        CatalogWriter(self._settings, self._schemas).write(order(Catalog(()), changes, apps, "benchmark", datetime.now(UTC)))
        return self._job(collectors, self._first(records))

    def outputs(self, job: Job, sizes: Collection[int]) -> Outputs:
        """Read back, read committed, what a contender wrote.

        Args:
            job: what it was told.
            sizes: of the sets of first predictions to tell apart; none where its records do not say what they are.
        """
        reader = TopicReader(self._settings, job.outputs)
        count, sets = 0, dict.fromkeys(sizes, (0, 0))
        for record in reader.read_to_end():
            count += 1
            headers = dict(record.headers) if sizes else {}
            for size in sizes:
                if number_of(headers["prediction-id"]) < size:
                    inputs, digest = sets[size]
                    drawn = xxhash.xxh3_64_intdigest(headers["prediction-id"] + b"\0" + headers["collector"])
                    sets[size] = inputs + 1, digest ^ drawn
        reader.close()
        return Outputs(count, sets)

    def _job(self, collectors: int, predictions_topic: str) -> Job:
        watchers = make_watchers([_key(i, self.apps) for i in range(collectors)], self._below)
        topics = [prefixed(self._settings, inputs_topic(OWNER, _app(i))) for i in range(self.apps)]
        inclusion = keep_fraction(collectors, self._below)
        return Job(
            bootstrap_servers=self._settings.bootstrap_servers,
            topic_prefix=self._settings.topic_prefix,
            predictions=predictions_topic,
            group=group_id(self._settings, STAGE),
            transactional_id=f"{self._settings.topic_prefix}bench",
            commit_interval_ms=self._settings.commit_interval_ms,
            outputs=tuple(topics),
            collectors=tuple(Watch(loop_plan(each), topics[i % self.apps], inclusion) for i, each in enumerate(watchers.collectors)),
        )

    def _forget(self) -> None:
        """Delete the group and every topic but the predictions."""
        self._forget_group()
        admin = Admin(self._settings)
        kept, prefix = set(self._topics.values()), self._settings.topic_prefix
        gone = [name for name in admin.layout().topics if name.startswith(prefix) and name not in kept]
        for future in (self._client.delete_topics(gone, request_timeout=REQUEST_TIMEOUT_S) if gone else {}).values():
            future.result()
        while set(gone) & admin.layout().topics.keys():
            time.sleep(0.05)

    def _forget_group(self) -> None:
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        while True:
            (future,) = self._client.delete_consumer_groups([group_id(self._settings, STAGE)], request_timeout=REQUEST_TIMEOUT_S).values()
            error = future.exception()
            if not isinstance(error, KafkaException) or error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if time.monotonic() > deadline:  # a member that has just gone may still count for a moment
                raise error
            time.sleep(0.1)


def _catalog(collectors: int, apps: int, below: float) -> Iterator[Record]:
    user, app, model = MODEL.split("/")
    fraction = keep_fraction(collectors, below)
    for i in range(apps):
        yield App(OWNER, _app(i), plan="professional")
        yield Key(OWNER, _app(i), KEY, scopes=(POST_INPUTS,))
        yield _operator(i, FILTER_NODE, "max-probability", {"value": THRESHOLD})
        yield _operator(i, SAMPLE_NODE, "random-sample", {"keep_fraction": fraction})
        nodes = WorkflowNode(FILTER_NODE, "", "", FILTER_NODE), WorkflowNode(SAMPLE_NODE, "", "", SAMPLE_NODE, inputs=(FILTER_NODE,))
        yield Workflow(OWNER, _app(i), "unsure-sample", nodes)
    for i in range(collectors):
        yield Collector(
            OWNER,
            _app(i % apps),
            f"c{i}",
            pre_queue_workflow_id="unsure-sample",
            model_user_id=user,
            model_app_id=app,
            model_id=model,
            post_inputs_key_id=KEY,
        )


def _operator(app: int, name: str, model_type: str, params: dict[str, float]) -> Model:
    return Model(OWNER, _app(app), name, model_type_id=model_type, output_info=orjson.dumps({"params": params}).decode())


def _app(number: int) -> str:
    return f"app{number}"


def _key(collector: int, apps: int) -> str:
    return f"{OWNER}/{_app(collector % apps)}/c{collector}"


def _enqueued(publisher: Producer, topic: str, key: bytes, value: bytes) -> bool:
    try:
        publisher.produce(topic, value=value, key=key)
        publisher.poll(0)
    except BufferError:
        return False
    return True
