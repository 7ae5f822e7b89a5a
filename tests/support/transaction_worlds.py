"""One world for the transaction's contract suite on real brokers, and one in memory: the same things can be done to both.

A world has a source topic of two partitions, a topic that is written to, one transactional id and one group. What the suite's own
eyes see, and whoever else is in the world, is not behind the network that is cut.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from processor.kafka import group as group_module
from processor.kafka import transaction as transaction_module
from processor.kafka.client import fair_fetch, producer
from processor.kafka.committed import committed
from processor.kafka.group import Member, Subscription
from processor.kafka.reader import TopicReader
from processor.kafka.transaction import Transaction
from processor.settings import Settings
from tests.support.fake_kafka import CUT, MUTE, WHOLE, FakeKafka
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pytest

    from processor.kafka.group import Owner
    from tests.support.cluster import Cluster

SOURCE, OUT, PARTITIONS = "in", "out", 2
PART = "processor"
CALL_TIMEOUT_S = 0.5
# A busy machine must not be fenced for its slowness; where a commit is to be given up, the test waits for so long.
TRANSACTION_TIMEOUT_MS = 30_000
SHORT_TIMEOUT_MS = 4_000
# Groups forget a member quickly, and transactions that timed out are looked for often.
CLUSTER_PROPERTIES = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    "group.consumer.session.timeout.ms": "1500",
    "group.consumer.min.session.timeout.ms": "1500",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "500",
}


class World(Protocol):
    """What the suite does to a world, and sees of it."""

    is_real: bool
    settings: Settings

    def topic(self, name: str) -> str:
        """A topic's name in this world."""

    def transaction(self, timeout_ms: int = ...) -> Transaction:
        """A process's transactional producer, initialised; the next one is the next life under the same id."""

    def member(self, owner: Owner, protocol: str = "consumer") -> Member:
        """A member of the group."""

    def fence(self) -> None:
        """Somebody else begins under the transactional id."""

    def time_out(self) -> None:
        """Return when what is open was aborted because of its age."""

    def cut(self) -> None:
        """Nothing arrives any more."""

    def cut_answers(self) -> None:
        """What is asked is done, and no answer arrives."""

    def heal(self) -> None:
        """The network is whole again."""

    def give(self, *values: bytes) -> None:
        """Put records into partition 0 of the source."""

    def take_away(self, before: int) -> None:
        """Delete the records of partition 0 of the source before an offset, as retention does."""

    def set_committed(self, offset: int) -> None:
        """Set the group's offset of partition 0 by hand."""

    def committed(self) -> int | None:
        """The group's offset of partition 0."""

    def visible(self) -> list[bytes | None]:
        """What a read-committed reader of the topic that is written to sees."""

    def close(self) -> None:
        """The end of it; the network is whole again."""

    def expel(self) -> None:
        """Return when the group has forgotten its only member, which has not heard of it."""

    def rival(self, protocol: str) -> Any:
        """A context in which somebody else is in the group: an event, set when the coordinator has given them a partition."""


class Struck:
    """A client that something happens to right before one of its calls.

    Args:
        client: the client.
        call: the name of the call.
        strikes: what happens before the first such call, the second, and so on.
    """

    def __init__(self, client: Any, call: str, strikes: Sequence[Callable[[], None]]) -> None:
        self._client = client
        self._call = call
        self._strikes = iter(strikes)
        self.struck = 0

    def __getattr__(self, name: str) -> Any:
        return self._stricken if name == self._call else getattr(self._client, name)

    def _stricken(self, *arguments: Any, **named: Any) -> Any:
        if (strike := next(self._strikes, None)) is not None:
            self.struck += 1
            strike()
        return getattr(self._client, self._call)(*arguments, **named)


def strike(transaction: Transaction, call: str, *strikes: Callable[[], None]) -> Struck:
    """Let something happen right before calls of a transaction's client; ``struck`` counts how often it did."""
    struck = Struck(transaction._producer, call, strikes)
    transaction._producer = struck  # type: ignore[assignment]  # it passes everything on
    return struck


class Nobody:
    """An owner that does nothing with its partitions."""

    def assigned(self, committed: Mapping[int, int | None]) -> None: ...

    def revoked(self, partitions: Sequence[int]) -> None: ...

    def lost(self, partitions: Sequence[int]) -> None: ...


