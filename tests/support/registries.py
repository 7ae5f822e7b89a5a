"""A schema registry's REST API, as much of it as a client of Avro needs, on a port of this machine."""

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
INCOMPATIBLE = 409


class Registry:
    """What the registry holds. Ids begin at 1000, so that they are never those of the index."""

    def __init__(self) -> None:
        self.url = ""
        self.subjects: dict[str, list[int]] = {}
        self.schemas: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.refuses: set[str] = set()

    def add(self, subject: str, schema: str, **fields: Any) -> int:
        """A schema's id; the same schema has one id everywhere."""
        held = {"schema": schema} | fields
        schema_id = next((key for key, value in self.schemas.items() if value == held), 1000 + len(self.schemas))
        self.schemas[schema_id] = held
        versions = self.subjects.setdefault(subject, [])
        if schema_id not in versions:
            versions.append(schema_id)
        return schema_id

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        if found := re.fullmatch(r"/schemas/ids/(\d+)", path):
            held = self.schemas.get(int(found[1]))
            return (200, held) if held else (404, {"error_code": SCHEMA_NOT_FOUND, "message": "Schema not found"})
        if found := re.fullmatch(r"/subjects/([^/]+)/versions/(\d+)", path):
            schema_id = self.subjects[found[1]][int(found[2]) - 1]
            return 200, {"subject": found[1], "version": int(found[2]), "id": schema_id} | self.schemas[schema_id]
        if method == "POST" and (found := re.fullmatch(r"/subjects/([^/]+)/versions", path)):
            if found[1] in self.refuses:
                return INCOMPATIBLE, {"error_code": INCOMPATIBLE, "message": "Schema being registered is incompatible"}
            return 200, {"id": self.add(found[1], body["schema"])}
        return 404, {"error_code": 404, "message": f"no such path: {path}"}


@contextmanager
def registry() -> Iterator[Registry]:
    """A registry that runs."""
    held = Registry()

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
