"""Writes of one process: the inputs topics of collectors are seen to once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.api.writes import Writes
from processor.catalog.changes import Change
from processor.catalog.records import kind_of, record_key
from processor.codec.registry import Schemas
from processor.rest.view import CatalogView
from processor.settings import Settings
from tests.support.api import Cluster
from tests.support.documents import collector

if TYPE_CHECKING:
    from datetime import datetime

    from processor.api.writes import Planned
    from processor.catalog.store import Catalog
    from processor.rest.listing import Listing

QUALITY, SECOND = ("acme", "quality"), ("acme", "second")


class Topics:
    """As `TopicWatch`, of a cluster that nobody else changes."""

    names = frozenset({"t-inputs.acme.quality"})

    def start(self) -> None:
        """There is nothing to ask."""

    def stop(self) -> None:
        """Nor to end."""


def test_an_inputs_topic_that_is_known_to_exist_is_not_looked_for_again() -> None:
    settings, cluster = Settings(topic_prefix="t-"), Cluster()
    view = CatalogView(settings, Schemas.checked_in(), Topics(), cluster.follow)  # type: ignore[arg-type]  # the part that is used
    view.start()
    writes, numbers = Writes(settings, view, cluster), iter(range(100))

    def looked_for(*apps: tuple[str, str]) -> list[tuple[str, str]]:
        """Of the apps of a write, those whose topics it asks for."""
        record = collector(description=str(next(numbers)))

        def plan(_: Catalog, __: Listing, ___: datetime) -> Planned:
            return [Change(kind_of(record), record_key(record), record)], apps

        writes.write("test", plan)
        return list(cluster.orders[-1].apps)

    try:
        assert looked_for(QUALITY) == []
        assert looked_for(QUALITY, SECOND) == [SECOND]
        assert looked_for(QUALITY, SECOND) == []
    finally:
        view.stop()
