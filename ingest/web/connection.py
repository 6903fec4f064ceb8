"""A connection that serves one request: guarded, and bounded as a whole in time and bytes.

A time limit on each read bounds nothing: a byte before its end keeps a connection open for weeks,
in the headers too. So there is one moment at which all of it is over. Nothing is asked often
enough for a connection to be worth keeping, and none is shared by two names of one machine.
"""

import socket
import ssl
from collections.abc import Iterable

import httpcore2
import httpx2

from ingest.web.guard import Guard
from stream.clock import Clock
from stream.errors import Retry, Stop

LONGEST_WAIT = 20.0
"""Seconds for one connect, read or write, where its time as a whole is not over before."""


class GuardedTransport(httpx2.HTTPTransport):
    """Requests of a client go only where the guard lets them; each takes `seconds` at most, and
    `size` bytes on the wire with its headers.

    Raises what `Guard.connect` raises; Retry when it takes longer, Stop when it is larger.
    """

    def __init__(self, guard: Guard, *, clock: Clock, seconds: float, size: int) -> None:
        # httpx2 has no other way to hand in a network of one's own.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=_Network(guard, clock=clock, seconds=seconds, size=size),
        )


class _Bounds:
    """What is left of the time and the bytes of one connection."""

    def __init__(self, host: str, *, clock: Clock, seconds: float, size: int) -> None:
        self._host = host
        self._clock = clock
        self._seconds = seconds
        self._over = clock.elapsed() + int(seconds * 1000)
        self._size = self._left = size

    def seconds(self) -> float:
        """How long the next step may wait; Retry when the time is over."""
        left = (self._over - self._clock.elapsed()) / 1000
        if left <= 0:
            raise Retry(f"{self._host} took longer than {self._seconds:.0f} seconds for one answer")
        return min(left, LONGEST_WAIT)

    def spend(self, size: int) -> None:
        """So many bytes more came; Stop when they are too many."""
        self._left -= size
        if self._left < 0:
            raise Stop(
                f"{self._host} sent more than {self._size} bytes for one answer; when that is "
                "meant, raise the setting ingest.fetch_bytes"
            )


class _Network(httpcore2.NetworkBackend):
    """Makes the pool's connections. Times out by its own bounds, not by what it is told."""

    def __init__(self, guard: Guard, *, clock: Clock, seconds: float, size: int) -> None:
        self._guard = guard
        self._clock = clock
        self._seconds = seconds
        self._size = size

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  (the contract's, as those below)
        local_address: str | None = None,  # noqa: ARG002  (the same)
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002  (the same)
    ) -> httpcore2.NetworkStream:
        bounds = _Bounds(host, clock=self._clock, seconds=self._seconds, size=self._size)
        try:
            connected = self._guard.connect(host, port, seconds=bounds.seconds())
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        return _Stream(connected, bounds)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, connected: socket.socket, bounds: _Bounds) -> None:
        self._socket = connected
        self._bounds = bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  (the same)
        self._socket.settimeout(self._bounds.seconds())
        try:
            data = self._socket.recv(max_bytes)
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error
        self._bounds.spend(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  (the same)
        self._socket.settimeout(self._bounds.seconds())
        try:
            self._socket.sendall(buffer)
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  (the same)
    ) -> httpcore2.NetworkStream:
        self._socket.settimeout(self._bounds.seconds())
        try:
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except OSError as error:
            self.close()
            raise httpcore2.ConnectError(str(error)) from error
        return _Stream(secured, self._bounds)

    def close(self) -> None:
        self._socket.close()
