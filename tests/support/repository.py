"""A Maven repository on loopback that answers as a test tells it to."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from processor.kafka.jars import Jar

if TYPE_CHECKING:
    from collections.abc import Iterator


def pinned(coordinates: str, content: bytes) -> Jar:
    """A jar as the manifest would pin this content."""
    return Jar(coordinates=coordinates, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), part="broker")


class Repository:
    """What is answered, by path: one answer after the other, the last one for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self._answers: dict[str, list[tuple[int, bytes, int]]] = {}
        self._lock = threading.Lock()

    def will_answer(self, jar: Jar, *contents: bytes, status: int = 200, promised_bytes: int = 0) -> None:
        """Answer with these contents; ``promised_bytes`` is the length that is announced when it is not the content's own."""
        self._answers.setdefault(jar.path, []).extend((status, content, promised_bytes or len(content)) for content in contents or (b"",))

    def answer(self, path: str) -> tuple[int, bytes, int]:
        with self._lock:
            answers = self._answers.get(path, [(404, b"", 0)])
            self.asked[path] += 1
            return answers[min(self.asked[path], len(answers)) - 1]


@contextmanager
def serving() -> Iterator[Repository]:
    """Serve a repository while the block runs."""
    repository = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content, promised = repository.answer(self.path.removeprefix("/maven2/"))
            self.send_response(status)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Not on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        repository.url = f"http://127.0.0.1:{server.server_port}/maven2"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield repository
        finally:
            server.shutdown()
            thread.join()