class Newcomer(Nobody):
    """Notes that partitions came."""

    def __init__(self) -> None:
        self.has_come = threading.Event()

    def assigned(self, committed: Mapping[int, int | None]) -> None:
        if committed:
            self.has_come.set()


class FakeWorld:
    """All in memory."""

    is_real = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(transaction_timeout_ms=TRANSACTION_TIMEOUT_MS)
        self.kafka = FakeKafka({SOURCE: PARTITIONS, OUT: 1})
        monkeypatch.setattr(transaction_module, "transactional_producer", self.kafka.producer)
        monkeypatch.setattr(group_module, "group_consumer", self.kafka.consumer)

    def topic(self, name: str) -> str:
        return name

    def transaction(self, timeout_ms: int = TRANSACTION_TIMEOUT_MS) -> Transaction:
        settings = self.settings.model_copy(update={"transaction_timeout_ms": timeout_ms})
        made = Transaction(settings, "id", lambda: self.kafka.now_s)
        made.init()
        return made

    def member(self, owner: Owner, protocol: str = "consumer") -> Member:
        return Member(self.settings, Subscription("group", SOURCE, protocol, fair_fetch(1)), owner)

    def fence(self) -> None:
        self.kafka.init("id")

    def time_out(self) -> None:
        self.kafka.time_out("id")

    def cut(self) -> None:
        self.kafka.network = CUT

    def cut_answers(self) -> None:
        self.kafka.network = MUTE

    def heal(self) -> None:
        self.kafka.network = WHOLE

    def give(self, *values: bytes) -> None:
        for value in values:
            self.kafka.put(SOURCE, 0, value)

    def take_away(self, before: int) -> None:
        self.kafka.start[SOURCE, 0] = before

    def set_committed(self, offset: int) -> None:
        self.kafka.consumer(self.settings, "group", "", 0)
        self.kafka.groups["group"].offsets[SOURCE, 0] = offset

    def committed(self) -> int | None:
        return self.kafka.groups["group"].offsets.get((SOURCE, 0))

    def visible(self) -> list[bytes | None]:
        return self.kafka.visible(OUT)

    def close(self) -> None:
        self.heal()

    def expel(self) -> None:
        group = self.kafka.groups["group"]
        for member in group.members:
            member.expelled = True
        group.members.clear()
        group.generation += 1

    @contextmanager
    def rival(self, protocol: str) -> Iterator[threading.Event]:
        member, has_come = self.member(Nobody(), protocol), threading.Event()
        member.subscribe()
        has_come.set()  # in memory a generation is over at once
        yield has_come
        member.close()


