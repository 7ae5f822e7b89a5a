"""A destination on loopback that answers as a test tells it to, and remembers everything it was sent."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, MIXED, FAILURE, THROTTLED, NO_SCOPES, NO_KEY, INVALID = 10000, 10010, 10020, 11005, 11007, 11009, 11102
INPUT_OK, DUPLICATE, UNSUPPORTED, INPUT_INVALID, OVER_LIMIT = 30000, 30100, 30101, 30104, 30105
WORDS = {
    OK: "Ok",
    MIXED: "Mixed success",
    FAILURE: "Failure",
    THROTTLED: "Too many requests",
    NO_SCOPES: "Insufficient scopes",
    NO_KEY: "API key not found",
    INVALID: "Invalid request",
    INPUT_OK: "Input ok",
    DUPLICATE: "Duplicate input",
    UNSUPPORTED: "Unsupported format",
    INPUT_INVALID: "Invalid argument",
    OVER_LIMIT: "Over limit",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: when it came, for which ``user/app``, with which header and inputs."""

    at: float
    app: str
    authorization: str
    body: dict[str, Any]
    length: int

    @property
    def inputs(self) -> list[Any]:
        return list(self.body["inputs"])

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.inputs]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; ``delay_s`` before the headers, ``stall_s`` between headers and body."""

    http: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    stall_s: float = 0.0


def status(code: int, details: str = "") -> dict[str, Any]:
    """A status as the contract has it."""
    return {"code": code, "description": WORDS[code]} | ({"details": details} if details else {})


def whole(http: int, code: int, details: str = "", **headers: str) -> Reply:
    """An answer that speaks of the request only."""
    return Reply(http, {"status": status(code, details)}, {name.replace("_", "-"): value for name, value in headers.items()})


class FakeDestination:
    """Takes inputs of any app, each id once.

    Attributes:
        keys: the secrets that open it.
        rule: a reply for a request that is not answered as usual; None for one that is.
        judge: a status for an input that is refused; None for one that is taken.
        answer_s: how long every answer takes; inputs are stored before that.
        stored: app → id → input.
        attempts: how often each id was sent in a request that was read.
        requests: every request, in the order they came.
        at_once_max: the most requests that waited for their answers at one time.
    """

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)
        self.rule: Callable[[Request], Reply | None] = lambda _: None
        self.judge: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
        self.stored: dict[str, dict[str, Any]] = {}
        self.attempts: Counter[str] = Counter()
        self.requests: list[Request] = []
        self.answer_s = 0.0
        self.at_once_max = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._return: threading.Timer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Listen; on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def up_after(self, seconds: float) -> None:
        """Listen again by itself."""
        self._return = threading.Timer(seconds, self.up)
        self._return.start()

    def down(self) -> None:
        """Refuse connections and drop the open ones; what was about to be answered never is."""
        if self._return is not None:
            self._return.cancel()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.drop_connections()
            self._server = None

    def script(self, *replies: Reply) -> None:
        """Answer the next requests so, then as usual."""
        left = list(replies)

        def next_reply(_: Request) -> Reply | None:
            with self._lock:
                return left.pop(0) if left else None

        self.rule = next_reply

    def ids(self, app: str) -> set[str]:
        """What an app has."""
        with self._lock:
            return set(self.stored.get(app, {}))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count a request for as long as it has no answer; the client may send its next one as soon as it has."""
        with self._lock:
            self._at_once += 1
            self.at_once_max = max(self.at_once_max, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def answer(self, request: Request) -> Reply:
        """What a request is answered; inputs are stored before that."""
        with self._lock:
            self.requests.append(request)
        if request.authorization.removeprefix("Key ") not in self.keys:
            return whole(401, NO_KEY, "no such key")
        if (reply := self.rule(request)) is not None:
            return reply
        with self._lock:
            items = [{"id": each["id"], "status": self._take(request.app, each)} for each in request.inputs]
        codes = {item["status"]["code"] for item in items}
        good = codes == {INPUT_OK}
        top = OK if good else MIXED if INPUT_OK in codes else next(iter(codes)) if len(codes) == 1 else FAILURE
        return Reply(200 if good else 207 if top == MIXED else 400, {"status": status(top), "inputs": items})

    def _take(self, app: str, given: dict[str, Any]) -> dict[str, Any]:
        self.attempts[given["id"]] += 1
        refusal = self.judge(given)
        if refusal is not None:
            return refusal
        of_app = self.stored.setdefault(app, {})
        if given["id"] in of_app:
            return status(DUPLICATE)
        of_app[given["id"]] = given
        return status(INPUT_OK)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], destination: FakeDestination) -> None:
        self.destination = destination
        self.gone = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        self.gone.set()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is none."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    server: _Server

    def do_POST(self) -> None:
        destination = self.server.destination
        length = int(self.headers["Content-Length"])
        text = self.rfile.read(length)
        _, _, _, user, _, app, _ = self.path.split("/")
        try:
            body = json.loads(text)
        except ValueError:
            self._reply(whole(400, INVALID, "not JSON"))
            return
        with destination.at_work():
            reply = destination.answer(Request(time.monotonic(), f"{user}/{app}", self.headers["Authorization"], body, length))
            self._let_pass(destination.answer_s + reply.delay_s)
        self._reply(reply)

    def _let_pass(self, seconds: float) -> None:
        if self.server.gone.wait(seconds):
            raise ConnectionAbortedError

    def _reply(self, reply: Reply) -> None:
        text = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.http)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.flush()
        self._let_pass(reply.stall_s)
        self.wfile.write(text)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""
