"""The socket that a server listens on."""

from __future__ import annotations

import socket

from processor.rest.server import listening


def test_no_part_of_an_answer_waits_for_the_one_before_it_to_be_acknowledged() -> None:
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
