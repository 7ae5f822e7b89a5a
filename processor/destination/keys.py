"""The keys that open the destination: those of the catalog, followed in a thread of its own."""

from __future__ import annotations

import hashlib
import logging
import threading
from typing import TYPE_CHECKING, Protocol

from processor.catalog.follower import CatalogFollower
from processor.catalog.records import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from processor.codec.registry import Schemas
    from processor.settings import Settings

log = logging.getLogger("collectors.destination")

POLL_S = 0.2
AGAIN_S = 2.0


class KeyBook(Protocol):
    """Keys by the hash of their secret."""

    def find(self, sha256: str) -> Sequence[Key]:
        """All keys whose secret has this SHA-256 (hex): a secret may be that of several apps."""


class HeldKeys:
    """A few keys that are handed in."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = by_hash(keys)

    def find(self, sha256: str) -> Sequence[Key]:
        """See `KeyBook`."""
        return self._keys.get(sha256, ())


def by_hash(keys: Iterable[Key]) -> Mapping[str, Sequence[Key]]:
    """Keys by the hash of their secret."""
    found: dict[str, list[Key]] = {}
    for key in keys:
        found.setdefault(key.sha256, []).append(key)
    return found


def sha256_of(secret: str) -> str:
    """The hash that the catalog keeps of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class CatalogKeys:
    """The keys of the catalog topics. While no broker answers, the keys known so far go on opening.

    Args:
        settings: the cluster.
        schemas: how values are decoded.
        follow: makes a follower.
    """

    def __init__(
        self, settings: Settings, schemas: Schemas, follow: Callable[[Settings, Schemas], CatalogFollower] = CatalogFollower
    ) -> None:
        self._settings = settings
        self._schemas = schemas
        self._follow = follow
        self._keys: Mapping[str, Sequence[Key]] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def find(self, sha256: str) -> Sequence[Key]:
        """See `KeyBook`."""
        return self._keys.get(sha256, ())

    def start(self) -> None:
        """Read all keys, and follow what changes from now on.

        Raises:
            FixCluster: a catalog topic is missing, or the brokers do not answer.
        """
        follower = self._opened()
        self._thread = threading.Thread(target=self._run, args=(follower,), name="keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; what is known stays."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _opened(self) -> CatalogFollower:
        follower = self._follow(self._settings, self._schemas)
        try:
            follower.bootstrap()
        except BaseException:
            follower.close()
            raise
        self._take(follower)
        return follower

    def _run(self, follower: CatalogFollower | None) -> None:
        """Follow, and begin anew whenever that fails: a destination outlives the brokers' bad days."""
        while not self._stopped.is_set():
            try:
                follower = follower or self._opened()
                self._follow_on(follower)
            except Exception as error:  # noqa: BLE001 - whatever it was, the keys known so far stay, and it is tried again
                log.warning("keys cannot be followed, going on with those known: %s", error)
                self._stopped.wait(AGAIN_S)
            if follower is not None:
                follower.close()
                follower = None

    def _follow_on(self, follower: CatalogFollower) -> None:
        while not self._stopped.is_set():
            if follower.poll(POLL_S):
                self._take(follower)

    def _take(self, follower: CatalogFollower) -> None:
        """Show the keys as they are now: one assignment, so that other threads see all or nothing of it."""
        self._keys = by_hash(record for _, record in follower.catalog.records(Kind.KEY) if isinstance(record, Key))
