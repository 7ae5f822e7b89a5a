"""What a server's socket is like before anybody calls."""

from __future__ import annotations

import socket

from processor.rest.server import listening


def test_answers_do_not_wait_for_the_client_to_acknowledge_their_first_piece() -> None:
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
