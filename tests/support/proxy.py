"""A network between one named part and the brokers: a TCP proxy in a thread of its own that can be cut, slowed and healed.

What it counts is the proof that a fault struck: a cut that dropped nothing was none.
"""

from __future__ import annotations

import asyncio
import enum
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from processor.kafka.machine import HOST

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

CHUNK_BYTES = 1 << 16
CHUNKS_UNDER_WAY = 256
CALL_TIMEOUT_S = 60.0


class _State(enum.Enum):
    WHOLE = enum.auto()
    SILENT = enum.auto()
    MUTE = enum.auto()
    REFUSING = enum.auto()


DROPPING = {_State.SILENT, _State.MUTE}


class Link:
    """The network of one part.

    Clients of this process that use it are closed or kept, never forgotten: garbage may be collected in the network's own thread, and
    the end of a client waits for the network.

    Attributes:
        bytes_dropped: bytes of both directions that were taken and never handed on, because of a cut.
        bytes_delayed: bytes of both directions that were held back before they were handed on.
        connections_refused: connections that a refusing cut ended, or closed as soon as they came.
    """

    def __init__(self, routes: Mapping[int, int]) -> None:
        """Describe it; nothing listens yet.

        Args:
            routes: port that is listened on → port where what comes there goes to; all on the loopback address.
        """
        self.bytes_dropped = 0
        self.bytes_delayed = 0
        self.connections_refused = 0
        self._routes = dict(routes)
        self._state = _State.WHOLE
        self._audible = asyncio.Event()
        self._audible.set()
        self._delay_s = 0.0
        self._connections: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        self._do(self._listen())
        return self

    def stop(self) -> None:
        """End every connection and listen no more; it cannot be started again."""
        if self._thread.is_alive():
            self._do(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    def cut(self) -> None:
        """Silence, as of a pulled cable, until it is healed: connections stay, new ones are taken, all their bytes are thrown away."""
        self._do(self._set(_State.SILENT))

    def cut_answers(self) -> None:
        """As `cut`, but what the part says still arrives: it is done, and the part does not hear of it."""
        self._do(self._set(_State.MUTE))

    def refuse(self) -> None:
        """Close connections, and new ones as they come, as a firewall does that says so, until it is healed."""
        self._do(self._set(_State.REFUSING))

    def delay(self, seconds: float) -> None:
        """Hold every byte back for so long, each way; 0: no longer."""
        self._delay_s = seconds

    def heal(self) -> None:
        """Undo cut and delay. Connections that were silent are closed, since bytes are missing from their streams."""
        self._delay_s = 0.0
        self._do(self._set(_State.WHOLE))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(CALL_TIMEOUT_S)

    async def _listen(self) -> None:
        self._servers = [
            await asyncio.start_server(lambda reader, writer, to=to: self._accepted(reader, writer, to), HOST, port)
            for port, to in self._routes.items()
        ]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await self._end_connections()

    async def _set(self, state: _State) -> None:
        was, self._state = self._state, state
        if state in DROPPING:
            self._audible.clear()
            return
        self._audible.set()
        if state is _State.REFUSING:
            self.connections_refused += len(self._connections)
        if state is not was:
            await self._end_connections()

    async def _end_connections(self) -> None:
        ending = list(self._connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: int) -> None:
        if self._state is _State.REFUSING:
            self.connections_refused += 1
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._serve(reader, writer, to))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: int) -> None:
        """One connection, until either side ends it or we do. Nobody listens behind: it ends at once."""
        ends = [writer]
        try:
            with suppress(OSError):
                behind, beyond = await asyncio.open_connection(HOST, to)
                ends.append(beyond)
                await _first_of(self._pump(reader, beyond, {_State.SILENT}), self._pump(behind, writer, DROPPING))
        except asyncio.CancelledError:
            for end in ends:
                end.transport.abort()
            raise
        finally:
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dropping: set[_State]) -> None:
        """One direction; ``dropping``: the states in which what comes this way is thrown away."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_UNDER_WAY)
        handing_on = asyncio.ensure_future(self._hand_on(under_way, writer, dropping))
        try:
            with suppress(OSError):
                while chunk := await reader.read(CHUNK_BYTES):
                    self.bytes_delayed += len(chunk) if self._delay_s else 0
                    await under_way.put((self._loop.time() + self._delay_s, chunk))
            await under_way.join()
            # The end of a stream is news as well, and news does not travel on a cut network.
            await self._audible.wait()
        finally:
            await _cancelled([handing_on])

    async def _hand_on(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, dropping: set[_State]) -> None:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(due - self._loop.time())
            if self._state in dropping:
                self.bytes_dropped += len(chunk)
            elif not writer.is_closing():
                with suppress(OSError):
                    writer.write(chunk)
                    await writer.drain()
            under_way.task_done()


async def _first_of(*pumps: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancelled(tasks)


async def _cancelled(tasks: list[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
