"""Faults of what is read: the catalog, the clock, the schemas, the topics' partitions. Each returns the proof that it struck."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ruamel.yaml import YAML

from processor import app
from processor.errors import ClusterAway
from processor.kafka.admin import Admin
from processor.kafka.committed import committed
from processor.kafka.reader import TopicReader
from processor.topics.names import PREDICTIONS, prefixed
from tests.faults.load import SCHEMAS
from tests.faults.scene import counters_topic
from tests.support.processes import collectors
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.faults.site import Site

T = TypeVar("T")
log = logging.getLogger("faults")
RECOVERY_S = 60
CLOCK_STEPS_S = (-1500.0, -61.0, -1.0, 61.0, 1500.0)
COMPACT_NOW = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.0", "max.compaction.lag.ms": "1", "delete.retention.ms": "1000"}


def catalog_rewrite(site: Site, rng: random.Random) -> str:
    """A threshold, a pause, a workflow or a key changes."""
    change, version = site.rewriter.rewrite(rng)
    wait_until(lambda: site.follower.newest_version >= version, "an input decided with the new catalog", RECOVERY_S, 0.1)
    return f"{change.name}: inputs are decided with catalog {version}"


def compaction(site: Site, rng: random.Random) -> str:
    """The cleaner takes records of the state and of the catalog away, while both are written and read."""
    admin, topics = Admin(site.settings), [counters_topic(site.settings), prefixed(site.settings, rng.choice(("collectors", "models")))]
    for _ in range(2):
        site.rewriter.rewrite(rng)
    before = {topic: _there(site, topic) for topic in topics}
    kept = {
        topic: {name: state.value for name, state in configs.configs.items() if name in COMPACT_NOW}
        for topic, configs in _insisted(lambda: admin.topics(topics), "the configs of topics").items()
    }
    for topic in topics:
        _insisted(partial(admin.alter_configs, topic, COMPACT_NOW), f"{topic} to be configured")
    try:
        gone = wait_until(lambda: len(before[topics[0]] - _there(site, topics[0])), "records to be compacted away", RECOVERY_S, 2.0)
    finally:
        for topic in topics:
            _insisted(partial(admin.alter_configs, topic, kept[topic]), f"{topic} to be configured as before")
    return f"{gone} records of {topics[0]} are no longer there, and {len(before[topics[1]] - _there(site, topics[1]))} of {topics[1]}"


def clock_step(site: Site, rng: random.Random) -> str:
    """The clock that stamps predictions and their records jumps, by up to 25 minutes from the real one."""
    step_s = rng.choice([step for step in CLOCK_STEPS_S if abs(site.load.clock_offset_s + step) < 3000])
    site.load.clock_offset_s += step_s
    mark = site.mark()
    wait_until(lambda: site.follower.newest >= mark, "inputs by the new clock", RECOVERY_S, 0.1)
    return f"the clock jumped by {step_s:+.0f} s to {site.load.clock_offset_s:+.0f} s, predictions stamped by it are decided"


def schema_evolution(site: Site, rng: random.Random) -> str:
    """Whoever publishes changes to the schema of another release."""
    site.load.schema = rng.choice([each for each in range(len(SCHEMAS)) if each != site.load.schema])
    mark = site.mark()
    wait_until(lambda: site.follower.newest >= mark, "inputs of the other schema", RECOVERY_S, 0.1)
    return f"predictions come with schema {SCHEMAS[site.load.schema]} and are decided"


def partition_growth(site: Site, _: random.Random) -> str:
    """topics.yaml asks for one more partition of the predictions, and is applied."""
    yaml, path = YAML(), site.system.folder / "settings" / "topics.yaml"
    document = yaml.load(path)
    wanted = document["topics"]["predictions"]["partitions"] = document["topics"]["predictions"]["partitions"] + 1
    yaml.dump(document, path)
    wait_until(lambda: _asked(lambda: _applied(site, wanted)), "topics apply", RECOVERY_S, 1.0)
    offset = wait_until(lambda: _asked(lambda: _committed(site, wanted - 1)), "the new partition to be read", RECOVERY_S, 1.0)
    return f"predictions have {wanted} partitions, and {offset} records of the new one are committed"


def _applied(site: Site, wanted: int) -> bool:
    """Whether the topic has grown; a command that failed beside a fault of the cluster is given again."""
    if collectors(site.settings, "topics", "apply").returncode:
        return False
    topic = prefixed(site.settings, PREDICTIONS)
    return Admin(site.settings).require([topic])[topic] == wanted


def _committed(site: Site, partition: int) -> int:
    group, topic = app.group_id(site.settings, "pre-queue"), prefixed(site.settings, PREDICTIONS)
    return max((part.offset for part in committed(site.settings, {group: [(topic, partition)]})[group]), default=0)


def _asked(question: Callable[[], T]) -> T | None:
    """What the cluster answers; None while a strike of another lane keeps it from answering."""
    try:
        return question()
    except ClusterAway as error:
        log.info("asked again: %s", error)
        return None


def _insisted(question: Callable[[], T], what: str) -> T:
    """As `_asked`, again and again until there is an answer, whatever it is."""
    answer = wait_until(lambda: _asked(lambda: (question(),)), what, RECOVERY_S, 1.0)
    assert answer is not None
    return answer[0]


def _there(site: Site, topic: str) -> set[tuple[int, int]]:
    """Where the records of a topic stand."""
    return _insisted(lambda: _read(site, topic), f"the records of {topic}")


def _read(site: Site, topic: str) -> set[tuple[int, int]]:
    reader = TopicReader(site.settings, [topic], committed=False)
    try:
        return {(record.partition, record.offset) for record in reader.read_to_end()}
    finally:
        reader.close()


STRIKES = {
    "catalog-rewrite": catalog_rewrite,
    "compaction": compaction,
    "clock-step": clock_step,
    "schema-evolution": schema_evolution,
    "partition-growth": partition_growth,
}
