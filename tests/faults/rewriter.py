"""Rewrites the catalog while everything runs, and keeps which states it went through."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from processor.errors import CollectorsError
from tests.faults.scene import BEGINNING
from tests.history.history import CatalogState
from tests.support.processes import collectors
from tests.support.rewrites import THERE_AND_BACK
from tests.support.stage import newest_changeset
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import random

    from processor.settings import Settings
    from tests.support.rewrites import Change

log = logging.getLogger("faults")
WRITE_S = 60


class Rewriter:
    """The catalog of one campaign.

    Args:
        settings: the cluster, directly.

    Attributes:
        states: that the catalog went through, in order.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._there = [False] * len(THERE_AND_BACK)
        version, written_ms = newest_changeset(settings)
        self.states = [CatalogState(version, written_ms, BEGINNING)]

    def rewrite(self, rng: random.Random) -> tuple[Change, str]:
        """Make one change, or take it back; it and the catalog's new version."""
        which = rng.randrange(len(THERE_AND_BACK))
        change = THERE_AND_BACK[which][self._there[which]]
        version, written_ms = wait_until(lambda: self._written(change), f"writing that {change.name}", WRITE_S, 1.0)
        self._there[which] = not self._there[which]
        self.states.append(CatalogState(version, written_ms, self.states[-1].collectors | change.after))
        return change, version

    def _written(self, change: Change) -> tuple[str, int] | None:
        """Write it; whether a call that failed has written is seen in the catalog."""
        done = collectors(self._settings, *change.arguments, input=change.text)
        if done.returncode:
            log.info("not written, or not known: %.300s", done.stderr)
        try:
            newest = newest_changeset(self._settings)
        except CollectorsError as error:
            log.info("the catalog cannot be read: %s", error)
            return None
        return newest if newest[0] > self.states[-1].version else None
