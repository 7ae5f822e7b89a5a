"""Why a cluster does not let this process in.

A client that is refused at the door only ever says that no broker answered; the reason goes to a callback, when the client is polled.
All clients of a process come with the same credentials, so what one of them was told last is true of all.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient, ClusterMetadata

    Client = AdminClient | Consumer | Producer

FRESH_S = 10.0
# Longer and longer: a large cluster may need some time for its answer, a slow one for its refusal.
TURNS_S = (1.5, 3.0)
NOBODY_RETRY_S = 0.2
# Of the broker's certificate, or of ours; an alert that comes after the handshake is told as a transport error.
_TLS = re.compile(r"SSL routines|certificate|SSL handshake")
# A connection that broke, or a broker that was too slow, while it was being made; the client takes some of these for a wrong mechanism.
_BROKEN = "failed: Local: "
_AFTER = re.compile(r" \(after [^)]*\)")
CREDENTIALS = "sasl.username, sasl.password or sasl.mechanism"
CERTIFICATES = "ssl.ca.location, ssl.certificate.location or ssl.key.location"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a broker said at the door.

    Attributes:
        said: in the client's words.
        credentials: a name or a password is wrong; else it is about certificates.
        at_s: when, monotonic.
    """

    said: str
    credentials: bool
    at_s: float

    def __str__(self) -> str:
        names = CREDENTIALS if self.credentials else CERTIFICATES
        return f"the cluster does not let this client in: {self.said}: correct {names} of `kafka` in the settings (docs/security.md)"


class Refusals:
    """The last refusal of this process's clients."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: Refusal | None = None

    def note(self, error: KafkaError) -> None:
        """Take what a client calls back with; most of it is no refusal."""
        if _BROKEN in error.str():
            return
        credentials = error.code() == KafkaError._AUTHENTICATION  # noqa: SLF001 - the client's name for its own codes
        if credentials or error.code() == KafkaError._SSL or _TLS.search(error.str()):  # noqa: SLF001 - as above
            self._last = Refusal(_AFTER.sub("", error.str()), credentials, self._clock())

    def fresh(self, client: Client | None = None) -> bool:
        """Whether there was one just now.

        Args:
            client: polled first, since it may have something to say.
        """
        if client is not None:
            client.poll(0)
        return self._last is not None and self._clock() - self._last.at_s < FRESH_S

    def take(self, client: Client | None = None) -> Refusal | None:
        """The last one, unless it is old; it is told once."""
        last = self._last if self.fresh(client) else None
        self._last = None
        return last


REFUSALS = Refusals()


def ask_for_topics(client: Client, timeout_s: float, topic: str = "") -> ClusterMetadata:
    """What the cluster says of all topics or of one; a refusal at the door is not waited out.

    Raises:
        KafkaException: whatever the client raises.
    """
    deadline = time.monotonic() + timeout_s
    for turn_s in TURNS_S:
        try:
            return _asked(client, min(turn_s, timeout_s), topic)
        except KafkaException:
            if REFUSALS.fresh(client) or time.monotonic() >= deadline:
                raise
    return _asked(client, max(TURNS_S[0], deadline - time.monotonic()), topic)


def _asked(client: Client, timeout_s: float, topic: str) -> ClusterMetadata:
    """An answer that names brokers: a lone one that has just come back says for a moment that there are none."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = client.list_topics(topic, timeout=timeout_s) if topic else client.list_topics(timeout=timeout_s)
        if found.brokers:
            return found
        timeout_s = deadline - time.monotonic() - NOBODY_RETRY_S
        if timeout_s <= 0:
            raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE, "the cluster says that it has no brokers"))
        time.sleep(NOBODY_RETRY_S)
