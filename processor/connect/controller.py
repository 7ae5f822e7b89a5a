"""Keeps Kafka Connect equal to the catalog: compares every few seconds and after every change, and takes the steps of the plan.

Connect keeps what it was told, so this may be down: inputs go on being posted, and what changed meanwhile is done at the next start.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from processor.connect.plan import Create, Pause, Plan, Restart, Resume, Step, Update, is_ours, overall, plan
from processor.connect.wanted import managed_by, wanted_connectors
from processor.errors import ClusterAway, FixCluster
from processor.secrets import STORE_FOLDER
from processor.topics.names import existing_inputs_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from processor.catalog.store import Catalog
    from processor.connect.plan import Connector
    from processor.connect.rest import Connectors
    from processor.connect.wanted import Wanted
    from processor.kafka.topic_state import Layout
    from processor.settings import Settings

log = logging.getLogger("collectors.sink")

STAGE = "sink"
LOOK_EVERY_S = 3.0
CATALOG_WAIT_S = 0.2
# A rotated key or a destination that is well again should not wait long; one that stays broken should not be asked for ever.
BACKOFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
WELL_AFTER_S = 60.0
TRIED_LATER = (Create, Update, Restart)


class Topics(Protocol):
    """Which topics the cluster has."""

    def layout(self) -> Layout:
        """All topics with their partitions."""


class Follower(Protocol):
    """The catalog as it is now; see `CatalogFollower`."""

    catalog: Catalog

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Take in what has come since; returns whether the catalog changed."""


@dataclass(slots=True)
class _Failing:
    """A connector that has failed before: how often, when last tried again, and when it may be again."""

    failures: int = 0
    tried_s: float = 0.0
    again_s: float = 0.0


class Restarts:
    """Which failed connectors may be tried again now: each one later and later, until it has been well for a minute."""

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}

    def due(self, name: str, now_s: float) -> bool:
        """Whether it may be tried again."""
        return name not in self._failing or now_s >= self._failing[name].again_s

    def tried(self, name: str, now_s: float) -> None:
        """It was."""
        failing = self._failing.setdefault(name, _Failing())
        failing.tried_s = now_s
        failing.again_s = now_s + BACKOFF_S[min(failing.failures, len(BACKOFF_S) - 1)]
        failing.failures += 1

    def well(self, names: Iterable[str], now_s: float) -> None:
        """These run now; those that have for long enough begin anew when they fail."""
        for name in names:
            if name in self._failing and now_s - self._failing[name].tried_s > WELL_AFTER_S:
                del self._failing[name]

    def forget(self, name: str) -> None:
        """What it failed of may be mended."""
        self._failing.pop(name, None)


class Sink:
    """The connectors of this system, and what they have to be.

    Args:
        settings: prefix, default destination, options of connectors, and where the secrets are.
        connect: the Connect cluster.
        topics: the Kafka cluster.
    """

    def __init__(self, settings: Settings, connect: Connectors, topics: Topics) -> None:
        self._settings = settings
        self._connect = connect
        self._topics = topics
        self._mark = managed_by(settings)
        self._secrets_folder = settings.connect_secrets_folder or str(STORE_FOLDER.absolute())

    def wanted(self, catalog: Catalog) -> tuple[Wanted, ...]:
        """What there must be; the catalog is told which inputs topics there are.

        Raises:
            FixCluster: Kafka refuses to tell; ClusterAway where it does not answer.
        """
        layout = self._topics.layout()
        catalog.set_topics(existing_inputs_topics(self._settings, layout.topics))
        partitions = {name: topic.partitions for name, topic in layout.topics.items()}
        return wanted_connectors(self._settings, catalog, self._secrets_folder, partitions)

    def found(self) -> dict[str, Connector]:
        """What there is, ours or not.

        Raises:
            FixCluster: Connect refuses to tell; ClusterAway where it does not answer.
        """
        return self._connect.connectors()

    def compare(self, wanted: Sequence[Wanted], found: Mapping[str, Connector]) -> Plan:
        """What is to be done."""
        return plan(wanted, found, self._mark)

    def ours(self, found: Mapping[str, Connector]) -> dict[str, Connector]:
        """Those of the connectors that this system made."""
        return {name: connector for name, connector in found.items() if is_ours(connector, self._mark)}

    def take(self, step: Step) -> None:
        """Take one step.

        Raises:
            FixCluster: Connect refuses it; ClusterAway where it does not answer.
        """
        match step:
            case Create(name, config) | Update(name, _, config):
                self._connect.configure(name, config)
            case Pause(name):
                self._connect.pause(name)
            case Resume(name):
                self._connect.resume(name)
            case Restart(name):
                self._connect.restart(name)


