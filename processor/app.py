"""The composition root: the only place that puts the parts together."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from processor.catalog.follower import CatalogFollower
from processor.catalog.view import look_for_topics, read_catalog
from processor.codec import records
from processor.codec.decoder import prediction_decoder
from processor.codec.predictions import candidate_encoder
from processor.codec.registry import Schemas
from processor.engine.decide import decide
from processor.errors import ClusterAway
from processor.funnel import funnel
from processor.kafka.address import bootstrap_servers
from processor.kafka.admin import Admin
from processor.kafka.failure import restarting
from processor.kafka.group import Member
from processor.kafka.lag import progress
from processor.kafka.protocol import group_protocol
from processor.kafka.reader import TopicReader
from processor.kafka.topic_watch import TopicWatch
from processor.kafka.transaction import Transaction
from processor.metrics import Metrics
from processor.stages.bad_records import BadRecordLimit
from processor.stages.outputs import Outputs
from processor.stages.pre_queue import STAGE as PRE_QUEUE
from processor.stages.pre_queue import Parts, PreQueue
from processor.stages.restore import CounterStore
from processor.stages.supervisor import Supervisor, worker_command
from processor.stages.watchdog import StopFlag, Watchdog, stop_with_supervisor
from processor.state.counters import Restoration
from processor.topics.names import COUNTERS, PREDICTIONS, PREDICTIONS_DEAD_LETTERS, QUEUE, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.settings import Settings
    from processor.state.counters import Slot

log = logging.getLogger("collectors")
PREFIX = "collectors"
POST_QUEUE = "post-queue"


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
    store = CounterStore(settings, schemas, partitions[prefixed(settings, COUNTERS)], PRE_QUEUE, watchdog.beat)
    transaction = Transaction(settings, transactional_id(settings, PRE_QUEUE, index))
    group, source, protocol = group_id(settings, PRE_QUEUE), prefixed(settings, PREDICTIONS), group_protocol(settings)
    return PreQueue(
        Parts(
            settings=settings,
            catalog=CatalogFollower(settings, schemas),
            topics=TopicWatch(settings),
            decode=metrics.timed("decode", prediction_decoder(schemas, settings.record_bytes_max).decode),
            decide=metrics.timed("decide", decide),
            outputs=metrics.timed("outputs", Outputs(settings, candidate_encoder(schemas)).records),
            restore=metrics.timed("restore", store.restore),
            counter_record=store.record,
            bad=BadRecordLimit(settings),
            transaction=transaction,
            commit=metrics.timed("commit", transaction.commit),
            join=lambda stage: Member(settings, group, source, protocol, stage),
            metrics=metrics,
            watchdog=watchdog,
        )
    )


def run_pre_queue(settings: Settings, index: int, metrics_port: int | None) -> None:
    """Be one process of the pre-queue stage until SIGTERM, or until the supervisor is gone."""
    stopping = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping.set)
    stop_with_supervisor(stopping.set)
    watchdog, metrics = Watchdog(settings.watchdog_ms), Metrics()
    if metrics_port is not None:
        metrics.serve(metrics_port)
    with restarting():
        pre_queue(settings, index, metrics, watchdog).run(stopping.is_set)
    log.info("%s: stopped cleanly", transactional_id(settings, PRE_QUEUE, index))


def supervise(settings: Settings, stages: Sequence[str], processes: int, metrics_port: int | None) -> int:
    """Run processes of the stages and start again what dies.

    Returns:
        The exit status.
    """
    wanted = sorted({PRE_QUEUE if stage == "all" else stage for stage in stages})
    commands = [
        worker_command(stage, index, metrics_port + index if metrics_port is not None else None)
        for stage in wanted
        for index in range(processes)
    ]
    # The address is looked up once: a local broker that is down when a process starts again must not change what it does.
    environment = os.environ | {"COLLECTORS_BOOTSTRAP_SERVERS": bootstrap_servers(settings)}
    return Supervisor(commands, environment, lambda: _answers(settings)).run()


def status(settings: Settings) -> dict[str, Any]:
    """Everything that ``collectors status --json`` prints.

    Raises:
        FixCluster: a topic is missing or the cluster does not answer.
    """
    schemas = Schemas.from_settings(settings)
    predictions = progress(settings, group_id(settings, PRE_QUEUE), prefixed(settings, PREDICTIONS))
    queue = progress(settings, group_id(settings, POST_QUEUE), prefixed(settings, QUEUE))
    return {
        "predictions": predictions.published,
        "collectors": funnel(_collector_states(settings, schemas), _counts(settings, schemas)),
        "sink": [],
        "lag": {"predictions": predictions.lag, "queue": queue.lag, "inputs": 0},
    }


def _collector_states(settings: Settings, schemas: Schemas) -> list[tuple[str, bool, str]]:
    catalog = read_catalog(settings, schemas)
    look_for_topics(settings, catalog)
    return list(catalog.collector_states())


def _counts(settings: Settings, schemas: Schemas) -> Iterator[tuple[Slot, int]]:
    restored = {stage: Restoration(stage) for stage in (PRE_QUEUE, POST_QUEUE)}
    reader = TopicReader(settings, [prefixed(settings, COUNTERS)])
    for record in reader.read_to_end():
        if record.value is not None:
            fields = records.decode(schemas, "counters", record.value)
            restored[fields["stage"]].add(fields)
    reader.close()
    return ((slot, count) for counts in restored.values() for _, slot, count in counts.rows())


def _answers(settings: Settings) -> bool:
    try:
        return bool(Admin(settings).names())
    except ClusterAway:
        return False
