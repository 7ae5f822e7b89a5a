"""The composition root: the only place that puts the parts together."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from processor.catalog.follower import CatalogFollower
from processor.catalog.view import look_for_topics, read_catalog
from processor.catalog.write import spent_quota_record
from processor.codec import records
from processor.codec.arrow_schema import arrow_schema
from processor.codec.bad import BadRecordError
from processor.codec.candidates import candidate_decoder
from processor.codec.decoder import prediction_decoder
from processor.codec.predictions import candidate_encoder
from processor.codec.registry import Schemas
from processor.connect.address import connect_url, require_connect_url
from processor.connect.controller import STAGE as SINK
from processor.connect.controller import Controller, Sink, take_all
from processor.connect.rest import RestConnectors
from processor.connect.status import observe, sink_rows
from processor.engine.decide import decide
from processor.engine.reasons import Outcome
from processor.errors import ClusterAway
from processor.funnel import funnel
from processor.kafka.address import bootstrap_servers
from processor.kafka.admin import Admin
from processor.kafka.again import PartitionReader
from processor.kafka.client import FETCH_BYTES, Fetch, fair_fetch
from processor.kafka.failure import restarting
from processor.kafka.group import Member, Subscription
from processor.kafka.lag import progress
from processor.kafka.protocol import group_protocol
from processor.kafka.reader import TopicReader
from processor.kafka.topic_watch import TopicWatch
from processor.kafka.transaction import Transaction
from processor.metrics import Metrics
from processor.second.operate import Operate
from processor.second.workflow import workflow_runner
from processor.secrets import SecretStore
from processor.stages.bad_records import BadRecordLimit
from processor.stages.outputs import Outputs
from processor.stages.pre_queue import STAGE as PRE_QUEUE
from processor.stages.pre_queue import Parts, PreQueue
from processor.stages.restore import Changelog, Store, Taken
from processor.stages.supervisor import Supervisor, worker_command
from processor.stages.watchdog import StopFlag, Watchdog, stop_with_supervisor
from processor.state.counters import Restoration
from processor.state.windows import WindowRestoration
from processor.topics.names import (
    COUNTERS,
    INPUTS_DEAD_LETTERS,
    PREDICTIONS,
    PREDICTIONS_DEAD_LETTERS,
    QUEUE,
    QUEUE_DEAD_LETTERS,
    QUEUE_STATE,
    SPENT_QUOTAS,
    prefixed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from processor.catalog.store import Catalog
    from processor.connect.plan import Plan
    from processor.connect.status import SinkRow
    from processor.kafka.reader import Record
    from processor.settings import Settings
    from processor.stages.post_queue import PostQueue
    from processor.state.counters import PartitionCounters, Slot

log = logging.getLogger("collectors")
PREFIX = "collectors"
POST_QUEUE = "post-queue"
SINK_PATIENCE = 4
# Candidates wait for models, never for a fetch; and what is fetched is unpacked at once, where lz4 makes it up to 255 times as large.
QUEUE_FETCH_BYTES = 128_000


def queue_fetch(partitions: int) -> Fetch:
    """How much the second stage fetches at once from the queue."""
    return Fetch(QUEUE_FETCH_BYTES, max(FETCH_BYTES, QUEUE_FETCH_BYTES * partitions))


def group_id(settings: Settings, stage: str) -> str:
    """The consumer group of a stage."""
    return prefixed(settings, f"{PREFIX}.{stage}")


def transactional_id(settings: Settings, stage: str, index: int) -> str:
    """The same over restarts, and of one process only."""
    return prefixed(settings, f"{PREFIX}.{stage}.{settings.instance}.{index}")


def pre_queue(settings: Settings, index: int, metrics: Metrics, watchdog: Watchdog) -> PreQueue:
    """Put one process of the pre-queue stage together."""
    schemas = Schemas.from_settings(settings)
    # All that a transaction may write to: producing to a topic that is missing would only show as one that never ends.
    partitions = Admin(settings).require([prefixed(settings, name) for name in (PREDICTIONS, QUEUE, COUNTERS, PREDICTIONS_DEAD_LETTERS)])
    changelog = _changelog(settings, PRE_QUEUE, COUNTERS, "counters", partitions)
    store = _counters(settings, schemas, changelog, metrics, watchdog)
    transaction = Transaction(settings, transactional_id(settings, PRE_QUEUE, index))
    source = prefixed(settings, PREDICTIONS)
    fetch = fair_fetch(partitions[source])
    subscription = Subscription(group_id(settings, PRE_QUEUE), source, group_protocol(settings), fetch, whole_runs=True)
    return PreQueue(
        Parts(
            settings=settings,
            catalog=CatalogFollower(settings, schemas),
            topics=TopicWatch(settings),
            decode=metrics.timed("decode", prediction_decoder(schemas, settings.record_bytes_max).decode),
            decide=metrics.timed("decide", decide),
            outputs=metrics.timed("outputs", Outputs(settings, candidate_encoder(schemas)).records),
            restore=store.restore,
            counter_record=store.record,
            bad=BadRecordLimit(settings),
            transaction=transaction,
            commit=metrics.timed("commit", transaction.commit),
            join=partial(Member, settings, subscription),
            metrics=metrics,
            watchdog=watchdog,
        )
    )


def _counters(settings: Settings, schemas: Schemas, changelog: Changelog, metrics: Metrics, watchdog: Watchdog) -> Store[PartitionCounters]:
    return Store(settings, schemas, changelog, lambda: Restoration(changelog.stage), watchdog.beat, partial(_restored, metrics, changelog))


def _restored(metrics: Metrics, changelog: Changelog, taken: Taken) -> None:
    metrics.restored(changelog.schema, taken.seconds, taken.records, taken.bytes)


def _changelog(settings: Settings, stage: str, topic: str, schema: str, partitions: Mapping[str, int]) -> Changelog:
    source = prefixed(settings, {PRE_QUEUE: PREDICTIONS, POST_QUEUE: QUEUE}[stage])
    return Changelog(stage, topic, schema, partitions[prefixed(settings, topic)], group_id(settings, stage), source)


def post_queue(settings: Settings, index: int, metrics: Metrics, watchdog: Watchdog) -> PostQueue:
    """Put one process of the post-queue stage together."""
    # Models bring HTTP clients and image decoders along: only this stage has to load them.
    from processor.stages.asker import Asker  # noqa: PLC0415
    from processor.stages.post_queue import PostParts, PostQueue  # noqa: PLC0415

    schemas = Schemas.from_settings(settings)
    written = (QUEUE, QUEUE_STATE, COUNTERS, QUEUE_DEAD_LETTERS, SPENT_QUOTAS)
    partitions = Admin(settings).require([prefixed(settings, name) for name in written])
    counters = _changelog(settings, POST_QUEUE, COUNTERS, "counters", partitions)
    windows = _changelog(settings, POST_QUEUE, QUEUE_STATE, "queue_state", partitions)
    source = prefixed(settings, QUEUE)
    subscription = Subscription(group_id(settings, POST_QUEUE), source, group_protocol(settings), queue_fetch(partitions[source]))
    asker = Asker(settings, SecretStore())
    return PostQueue(
        PostParts(
            settings=settings,
            catalog=CatalogFollower(settings, schemas),
            topics=TopicWatch(settings),
            decode=candidate_decoder(schemas),
            run=workflow_runner(Operate(arrow_schema(schemas.writer("prediction"))), asker.ask),
            asker=asker,
            outputs=Outputs(settings, candidate_encoder(schemas)),
            counters=_counters(settings, schemas, counters, metrics, watchdog),
            spent=lambda key, total: spent_quota_record(settings, schemas, key, total),
            windows=Store(settings, schemas, windows, WindowRestoration, watchdog.beat, partial(_restored, metrics, windows)),
            bad=BadRecordLimit(settings),
            transaction=Transaction(settings, transactional_id(settings, POST_QUEUE, index)),
            join=partial(Member, settings, subscription),
            read_again=partial(PartitionReader, settings, source, subscription.fetch.partition),
            metrics=metrics,
            watchdog=watchdog,
        )
    )


def run_worker(settings: Settings, stage: str, index: int, metrics_port: int | None) -> None:
    """Be one process of a stage until SIGTERM, or until the supervisor is gone."""
    stopping = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping.set)
    stop_with_supervisor(stopping.set)
    metrics = Metrics()
    if metrics_port is not None:
        metrics.serve(metrics_port)
    with restarting():
        if stage == SINK:
            _run_sink(settings, metrics, stopping.is_set)
        else:
            make = post_queue if stage == POST_QUEUE else pre_queue
            make(settings, index, metrics, Watchdog(settings.watchdog_ms)).run(stopping.is_set)
    log.info("%s: stopped cleanly", transactional_id(settings, stage, index))


def _run_sink(settings: Settings, metrics: Metrics, stopping: Callable[[], bool]) -> None:
    admin = Admin(settings)
    # Connect would make the topic itself, with three replicas or not at all, when the first input is refused.
    admin.require([prefixed(settings, INPUTS_DEAD_LETTERS)])
    follower = CatalogFollower(settings, Schemas.from_settings(settings))
    # A round that waits for brokers and for Connect may take longer than a batch.
    watchdog = Watchdog(settings.watchdog_ms * SINK_PATIENCE)
    with RestConnectors(require_connect_url(settings)) as connect:
        follower.bootstrap()
        watchdog.start()
        Controller(Sink(settings, connect, admin), follower, time.monotonic, watchdog.beat, metrics.connectors_are).run(stopping)


def supervise(settings: Settings, stages: Sequence[str], processes: int, metrics_port: int | None) -> int:
    """Run processes of the stages and start again what dies.

    Returns:
        The exit status.
    """
    wanted = [(stage, index) for stage in stages_named(settings, stages) for index in range(1 if stage == SINK else processes)]
    commands = [
        worker_command(stage, index, metrics_port + position if metrics_port is not None else None)
        for position, (stage, index) in enumerate(wanted)
    ]
    # The addresses are looked up once: a local broker that is down when a process starts again must not change what it does.
    environment = os.environ | {"COLLECTORS_BOOTSTRAP_SERVERS": bootstrap_servers(settings), "COLLECTORS_CONNECT_URL": settings.connect_url}
    return Supervisor(commands, environment, lambda: _answers(settings)).run()


def stages_named(settings: Settings, names: Sequence[str]) -> list[str]:
    """The stages that a command line means; a sink is among ``all`` where there is a Kafka Connect for it."""
    every = [PRE_QUEUE, POST_QUEUE, *([SINK] if settings.connect_url else [])]
    return sorted({stage for name in names for stage in (every if name == "all" else [name])})


def status(settings: Settings) -> dict[str, Any]:
    """Everything that ``collectors status --json`` prints.

    Raises:
        FixCluster: a topic is missing or the cluster does not answer.
    """
    schemas = Schemas.from_settings(settings)
    predictions = progress(settings, group_id(settings, PRE_QUEUE), prefixed(settings, PREDICTIONS))
    queue = progress(settings, group_id(settings, POST_QUEUE), prefixed(settings, QUEUE))
    counts, catalog = list(_counts(settings, schemas)), _catalog(settings, schemas)
    sinks = _sinks(settings, catalog, counts)
    return {
        "predictions": predictions.published,
        "collectors": funnel(catalog.collector_states(), counts),
        "sink": [row.counts() for row in sinks],
        "lag": {"predictions": predictions.lag, "queue": queue.lag, "inputs": sum(row.lag for row in sinks)},
    }


def sink_status(settings: Settings) -> list[SinkRow]:
    """The state of every app's sink.

    Raises:
        FixCluster: a topic is missing or the cluster does not answer.
    """
    schemas = Schemas.from_settings(settings)
    return _sinks(settings, _catalog(settings, schemas), list(_counts(settings, schemas)))


def sink_plan(settings: Settings, *, apply: bool) -> tuple[Plan, list[str]]:
    """What is to be done on Kafka Connect; with ``apply`` it is done.

    Returns:
        The plan, and what Connect refused of it, a line each.

    Raises:
        FixCluster: a topic is missing, or Kafka or Connect do not answer.
        FixUsage: no Kafka Connect is set.
    """
    with RestConnectors(require_connect_url(settings)) as connect:
        sink = Sink(settings, connect, Admin(settings))
        catalog = read_catalog(settings, Schemas.from_settings(settings))
        found = sink.compare(sink.wanted(catalog), sink.found())
        return found, [error for _, error in take_all(sink, found.steps if apply else ()) if error]


def _sinks(settings: Settings, catalog: Catalog, counts: Sequence[tuple[Slot, int]]) -> list[SinkRow]:
    """None without a Kafka Connect; one that does not answer is said in the rows."""
    if not (url := connect_url(settings)):
        return []
    collected = Counter[str]()
    for slot, count in counts:
        if slot.outcome == Outcome.COLLECTED:
            collected[slot.collector.rpartition("/")[0]] += count
    admin = Admin(settings)
    with RestConnectors(url) as connect:
        sinks = observe(Sink(settings, connect, admin), catalog)
    return sink_rows(settings, sinks, collected, admin.names())


def _catalog(settings: Settings, schemas: Schemas) -> Catalog:
    catalog = read_catalog(settings, schemas)
    look_for_topics(settings, catalog)
    return catalog


def _counts(settings: Settings, schemas: Schemas) -> Iterator[tuple[Slot, int]]:
    restored = [Restoration(stage) for stage in (PRE_QUEUE, POST_QUEUE)]
    reader = TopicReader(settings, [prefixed(settings, COUNTERS)])
    for record in reader.read_to_end():
        if record.value is not None:
            _restore(restored, record, schemas)
    reader.close()
    for counts in restored:
        try:
            yield from ((slot, count) for _, slot, count in counts.rows())
        except ValueError as error:
            log.warning("the counts may be too low: %s", error)


def _restore(restored: Iterable[Restoration], record: Record, schemas: Schemas) -> None:
    """Take one record; one that cannot be read is told and left out, since most of a status is better than none."""
    try:
        fields = records.decode(schemas, "counters", record.value)
        for counts in restored:
            counts.add(fields)
    except (BadRecordError, TypeError, ValueError) as error:
        place = f"{record.topic} partition {record.partition} offset {record.offset}"
        log.warning("%s is no counters, so the counts may be too low: %.2000s", place, error)


def _answers(settings: Settings) -> bool:
    try:
        return bool(Admin(settings).names())
    except ClusterAway:
        return False