def take_all(sink: Sink, steps: Iterable[Step], beat: Callable[[], None] = lambda: None) -> Iterator[tuple[Step, str]]:
    """Take steps; one that Connect refuses does not keep the others from being taken.

    Yields:
        Each step, and what was said against it; empty: it was taken.

    Raises:
        ClusterAway: Connect does not answer any more.
    """
    for step in steps:
        beat()
        try:
            sink.take(step)
        except ClusterAway:
            raise
        except FixCluster as error:
            yield step, str(error)
        else:
            yield step, ""


class Controller:
    """`run sink`: one loop that follows the catalog.

    Args:
        sink: what to keep as the catalog wants it.
        catalog: the catalog as it changes; it has been read whole.
        clock: seconds, monotonic.
        beat: told at every turn.
        report: told at every round how many connectors are in which state.
    """

    def __init__(
        self,
        sink: Sink,
        catalog: Follower,
        clock: Callable[[], float],
        beat: Callable[[], None] = lambda: None,
        report: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        self._sink = sink
        self._follower = catalog
        self._clock = clock
        self._beat = beat
        self._report = report
        self._restarts = Restarts()
        self._key_hashes: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._told: frozenset[str] = frozenset()
        self._look_again_s = 0.0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Follow until told to stop."""
        while not stopping():
            self._beat()
            self.turn(CATALOG_WAIT_S)

    def turn(self, wait_s: float = 0.0) -> None:
        """Take in what changed, and compare when something did or it is time to."""
        if self._follower.poll(wait_s) or self._clock() >= self._look_again_s:
            self._look_again_s = self._clock() + LOOK_EVERY_S
            self._tell(self._compare())

    def _compare(self) -> list[str]:
        """One round; what stands in its way, for people."""
        try:
            return self._round()
        except FixCluster as error:
            return [str(error)]

    def _round(self) -> list[str]:
        wanted, found = self._sink.wanted(self._follower.catalog), self._sink.found()
        found_plan = self._sink.compare(wanted, found)
        self._report(Counter(overall(connector) for connector in self._sink.ours(found).values()))
        self._notice_rotation(wanted)
        self._restarts.well((name for name, connector in found.items() if not connector.failure), self._clock())
        due = [step for step in found_plan.steps if not isinstance(step, TRIED_LATER) or self._restarts.due(step.name, self._clock())]
        for step, error in take_all(self._sink, due, self._beat):
            self._note(step, error)
        still_wanted = {step.name for step in found_plan.steps if isinstance(step, TRIED_LATER)}
        # What waits to be tried again still stands in the way.
        self._failed = {name: error for name, error in self._failed.items() if name in still_wanted}
        return [*self._failed.values(), *map(str, found_plan.refused), *found_plan.notes]

    def _note(self, step: Step, error: str) -> None:
        """Remember what came of a step."""
        self._failed.pop(step.name, None)
        if error:
            self._failed[step.name] = error
        else:
            log.info("%s", step)
        if isinstance(step, TRIED_LATER):
            if error or isinstance(step, Restart):
                self._restarts.tried(step.name, self._clock())
            else:
                self._restarts.forget(step.name)

    def _notice_rotation(self, wanted: Sequence[Wanted]) -> None:
        """A task that an old secret stopped is started again at once when there is a new one."""
        for each in wanted:
            if self._key_hashes.get(each.name, each.key_hash) != each.key_hash:
                self._restarts.forget(each.name)
        self._key_hashes = {each.name: each.key_hash for each in wanted}

    def _tell(self, obstacles: list[str]) -> None:
        """Each obstacle once, and that it is gone."""
        now = frozenset(obstacles)
        for obstacle in obstacles:
            if obstacle not in self._told:
                log.warning("%s", obstacle)
        if self._told and not now:
            log.info("nothing stands in the way any more")
        self._told = now
