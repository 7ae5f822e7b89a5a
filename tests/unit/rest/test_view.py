"""The catalog of a server: read before the first request, followed, and kept while nothing can be read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from processor.catalog.changes import Change
from processor.catalog.records import Key, Kind
from processor.catalog.store import Catalog
from processor.codec.registry import Schemas
from processor.errors import ClusterAway
from processor.rest import view
from processor.rest.keys import sha256_of
from processor.rest.view import CatalogView
from processor.settings import Settings
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Apply = Callable[[Catalog, Sequence[Change]], object]

INGEST = Key("acme", "quality", "ingest", ("PostInputs",), sha256_of("one"))
SECOND = Key("acme", "farm", "second", ("PostInputs",), sha256_of("one"))


class Brokers:
    """What followers find: changes to come, or that nobody answers."""

    def __init__(self) -> None:
        self.known: list[Change] = [change(INGEST)]
        self.coming: list[Change] = []
        self.away = False
        self.opened = 0
        self.closed = 0
        self.polled = threading.Event()

    def follow(self, _settings: Settings, _schemas: Schemas, apply: Apply) -> Follower:
        self.opened += 1
        return Follower(self, apply)


class Follower:
    """As `CatalogFollower`, without Kafka."""

    def __init__(self, brokers: Brokers, apply: Apply) -> None:
        self.catalog = Catalog(())
        self._apply = apply
        self._brokers = brokers

    def bootstrap(self) -> None:
        self._require()
        self._apply(self.catalog, self._brokers.known)

    def poll(self, timeout_s: float) -> bool:
        self._brokers.polled.wait(min(timeout_s, 0.01))
        self._require()
        coming, self._brokers.coming = self._brokers.coming, []
        self._brokers.known += coming
        self._apply(self.catalog, coming)
        return bool(coming)

    def close(self) -> None:
        self._brokers.closed += 1

    def _require(self) -> None:
        if self._brokers.away:
            raise ClusterAway("nobody answers")


def change(key: Key, record: Key | None = INGEST) -> Change:
    return Change(Kind.KEY, f"{key.user_id}/{key.app_id}/{key.id}", record and key, "0" * 24)


@pytest.fixture
def brokers() -> Brokers:
    return Brokers()


@pytest.fixture
def book(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> Iterator[CatalogView]:
    monkeypatch.setattr(view, "AGAIN_S", 0.01)
    found = CatalogView(Settings(), Schemas.checked_in(), follow=brokers.follow)  # type: ignore[arg-type] - the part that is used
    yield found
    found.stop()
    assert brokers.opened == brokers.closed, "every follower that was opened is closed"


def found(book: CatalogView) -> list[str]:
    return sorted(key.id for key in book.find(sha256_of("one")))


def test_keys_are_known_when_start_returns(book: CatalogView) -> None:
    book.start()
    assert found(book) == ["ingest"]
    assert book.find(sha256_of("two")) == ()


def test_a_new_key_and_a_revoked_one_count_at_once(book: CatalogView, brokers: Brokers) -> None:
    book.start()
    brokers.coming = [change(SECOND)]
    wait_until(lambda: found(book) == ["ingest", "second"], "the new key")
    brokers.coming = [change(INGEST, None)]
    wait_until(lambda: found(book) == ["second"], "the revocation")


def test_while_the_brokers_are_away_known_keys_go_on_and_then_it_catches_up(book: CatalogView, brokers: Brokers) -> None:
    book.start()
    brokers.away = True
    wait_until(lambda: brokers.opened > 2, "it to try again")
    assert found(book) == ["ingest"]
    brokers.known = [change(SECOND)]
    brokers.away = False
    wait_until(lambda: found(book) == ["second"], "it to catch up")


def test_a_destination_does_not_start_without_keys(book: CatalogView, brokers: Brokers) -> None:
    brokers.away = True
    with pytest.raises(ClusterAway):
        book.start()
