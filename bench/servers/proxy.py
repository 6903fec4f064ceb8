"""A network that fails on demand: a TCP proxy on this machine with faults to switch."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Self

from bench.servers.server import HOST, free_port

CHUNK = 1 << 16


@dataclass(eq=False, slots=True)
class Connection:
    """The two sockets of one client and the tasks that carry bytes each way."""

    client: socket.socket
    server: socket.socket
    there: asyncio.Task[None]
    back: asyncio.Task[None]


class Proxy:
    """Carries bytes between clients at `address` and the server at `target` (`host:port`).

    A fault lasts until `heal` takes it away; `cut`, `half_close` and `reset` happen once, to
    the connections there are. All of them may be called from any thread. A target that is down
    is seen by a client as a connection that closes at once.
    """

    def __init__(self, target: str, *, port: int | None = None) -> None:
        self.target = target
        self.address = f"{HOST}:{port or free_port()}"
        self._connections: set[Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._delay = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listener: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.accept()

    @property
    def connections(self) -> int:
        """How many clients are connected through it to the server."""
        return len(self._connections)

    def delay(self, seconds: float) -> None:
        """Hold every piece of data up for so long, either way."""
        self._delay = seconds

    def cut(self) -> None:
        """Close all connections in order: both sides see the end of the data."""
        self._do(self._close(abruptly=False))

    def reset(self) -> None:
        """Break all connections: both sides get a reset."""
        self._do(self._close(abruptly=True))

    def half_close(self) -> None:
        """Tell all clients that the server has no more to say, and go on listening to them."""
        self._do(self._half_close())

    def stall(self) -> None:
        """Let clients connect, and carry nothing either way; it is carried after `heal`."""
        self._do(self._stall())

    def refuse(self) -> None:
        """Let no new client connect. The connections there are stay."""
        self._do(self._refuse())

    def accept(self) -> None:
        """Let clients connect again after `refuse`."""
        self._do(self._accept())

    def heal(self) -> None:
        """Take all faults away."""
        self._delay = 0.0
        self._do(self._heal())

    def close(self) -> None:
        """End, with all connections."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _accept(self) -> None:
        if self._listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.settimeout(0)
            listener.bind(_pair(self.address))
            listener.listen()
            self._listener = self._loop.create_task(self._listen(listener))

    async def _refuse(self) -> None:
        if self._listener is not None:
            await _cancel(self._listener)
            self._listener = None

    async def _stall(self) -> None:
        self._flowing.clear()

    async def _heal(self) -> None:
        self._flowing.set()
        await self._accept()

    async def _half_close(self) -> None:
        for connection in list(self._connections):
            await _cancel(connection.back)
            with contextlib.suppress(OSError):  # it may be gone already
                connection.client.shutdown(socket.SHUT_WR)

    async def _close(self, *, abruptly: bool) -> None:
        for connection in list(self._connections):
            await self._drop(connection, abruptly=abruptly)

    async def _end(self) -> None:
        await self._refuse()
        await self._close(abruptly=False)
        await _cancel(*self._serving)

    async def _listen(self, listener: socket.socket) -> None:
        with listener:
            while True:
                client, _ = await self._loop.sock_accept(listener)
                serving = self._loop.create_task(self._serve(client))
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)

    async def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        server.settimeout(0)
        try:
            await self._loop.sock_connect(server, _pair(self.target))
        except (OSError, asyncio.CancelledError):
            client.close()
            server.close()
            return
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(
            client,
            server,
            there=self._loop.create_task(self._carry(client, server)),
            back=self._loop.create_task(self._carry(server, client)),
        )
        self._connections.add(connection)
        ways = (connection.there, connection.back)
        await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        broken = any(way.done() and not way.cancelled() and way.exception() for way in ways)
        await self._drop(connection, abruptly=broken)

    async def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        while True:
            data = await self._loop.sock_recv(source, CHUNK)
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._flowing.wait()
            if not data:
                break
            await self._loop.sock_sendall(sink, data)
        sink.shutdown(socket.SHUT_WR)

    async def _drop(self, connection: Connection, *, abruptly: bool) -> None:
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        try:
            await _cancel(connection.there, connection.back)
        finally:
            for side in (connection.client, connection.server):
                if abruptly:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.close()


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _pair(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
