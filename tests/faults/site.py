"""What a strike may reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from processor.settings import Settings
    from tests.faults.load import Follower, Load
    from tests.faults.rewriter import Rewriter
    from tests.faults.system import System

MOVING_S = 60


class NotPossibleHere(Exception):
    """This machine does not allow such a fault; the text says why."""


@dataclass(frozen=True)
class Site:
    """The system under faults, the load on it, and who follows what comes of it."""

    system: System
    load: Load
    follower: Follower
    rewriter: Rewriter

    @property
    def settings(self) -> Settings:
        """Of the cluster, past every network that is cut."""
        return self.system.settings()

    def mark(self) -> int:
        """The number of a prediction that is published from now on."""
        return self.load.count + 1

    def wait_until_moving(self) -> None:
        """Wait until what is published from now on is decided, and the second stage settles something, and all connectors run."""
        mark, settled = self.mark(), self.follower.settled
        wait_until(lambda: self.follower.newest >= mark, "predictions to be decided", MOVING_S, 0.1)
        wait_until(lambda: self.follower.settled > settled, "candidates to be settled", MOVING_S, 0.1)
        wait_until(self.system.api_answers, "the API", MOVING_S, 0.2)
        wait_until(self.system.sinks_run, "connectors and tasks", MOVING_S, 0.5)
