"""Faults of brokers, their disks and their networks. Each returns the proof that it struck."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import ElectionType, KafkaException

from processor.kafka.client import admin_client
from tests.faults.site import NotPossibleHere
from tests.faults.system import BROKERS, PARTS, SMALL_DISK_BROKER
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import os
    import random
    from collections.abc import Callable

    from tests.faults.site import Site

RECOVERY_S = 90
ATTEMPTS = 3
NEVER = threading.Event()
ELECTION_S = 30
FULL = "No space left on device"
Leaders = dict[tuple[str, int], int]


def kill_broker(site: Site, rng: random.Random) -> str:
    """Kill -9, and a start a few seconds later."""
    number = rng.choice(BROKERS)
    led = {part for part, leader in leaders(site).items() if leader == number}
    with site.system.hands_on("brokers"):
        assert site.system.cluster.kill(number), "there was a broker"
        NEVER.wait(rng.uniform(1.0, 8.0))
        site.system.cluster.start_one(number)
    whole_again(site)
    moved = {part for part, leader in leaders(site).items() if part in led and leader != number}
    return f"broker {number} was gone and is back, {len(moved)} of the {len(led)} partitions that it led moved" if moved or not led else ""


def leader_change(site: Site, rng: random.Random) -> str:
    """The preferred leaders are elected, after a clean stop of one of them has moved its partitions away."""
    number = rng.choice(BROKERS)
    with site.system.hands_on("brokers"):
        site.system.cluster.stop_one(number)
        site.system.cluster.start_one(number)
    whole_again(site)
    before = leaders(site)
    moved = wait_until(lambda: _elected(site, before), "leaders to change", RECOVERY_S, 3.0)
    return f"{len(moved)} partitions have another leader, with all brokers alive"


def _elected(site: Site, before: Leaders) -> list[tuple[str, int]]:
    """Which partitions have another leader after an election; those that already had their preferred one are none."""
    admin = admin_client(site.settings)  # kept: its answers never come once it is gone
    with contextlib.suppress(KafkaException):
        admin.elect_leaders(ElectionType.PREFERRED).result(ELECTION_S)
    return [part for part, leader in leaders(site).items() if leader != before.get(part, leader)]


def full_disk(site: Site, _: random.Random) -> str:
    """The small disk of one broker is filled up to the last byte; what filled it goes away, and the broker is started again."""
    cluster, disk = site.system.cluster, site.system.disk
    if disk is None:
        raise NotPossibleHere("no small disk can be mounted")
    said, filler = cluster.log_of(SMALL_DISK_BROKER).stat().st_size, disk / "filler"
    with site.system.hands_on("brokers"):
        fill(filler)
        try:
            wait_until(lambda: not cluster.alive(SMALL_DISK_BROKER), "a broker without room to give up", RECOVERY_S, 0.2)
        finally:
            filler.unlink()
        said_since = cluster.log_of(SMALL_DISK_BROKER).read_bytes()[said:].decode("utf-8", "replace")
        cluster.start_one(SMALL_DISK_BROKER)
    whole_again(site)
    return f"broker {SMALL_DISK_BROKER} said {FULL!r} {said_since.count(FULL)} times and ended, and is back" if FULL in said_since else ""


def fill(path: os.PathLike[str]) -> None:
    """Write until there is no room."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:  # noqa: PTH123 - unbuffered, whatever the path is
        while file.write(bytes(1 << 20)):
            pass


def felt(strike: Callable[[Site, random.Random], str], site: Site, rng: random.Random) -> str:
    """A network's fault that somebody felt: a part that has just been killed has nothing to say, so another one is struck then."""
    return next(filter(None, (strike(site, rng) for _ in range(ATTEMPTS))), "")


def network_cut(site: Site, rng: random.Random) -> str:
    """Silence between a part and all brokers, both ways or of their answers only, or refused connections."""
    part, seconds = rng.choice(PARTS), rng.uniform(3.0, 12.0)
    link = site.system.cluster.part(part)
    dropped, refused = link.bytes_dropped, link.connections_refused
    rng.choice((link.cut, link.cut_answers, link.refuse))()
    NEVER.wait(seconds)
    link.heal()
    dropped, refused = link.bytes_dropped - dropped, link.connections_refused - refused
    site.wait_until_moving()
    return f"{part} was cut off for {seconds:.1f} s: {dropped} bytes dropped, {refused} connections refused" if dropped or refused else ""


def network_delay(site: Site, rng: random.Random) -> str:
    """Every byte between a part and the brokers takes its time."""
    part, seconds, delay_s = rng.choice(PARTS), rng.uniform(5.0, 10.0), rng.uniform(0.05, 0.5)
    link = site.system.cluster.part(part)
    delayed = link.bytes_delayed
    link.delay(delay_s)
    NEVER.wait(seconds)
    link.delay(0)
    delayed = link.bytes_delayed - delayed
    site.wait_until_moving()
    return f"{part} was slowed by {delay_s * 1000:.0f} ms each way for {seconds:.1f} s: {delayed} bytes" if delayed else ""


def leaders(site: Site) -> Leaders:
    """Who leads which partition."""
    topics = admin_client(site.settings).list_topics(timeout=30).topics
    return {(name, number): part.leader for name, topic in topics.items() for number, part in topic.partitions.items()}


def whole_again(site: Site) -> None:
    """Wait until every partition has all its replicas in sync."""
    wait_until(lambda: _is_whole(site), "all replicas to be in sync", RECOVERY_S, 0.5)


def _is_whole(site: Site) -> bool:
    topics = admin_client(site.settings).list_topics(timeout=30).topics.values()
    return all(len(part.isrs) == len(part.replicas) and part.leader >= 0 for topic in topics for part in topic.partitions.values())


STRIKES = {
    "kill-broker": kill_broker,
    "leader-change": leader_change,
    "full-disk": full_disk,
    "network-cut": partial(felt, network_cut),
    "network-delay": partial(felt, network_delay),
}
