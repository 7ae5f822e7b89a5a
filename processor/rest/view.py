"""The catalog as one process of a server sees it: followed in a thread, looked at by all the others under one lock."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol

from processor.catalog.follower import CatalogFollower
from processor.catalog.records import Key, Kind
from processor.catalog.store import Catalog
from processor.rest.keys import by_hash
from processor.rest.listing import Listing
from processor.topics.names import existing_inputs_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from processor.catalog.changes import Change
    from processor.codec.registry import Schemas
    from processor.settings import Settings

log = logging.getLogger("collectors.rest")

POLL_S = 0.2
AGAIN_S = 2.0
REMEMBERED_CHANGESETS = 10_000


class Topics(Protocol):
    """Which topics there are, as `TopicWatch` knows it."""

    @property
    def names(self) -> frozenset[str]:
        """The names of all topics; a new object only when they changed."""

    def start(self) -> None:
        """Ask, and go on asking."""

    def stop(self) -> None:
        """Ask no more."""


class CatalogView:
    """The catalog as this process has it. While no broker answers, it stays as it was.

    Args:
        settings: the cluster.
        schemas: how values are decoded.
        topics: which topics there are; None: every inputs topic is taken to exist.
        follow: makes a follower.
    """

    def __init__(
        self,
        settings: Settings,
        schemas: Schemas,
        topics: Topics | None = None,
        follow: Callable[..., CatalogFollower] = CatalogFollower,
    ) -> None:
        self._settings = settings
        self._schemas = schemas
        self._topics = topics
        self._follow = follow
        self._catalog = Catalog(settings.plans_with_collectors)
        self._listing = Listing()
        self._keys: Mapping[str, Sequence[Key]] = {}
        self._changed = threading.Condition(threading.RLock())
        self._applied: deque[str] = deque(maxlen=REMEMBERED_CHANGESETS)
        self._known_topics: frozenset[str] = frozenset()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.follows = False

    def find(self, sha256: str) -> Sequence[Key]:
        """All keys whose secret has this SHA-256 (hex)."""
        return self._keys.get(sha256, ())

    @contextlib.contextmanager
    def looking(self) -> Iterator[tuple[Catalog, Listing]]:
        """The catalog, and what is in its apps, which nobody changes until the block is left."""
        with self._changed:
            yield self._catalog, self._listing

    def wait_for(self, changeset: str, timeout_s: float) -> bool:
        """Wait until a changeset is part of the catalog; returns whether it came to be in time."""
        with self._changed:
            return self._changed.wait_for(lambda: changeset in self._applied, timeout_s)

    def knows_topic(self, name: str) -> bool:
        """Whether a topic (full name) is known to exist: it did a moment ago."""
        return name in self._known_topics

    def know_topics(self, names: frozenset[str]) -> None:
        """Take some more topics (full names) for existing: they were just made."""
        with self._changed:
            if self._topics is not None and not names <= self._known_topics:
                self._take_topics(self._known_topics | names)

    def start(self) -> None:
        """Read everything, and follow what changes from now on.

        Raises:
            FixCluster: a catalog topic is missing, or the brokers do not answer.
        """
        if self._topics is not None:
            self._topics.start()
        follower = self._opened()
        self._thread = threading.Thread(target=self._run, args=(follower,), name="catalog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; what is known stays."""
        self._stopped.set()
        if self._topics is not None:
            self._topics.stop()
        if self._thread is not None:
            self._thread.join()

    def _opened(self) -> CatalogFollower:
        listing = Listing()
        follower = self._follow(self._settings, self._schemas, apply=partial(self._apply, listing))
        try:
            follower.bootstrap()
        except BaseException:
            follower.close()
            raise
        with self._changed:
            self._catalog, self._listing = follower.catalog, listing
            self._take_keys()
            if self._topics is not None:
                self._take_topics(self._topics.names)
        self.follows = True
        return follower

    def _run(self, follower: CatalogFollower | None) -> None:
        """Follow, and begin anew whenever that fails: a server outlives the brokers' bad days."""
        while not self._stopped.is_set():
            try:
                follower = follower or self._opened()
                self._follow_on(follower)
            except Exception as error:  # noqa: BLE001 - whatever it was, what is known so far stays, and it is tried again
                log.warning("the catalog cannot be followed, going on with what is known: %s", error)
                self.follows = False
                self._stopped.wait(AGAIN_S)
            if follower is not None:
                follower.close()
                follower = None

    def _follow_on(self, follower: CatalogFollower) -> None:
        asked = self._topics.names if self._topics is not None else None
        while not self._stopped.is_set():
            follower.poll(POLL_S)
            if self._topics is not None and self._topics.names is not asked:
                asked = self._topics.names
                with self._changed:
                    self._take_topics(asked)

    def _apply(self, listing: Listing, catalog: Catalog, changes: Sequence[Change]) -> None:
        with self._changed:
            catalog.apply(changes)
            listing.take(changes)
            self._applied.extend({change.changeset for change in changes})
            if catalog is self._catalog and any(change.kind is Kind.KEY for change in changes):
                self._take_keys()
            self._changed.notify_all()

    def _take_keys(self) -> None:
        """One assignment, so that other threads see all or nothing of it."""
        self._keys = by_hash(record for _, record in self._catalog.records(Kind.KEY) if isinstance(record, Key))

    def _take_topics(self, names: frozenset[str]) -> None:
        self._known_topics = names
        self._catalog.set_topics(existing_inputs_topics(self._settings, names))
