"""Web servers of worlds, on this machine, and the ways in which they fail."""

import socket
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

STALL = 0.5
"""Seconds in which nothing comes of an interface's answer."""

BLOCK_PAGE = b"<!DOCTYPE html><html><title>One moment</title>Checking your browser</html>"


class Serving:
    """Answers by `handler` while it is open."""

    def __init__(self, handler: type["Handler"]) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """Says what it is told to say; whoever asked may be gone by then."""

    def respond(self) -> None:
        """Answer the request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.respond()

    def say(
        self, status: int, headers: Mapping[str, str], body: bytes, *, length: int | None = None
    ) -> None:
        """An answer, which says that it has `length` bytes where that is not true."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            return  # the one who asked was killed

    def say_half(
        self, status: int, headers: Mapping[str, str], body: bytes, *, stall: float
    ) -> None:
        """Half an answer, and nothing for `stall` seconds; then it is over."""
        self.say(status, headers, body[: len(body) // 2], length=len(body))
        time.sleep(stall)

    def say_data(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        fault: str | None,
        refusals: Mapping[str, tuple[int, bytes]],
    ) -> None:
        """What an interface for programs answers, or what `fault` makes of it: one of `refusals`
        (its status and body), `malformed`, `half`, `stall` or `reset`.
        """
        status, body = refusals.get(fault or "", (status, body))
        kind = "text/html" if body == BLOCK_PAGE else "application/json"
        headers = {"Content-Type": kind, **headers}
        match fault:
            case "malformed":
                self.say(status, headers, body[: len(body) // 2])
            case "half" | "stall":
                self.say_half(status, headers, body, stall=STALL if fault == "stall" else 0)
            case "reset":
                self.connection.shutdown(socket.SHUT_RDWR)
            case _:
                self.say(status, headers, body)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return  # the one who asked was killed, or it was a reset of ours

    def log_message(self, *_args: object) -> None:
        return
