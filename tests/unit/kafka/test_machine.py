"""What a machine refuses is told with what to do next."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import pytest

from processor.errors import FixMachine
from processor.kafka.machine import FREE_PORTS, explain, free_port, port_problem, require_space

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "the disk is full: free some space, or choose another folder"),
        (errno.EDQUOT, "the disk is full: free some space, or choose another folder"),
        (errno.EACCES, "not writable for this user: change its rights, or choose another folder"),
        (errno.EROFS, "not writable for this user: change its rights, or choose another folder"),
        (errno.ENOTDIR, "Not a directory: put that right, or choose another folder"),
    ],
)
def test_an_error_of_the_file_system_names_the_path_and_what_to_do(number: int, told: str, tmp_path: Path) -> None:
    error = OSError(number, os.strerror(number))
    assert str(explain(error, tmp_path, "choose another folder")) == f"{tmp_path}: {told}"


def test_room_that_is_there_is_no_problem_and_room_that_is_not_is_told(tmp_path: Path) -> None:
    require_space(tmp_path, 1, "choose another folder")
    with pytest.raises(FixMachine, match=r"1073741824 MiB are needed and .* are free: free some space, or choose another folder"):
        require_space(tmp_path, 1 << 50, "choose another folder")


def test_a_port_that_somebody_listens_on_is_taken_until_they_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert port_problem(port) == "is taken by another program"
    assert port_problem(port) == ""


def test_a_port_that_somebody_listens_on_at_every_address_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - that is the case
        assert port_problem(listener.getsockname()[1]) == "is taken by another program"


def test_a_connection_that_was_just_closed_does_not_take_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)  # the side that closes first keeps the port for a while
            assert client.recv(1) == b""
    assert port_problem(port) == ""


def test_a_free_port_is_free_and_no_outgoing_connection_will_be_given_it() -> None:
    port = free_port()
    assert port_problem(port) == ""
    assert port in FREE_PORTS
