"""Three real brokers on this machine, and a network of its own between them and every named part.

Every broker is broker and controller, holds a replica of everything, and has one listener for direct connections and one for each part.
What a part's listener tells clients is the address of a proxy in front of it, so all that a part says to any broker goes through
its ``Link``. Brokers talk to each other directly.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Self

from processor.kafka.local import LocalBroker, new_cluster_id
from processor.kafka.machine import HOST, free_port
from processor.settings import Settings
from tests.support.proxy import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# A write is in two replicas before anybody hears that it is done, and one broker may be away.
COPIES = 3
IN_SYNC = 2
START_TIMEOUT_S = 240.0


class Door(NamedTuple):
    """How parts come in.

    Attributes:
        protocol: of their listeners.
        properties: of each of these, without its name before them.
    """

    protocol: str
    properties: Mapping[str, str]


OPEN_DOOR = Door("PLAINTEXT", {})


class Cluster:
    """Brokers 1 to ``brokers``, not started yet; data, addresses and proxies outlive stop, kill and start.

    Args:
        folder: everything is kept here, a folder for each broker.
        brokers: how many there are.
        parts: who has a network of their own.
        extra_properties: further settings of every broker; they win.
        data: broker → a folder, a small disk for example, in which its log is kept instead.
        door: how the parts come in; whoever comes directly is asked for nothing.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 3,
        parts: Sequence[str] = (),
        extra_properties: Mapping[str, str] | None = None,
        data: Mapping[int, Path] | None = None,
        door: Door = OPEN_DOOR,
    ) -> None:
        self._folder = folder
        self._numbers = range(1, brokers + 1)
        self._ports = _Ports(parts, self._numbers, door)
        self._links = {part: Link(self._ports.routes(part)) for part in parts}
        further = self._replication() | dict(extra_properties or {})
        elsewhere = {n: {"log.dirs": str(path / "log")} for n, path in (data or {}).items()}
        cluster_id = new_cluster_id()
        self._brokers = {n: self._broker(n, further | elsewhere.get(n, {}), cluster_id) for n in self._numbers}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """All brokers, directly."""
        return ",".join(f"{HOST}:{self._ports.direct[n]}" for n in self._numbers)

    def bootstrap_of(self, part: str) -> str:
        """All brokers, through the network of a part."""
        return ",".join(f"{HOST}:{port}" for port in self._ports.routes(part))

    def part(self, name: str) -> Link:
        """The network of a part."""
        return self._links[name]

    def start(self) -> None:
        """Start everything and wait until all brokers answer; nothing is left behind when that fails."""
        for link in self._links.values():
            link.start()
        try:
            # At once: a broker answers when it has found another one to form a quorum with.
            self._each(self.start_one)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything for good: the data are nobody's any more, so brokers are killed."""
        self._each(self.kill)
        for link in self._links.values():
            link.stop()

    def start_one(self, number: int) -> None:
        """Start one broker, and wait until it answers; one that runs is left alone."""
        self._brokers[number].start(START_TIMEOUT_S)

    def kill(self, number: int) -> bool:
        """End one broker as a crash would (SIGKILL); False when it did not run."""
        return self._brokers[number].kill()

    def stop_one(self, number: int) -> bool:
        """End one broker cleanly: it hands its partitions over first; False when it did not run."""
        return self._brokers[number].stop()

    def pause(self, number: int) -> None:
        """Stop the clock of one broker (SIGSTOP): its connections stay, and nobody is answered."""
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a paused broker go on."""
        self._signal(number, signal.SIGCONT)

    def alive(self, number: int) -> bool:
        """Whether the process of one broker is there."""
        return self._brokers[number].running is not None

    def log_of(self, number: int) -> Path:
        """What one broker wrote about itself."""
        return self._folder_of(number) / "broker.log"

    def _folder_of(self, number: int) -> Path:
        return self._folder / f"broker-{number}"

    def _signal(self, number: int, which: signal.Signals) -> None:
        record = self._brokers[number].running
        if record is None:
            raise ValueError(f"broker {number} does not run")
        os.kill(record.pid, which)

    def _each(self, do: Callable[[int], object]) -> None:
        with ThreadPoolExecutor(len(self._numbers)) as threads:
            list(threads.map(do, self._numbers))

    def _broker(self, number: int, properties: Mapping[str, str], cluster_id: str) -> LocalBroker:
        own = self._ports.properties(number) | dict(properties)
        broker = LocalBroker(Settings(), self._folder_of(number), port=self._ports.direct[number], extra_properties=own)
        broker.cluster_id = cluster_id
        return broker

    def _replication(self) -> dict[str, str]:
        copies, in_sync = str(min(COPIES, len(self._numbers))), str(min(IN_SYNC, len(self._numbers)))
        factors = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            **{f"{topic}.replication.factor": copies for topic in factors},
            "default.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.min.isr": in_sync,
            "min.insync.replicas": in_sync,
        }


class _Ports:
    """Where every broker listens, and what it tells clients of each kind."""

    def __init__(self, parts: Sequence[str], numbers: Sequence[int], door: Door) -> None:
        self._door = door
        self._taken: set[int] = set()
        self.direct = {n: self._free() for n in numbers}
        self._controller = {n: self._free() for n in numbers}
        self._behind = {(part, n): self._free() for part in parts for n in numbers}
        self._proxy = {(part, n): self._free() for part in parts for n in numbers}
        # Parts are named by people; a listener's name has to be letters and digits.
        self._listener = {part: f"PART{index}" for index, part in enumerate(parts)}

    def _free(self) -> int:
        port = free_port()
        while port in self._taken:
            port = free_port()
        self._taken.add(port)
        return port

    def routes(self, part: str) -> dict[int, int]:
        """A part's proxy of every broker → the broker's listener behind it."""
        return {proxy: self._behind[key] for key, proxy in self._proxy.items() if key[0] == part}

    def properties(self, number: int) -> dict[str, str]:
        """What one broker is told about addresses, its own and the others'."""
        listeners = {"PLAINTEXT": self.direct[number], **{name: self._behind[part, number] for part, name in self._listener.items()}}
        told = listeners | {name: self._proxy[part, number] for part, name in self._listener.items()}
        controller = f"CONTROLLER://{HOST}:{self._controller[number]}"
        protocols = dict.fromkeys(self._listener.values(), self._door.protocol) | {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
        of_parts = {
            f"listener.name.{name.lower()}.{key}": value for name in self._listener.values() for key, value in self._door.properties.items()
        }
        return {
            **of_parts,
            "node.id": str(number),
            "listeners": ",".join([*(f"{name}://{HOST}:{port}" for name, port in listeners.items()), controller]),
            "advertised.listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in told.items()),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "controller.quorum.voters": ",".join(f"{n}@{HOST}:{port}" for n, port in self._controller.items()),
        }