class RealWorld:
    """Topics and a group of its own on a cluster; what is under test is behind the network of ``PART``."""

    is_real = True
    _numbers = itertools.count()

    def __init__(self, cluster: Cluster) -> None:
        number = next(self._numbers)
        self._cluster = cluster
        self._direct = Settings(
            bootstrap_servers=cluster.bootstrap_servers, topic_prefix=f"w{number}-", transaction_timeout_ms=TRANSACTION_TIMEOUT_MS
        )
        self.settings = self._direct.model_copy(update={"bootstrap_servers": cluster.bootstrap_of(PART)})
        self._id, self._group = f"id-{number}", f"group-{number}"
        self._admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        self._kept: list[Member | Transaction] = []
        self.create(SOURCE, PARTITIONS)
        self.create(OUT, 1)

    def topic(self, name: str) -> str:
        return f"{self._direct.topic_prefix}{name}"

    def create(self, name: str, partitions: int, **config: str) -> None:
        """Make a topic, and wait until every broker knows it."""
        topic = self.topic(name)
        new = NewTopic(topic, partitions, 3, config={key.replace("_", "."): value for key, value in config.items()})
        self._admin.create_topics([new])[topic].result(30)
        for address in self._cluster.bootstrap_servers.split(","):
            one = AdminClient({"bootstrap.servers": address})
            wait_until(lambda one=one: self._known(one, topic) == partitions, f"{address} to know {topic}")

    def _known(self, admin: AdminClient, topic: str) -> int:
        found = admin.list_topics(timeout=10).topics.get(topic)
        return sum(each.leader >= 0 for each in found.partitions.values()) if found else 0

    def transaction(self, timeout_ms: int = TRANSACTION_TIMEOUT_MS) -> Transaction:
        settings = self.settings.model_copy(update={"transaction_timeout_ms": timeout_ms})
        made = Transaction(settings, self._id)
        self._kept.append(made)
        made.init()
        return made

    def member(self, owner: Owner, protocol: str = "consumer") -> Member:
        made = Member(self.settings, Subscription(self._group, self.topic(SOURCE), protocol, fair_fetch(1)), owner)
        self._kept.append(made)
        return made

    def close(self) -> None:
        """Give all clients back, here and now: garbage is ended by whichever thread collects it, and may wait for that very one."""
        self.heal()
        for member in (each for each in self._kept if isinstance(each, Member)):
            with contextlib.suppress(Exception):  # it may have failed, which is what its test was about
                member.close()
        # An exception that a producer raised after it was fenced is never let go of by the client's library, and neither is what its
        # traceback has seen: a client of this test would look for its brokers for as long as tests run.
        for each in self._kept:
            vars(each).clear()
        self._kept.clear()
        del self._admin
        gc.collect()

    def fence(self) -> None:
        rival = Transaction(self._direct, self._id)
        self._kept.append(rival)
        rival.init()

    def time_out(self) -> None:
        ends = Consumer({"bootstrap.servers": self._cluster.bootstrap_servers, "group.id": "eyes", "isolation.level": "read_committed"})
        out = TopicPartition(self.topic(OUT), 0)
        # The last stable offset stands still at what is open, and moves on when a marker ends it.
        assert ends.get_watermark_offsets(out, timeout=10)[1] == 0, "nothing is open"
        wait_until(lambda: ends.get_watermark_offsets(out, timeout=10)[1] > 0, "the transaction to time out")
        ends.close()

    def cut(self) -> None:
        self._cluster.part(PART).cut()

    def cut_answers(self) -> None:
        self._cluster.part(PART).cut_answers()

    def heal(self) -> None:
        self._cluster.part(PART).heal()

    def give(self, *values: bytes) -> None:
        client = producer(self._direct)
        for value in values:
            client.produce(self.topic(SOURCE), value, partition=0)
        assert client.flush(30) == 0

    def take_away(self, before: int) -> None:
        part = TopicPartition(self.topic(SOURCE), 0, before)
        self._admin.delete_records([part])[part].result(30)

    def set_committed(self, offset: int) -> None:
        client = Consumer({"bootstrap.servers": self._cluster.bootstrap_servers, "group.id": self._group})
        client.commit(offsets=[TopicPartition(self.topic(SOURCE), 0, offset)], asynchronous=False)
        client.close()

    def committed(self) -> int | None:
        found = committed(self._direct, {self._group: [(self.topic(SOURCE), 0)]})[self._group]
        return found[0].offset if found else None

    def visible(self) -> list[bytes | None]:
        reader = TopicReader(self._direct, [self.topic(OUT)])
        try:
            return [record.value for record in reader.read_to_end()]
        finally:
            reader.close()

    def expel(self) -> None:
        self.cut()
        wait_until(lambda: not self._members(), "the group to forget its member")
        self.heal()

    def coordinator(self) -> int:
        """The broker that coordinates the transactional id: the leader of the partition that it falls into."""
        topic = "__transaction_state"
        partitions = self._admin.list_topics(topic, timeout=10).topics[topic].partitions
        return int(partitions[_java_hash(self._id) % len(partitions)].leader)

    def _members(self) -> int:
        return len(self._admin.describe_consumer_groups([self._group])[self._group].result(10).members)

    @contextmanager
    def rival(self, protocol: str) -> Iterator[threading.Event]:
        newcomer = Newcomer()
        member = Member(self._direct, Subscription(self._group, self.topic(SOURCE), protocol, fair_fetch(1)), newcomer)
        leaving = threading.Event()

        def live() -> None:
            member.subscribe()
            while not leaving.is_set():
                member.poll(100, 0.05)
            member.close()

        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield newcomer.has_come
        finally:
            leaving.set()
            thread.join(30)


def _java_hash(text: str) -> int:
    """What Java's ``String.hashCode`` says of letters and digits, without its sign, as Kafka takes it."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF
