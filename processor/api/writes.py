"""Writing to the catalog for a server: one request after another, each seen by this process before it is answered."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from processor.catalog.write import order
from processor.errors import ClusterAway, FixCluster, FixDocuments, FixUsage
from processor.rest.status import Code, Refused
from processor.topics.names import inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from processor.catalog.changes import Change
    from processor.catalog.store import Catalog
    from processor.catalog.write import Order
    from processor.rest.listing import Listing
    from processor.rest.view import CatalogView
    from processor.settings import Settings

WAIT_S = 10.0


class Writer(Protocol):
    """What `CatalogWriter` offers."""

    def write(self, given: Order) -> str:
        """Write in one transaction; the changeset's id."""


Planned = tuple["Sequence[Change]", "Collection[tuple[str, str]]"]
"""What is to be written, and the apps whose inputs topics have to be there."""


class Writes:
    """The writes of one process.

    Args:
        settings: the prefix of topics.
        view: the catalog.
        writer: writes to it.
    """

    def __init__(self, settings: Settings, view: CatalogView, writer: Writer) -> None:
        self._settings = settings
        self._view = view
        self._writer = writer
        self._one_by_one = threading.Lock()

    def write(self, who: str, plan: Callable[[Catalog, Listing, datetime], Planned]) -> str:
        """Plan on the catalog as it is, write, and return when this process reads what was written.

        Args:
            who: for the audit log.
            plan: what to write; called once, while nothing changes.

        Returns:
            The catalog's new version; empty when there was nothing to write.

        Raises:
            Refused: nothing was written, or it is not known or not seen yet; the text says which.
        """
        with self._one_by_one:
            now = datetime.now(UTC)
            with self._view.looking() as (catalog, listing):
                changes, apps = plan(catalog, listing, now)
                new = {topic: app for app in apps if not self._view.knows_topic(topic := prefixed(self._settings, inputs_topic(*app)))}
                given = order(catalog, changes, set(new.values()), who, now)
            if not changes and not new:
                return ""
            changeset = self._written(given)
            self._view.know_topics(frozenset(new))
            if changeset and not self._view.wait_for(changeset, WAIT_S):
                late = f"written as {changeset}, but this process has not read it back yet: read before you write again"
                raise Refused(Code.TRY_AGAIN, late)
            return changeset

    def _written(self, given: Order) -> str:
        try:
            return self._writer.write(given)
        except FixDocuments as error:
            raise Refused(Code.EXCEEDS_LIMITS, str(error)) from None
        except FixUsage as error:
            raise Refused(Code.INVALID_REQUEST, str(error)) from None


def explain(error: Exception) -> Refused | None:
    """What an error of the cluster is to a client: nothing of theirs, and nothing of the cluster's inside."""
    if isinstance(error, ClusterAway):
        return Refused(Code.TRY_AGAIN, "the cluster does not answer: read before you write again")
    if isinstance(error, FixCluster):
        return Refused(Code.TRY_AGAIN, "the cluster did not take it: read before you write again; if it stays so, tell those who run this")
    return None
