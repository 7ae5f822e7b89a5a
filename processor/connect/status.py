"""What became of collected inputs: delivered, refused, or still waiting. Counts of records, not of offsets.

Of an app's inputs topic, the records between its connector's committed offset and the end are waiting; those among the dead letters, each
place in the topic once however often it was tried, are refused; and whatever else the processor has counted as collected is delivered.
Records that somebody put on the topic by hand wait and are refused like others, but nobody counted them in, so they are never delivered.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from processor.connect.plan import overall
from processor.errors import FixCluster
from processor.kafka.reader import TopicReader
from processor.kafka.unread import Unread, unread
from processor.topics.names import INPUTS_DEAD_LETTERS, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from processor.catalog.store import Catalog
    from processor.connect.controller import Sink
    from processor.connect.plan import Connector
    from processor.connect.wanted import Wanted
    from processor.kafka.reader import Record
    from processor.settings import Settings

MISSING = "MISSING"
UNKNOWN = "UNKNOWN"
SOURCE = tuple(f"__connect.errors.{field}" for field in ("topic", "partition", "offset"))
COLLECTOR_HEADER = "collector"


@dataclass(frozen=True, slots=True)
class SinkRow:
    """The sink of one app.

    Attributes:
        app: ``user/app``.
        state: of the connector and its tasks, as Connect has it; MISSING: there is no connector; UNKNOWN: Connect does not answer.
        delivered: collected inputs that the destination has.
        refused: inputs that it did not take: they are in ``inputs.dead-letters``.
        lag: inputs that wait.
        error: what it failed of or tries again after, or why nothing is posted.
    """

    app: str
    state: str
    delivered: int
    refused: int
    lag: int
    error: str = ""

    def counts(self) -> dict[str, str | int]:
        """As ``status --json`` has it."""
        return {"app": self.app, "state": self.state, "delivered": self.delivered, "refused": self.refused, "lag": self.lag}


@dataclass(frozen=True, slots=True)
class Sinks:
    """Connectors and the apps they are for.

    Attributes:
        wanted: what the catalog asks for.
        found: this system's connectors; None: Connect does not answer.
        error: what was said then.
    """

    wanted: Sequence[Wanted]
    found: Mapping[str, Connector] | None
    error: str = ""

    def apps(self) -> dict[str, str]:
        """Connector -> app, of all that post, should post, or did."""
        apps = {each.name: each.app for each in self.wanted if each.config is not None or each.broken}
        for name, connector in (self.found or {}).items():
            apps[name] = f"{connector.config.get('destination.user.id', '')}/{connector.config.get('destination.app.id', '')}"
        return dict(sorted(apps.items(), key=lambda pair: pair[1]))


def observe(sink: Sink, catalog: Catalog) -> Sinks:
    """Look at both sides; that Connect does not answer is a state like others.

    Raises:
        FixCluster: Kafka does not answer.
    """
    wanted = sink.wanted(catalog)
    try:
        return Sinks(wanted, sink.ours(sink.found()))
    except FixCluster as error:
        return Sinks(wanted, None, str(error))


def group_of(connector: str) -> str:
    """The consumer group that Connect reads a connector's topic with."""
    return f"connect-{connector}"


def sink_rows(settings: Settings, sinks: Sinks, collected: Mapping[str, int], topics: frozenset[str]) -> list[SinkRow]:
    """The state of every app's sink.

    Args:
        settings: the cluster.
        sinks: the connectors.
        collected: app -> how many inputs the processor has collected for it.
        topics: those that exist; an app's whose inputs topic is gone has nothing waiting.

    Raises:
        FixCluster: the brokers do not answer.
    """
    apps = sinks.apps()
    waiting = unread(settings, {name: group_of(name) for name in apps if name in topics}, _is_collected)
    refused = refusals(_dead_letters(settings, topics)) if apps else {}
    return list(rows(sinks, collected, waiting, refused))


def rows(sinks: Sinks, collected: Mapping[str, int], waiting: Mapping[str, Unread], refused: Mapping[str, Unread]) -> Iterator[SinkRow]:
    """The same from what was counted, by inputs topic, which is the connector's name."""
    wanted = {each.name: each for each in sinks.wanted}
    for name, app in sinks.apps().items():
        waits, refusal = waiting.get(name, Unread()), refused.get(name, Unread())
        delivered = max(0, collected.get(app, 0) - waits.marked - refusal.marked)
        state, error = _state(sinks, name, wanted[name].reason if name in wanted else "")
        yield SinkRow(app, state, delivered, refusal.records, waits.records, error or _noted_error(waits.notes))


def refusals(letters: Iterable[Record]) -> dict[str, Unread]:
    """Dead letters by the topic they came from; a record that was refused twice is one."""
    seen: set[tuple[bytes, ...]] = set()
    records, marked = Counter[str](), Counter[str]()
    for letter in letters:
        headers = dict(letter.headers)
        source = tuple(headers.get(name, b"") for name in SOURCE)
        topic = source[0].decode(errors="replace")
        records[topic] += source not in seen
        marked[topic] += source not in seen and _is_collected(letter)
        seen.add(source)
    return {topic: Unread(records[topic], marked[topic]) for topic in records}


def _state(sinks: Sinks, name: str, reason: str) -> tuple[str, str]:
    if sinks.found is None:
        return UNKNOWN, sinks.error
    connector = sinks.found.get(name)
    if connector is None:
        return MISSING, reason
    return overall(connector), connector.failure or reason


def _noted_error(notes: Iterable[str]) -> str:
    """The last error of a sink that runs and tries again, which it leaves beside its offsets; anybody may leave something else there."""
    for note in notes:
        with suppress(ValueError, TypeError, KeyError):
            if error := orjson.loads(note)["error"]:
                return str(error)
    return ""


def _is_collected(record: Record) -> bool:
    return any(name == COLLECTOR_HEADER for name, _ in record.headers)


def _dead_letters(settings: Settings, topics: frozenset[str]) -> Iterator[Record]:
    name = prefixed(settings, INPUTS_DEAD_LETTERS)
    if name in topics:
        reader = TopicReader(settings, [name])
        yield from reader.read_to_end()
        reader.close()
