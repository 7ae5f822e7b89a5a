"""What a machine can refuse (disk space, rights, ports), told with what to do next."""

from __future__ import annotations

import errno
import secrets
import shutil
import socket
from typing import TYPE_CHECKING

from processor.errors import FixMachine

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
# Below the range from which systems take the ports of outgoing connections: a client that keeps trying to reach a broker that is
# down can be given that very port as its own, and then the broker cannot come back.
FREE_PORTS = range(20_000, 32_000)
PORT_TRIES = 200
MEBIBYTE = 1 << 20


def explain(error: OSError, path: Path, setting: str) -> FixMachine:
    """Turn an error of the file system into one that says what to do.

    Args:
        error: what the system reported.
        path: the file or folder it was about.
        setting: how to choose another place, as in ``set COLLECTORS_CACHE_DIR to another folder``.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FixMachine(f"{path}: the disk is full: free some space, or {setting}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FixMachine(f"{path}: not writable for this user: change its rights, or {setting}")
    return FixMachine(f"{path}: {error.strerror or error}: put that right, or {setting}")


def require_space(folder: Path, needed_bytes: int, setting: str) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        FixMachine: less than ``needed_bytes`` are free where ``folder`` is.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        needed = f"{-(-needed_bytes // MEBIBYTE)} MiB are needed and {free // MEBIBYTE} MiB are free"
        raise FixMachine(f"{folder}: the disk is full: {needed}: free some space, or {setting}")


def port_problem(port: int) -> str:
    """Why a broker could not listen on a port of the loopback address; empty when it could."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the broker does, so that connections that have just been closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            return "is not for this user to listen on"
        except OSError as error:
            return "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return ""


def free_port() -> int:
    """A port of the loopback address that nobody listens on.

    Raises:
        FixMachine: none was found.
    """
    for _ in range(PORT_TRIES):
        port = secrets.choice(FREE_PORTS)
        if not port_problem(port):
            return port
    raise FixMachine(f"no free port found between {FREE_PORTS.start} and {FREE_PORTS.stop}: end some of the programs that listen there")
