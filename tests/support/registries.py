"""A schema registry on loopback for what the real one (``apicurio.py``) cannot be made to give.

That is: what it was asked and by whom, and schemas that no registry lets in.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_NOT_FOUND = 40403


class FakeRegistry:
    """What the registry holds. Ids begin at 1000, so that they are never those of the index."""

    def __init__(self) -> None:
        self.url = ""
        self.schemas: dict[int, str] = {}
        self.requests: list[str] = []
        self.users: set[str] = set()

    def add(self, schema: str) -> int:
        """A schema's id; the same schema has one id everywhere."""
        schema_id = next((key for key, text in self.schemas.items() if text == schema), 1000 + len(self.schemas))
        self.schemas[schema_id] = schema
        return schema_id

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        if found := re.fullmatch(r"/schemas/ids/(\d+)", path):
            held = self.schemas.get(int(found[1]))
            return (200, {"schema": held}) if held else (404, {"error_code": SCHEMA_NOT_FOUND, "message": "Schema not found"})
        if method == "POST" and re.fullmatch(r"/subjects/[^/]+/versions", path):
            return 200, {"id": self.add(body["schema"])}
        return 404, {"error_code": 404, "message": f"no such path: {path}"}


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """A registry that runs."""
    held = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", {})

        def do_POST(self) -> None:
            self._answer("POST", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

        def _answer(self, method: str, body: dict[str, Any]) -> None:
            path = self.path.partition("?")[0]
            held.requests.append(f"{method} {path}")
            held.users.add(self.headers.get("Authorization", ""))
            status, answer = held.answer(method, path, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
