"""Who runs in a broker's folder: a record of address and process, and a lock that the broker process itself holds.

The record alone proves nothing, because a process id is used again after a crash. The lock is handed to the broker as an open file
and the system drops it when the broker ends, however it ends: lock held means that the recorded process is the broker.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from processor.errors import FixMachine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD = "broker.json"
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class BrokerRecord:
    """A broker that was started in a folder.

    Attributes:
        bootstrap_servers: where clients connect, ``host:port``.
        pid: the broker's process.
    """

    bootstrap_servers: str
    pid: int


def read_record(folder: Path) -> BrokerRecord | None:
    """The record of a folder; None when there is none or it cannot be read as one."""
    try:
        values = orjson.loads((folder / RECORD).read_bytes())
        return BrokerRecord(str(values["bootstrap_servers"]), int(values["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(folder: Path, record: BrokerRecord) -> None:
    """Write the record in one step."""
    part = folder / f"{RECORD}.part"
    part.write_bytes(orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    part.replace(folder / RECORD)


def forget_record(folder: Path) -> None:
    """Remove the record, if there is one."""
    (folder / RECORD).unlink(missing_ok=True)


def running_broker(folder: Path) -> BrokerRecord | None:
    """The record of a broker that is alive now, else None."""
    return read_record(folder) if is_locked(folder) else None


def is_locked(folder: Path) -> bool:
    """Whether a broker, or a program that is about to start one, holds the folder."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look at once do not take each other for a broker.
        return not _lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


@contextmanager
def hold(folder: Path) -> Iterator[int | None]:
    """Take the folder's lock without waiting.

    Yields:
        An open file that holds the lock, to hand on to the broker; None when somebody else holds it. Ours is closed at the end; the
        lock lasts as long as anybody has the file open.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield descriptor if _lock(descriptor) else None
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        raise FixMachine("a local broker needs Linux or macOS: set COLLECTORS_BOOTSTRAP_SERVERS to a cluster elsewhere") from None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
