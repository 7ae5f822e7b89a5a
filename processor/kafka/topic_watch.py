"""Which topics exist, asked for outside every transaction.

Producing to a topic that is missing stalls a whole transaction, and with it every collector; so the loop never finds out by
producing. A thread asks, because a broker may take its time to answer.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from processor.errors import CollectorsError
from processor.kafka.admin import Admin

if TYPE_CHECKING:
    from processor.settings import Settings

log = logging.getLogger("collectors.kafka")


class TopicWatch:
    """The names of the topics that can be written to, never older than the settings' ``topic_check_ms`` while brokers answer.

    Attributes:
        names: a new object only when they changed.
    """

    def __init__(self, settings: Settings) -> None:
        self._admin = Admin(settings)
        self._interval_s = settings.topic_check_ms / 1000
        self._wake = threading.Event()
        self._stopped = False
        self.names: frozenset[str] = frozenset()

    def start(self) -> None:
        """Ask once, then again and again in a thread.

        Raises:
            FixCluster: the first answer did not come.
        """
        self.names = self._admin.names()
        threading.Thread(target=self._watch, name="topic-watch", daemon=True).start()

    def ask_now(self) -> None:
        """Do not wait for the interval: the catalog names a topic that may be new."""
        self._wake.set()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        self._wake.set()

    def _watch(self) -> None:
        while not self._stopped:
            self._wake.wait(self._interval_s)
            self._wake.clear()
            try:
                found = self._admin.names()
            except CollectorsError as error:
                log.warning("cannot look for new topics: %s", error)
            else:
                self.names = found if found != self.names else self.names
