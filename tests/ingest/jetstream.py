"""A Jetstream on this machine: both wires, as its lexicon and source have them, and every fault.

It holds what happened, in order, and shows it from where a client asks: by v2 with numbers, by v1
with times. What it does wrong is told to it by `Faults`.
"""

import contextlib
import fcntl
import json
import random
import select
import socket
import ssl
import struct
import sys
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from stream.clock import to_datetime

POSTS = "app.bsky.feed.post"
V2_PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
LEXICON = "network.bsky.jetstream.subscribeEvents"
TIMES_FROM = 1_000_000_000_000_000
"""A cursor from here on is a time in Unix microseconds (v2)."""

SPEED = 20
"""How many times as fast as the wall's the clock of tests goes."""

LETTERS = "234567abcdefghijklmnopqrstuvwxyz"


class FastClock:
    """The wall's time, `SPEED` times as fast."""

    def __init__(self) -> None:
        self._began = time.time()

    def now(self) -> int:
        return int((self._began + (time.time() - self._began) * SPEED) * 1000)

    def elapsed(self) -> int:
        return int(time.monotonic() * SPEED * 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)


def tid(microseconds: int, clock: int = 0) -> str:
    """The key that a record made then has."""
    number, letters = microseconds << 10 | clock, ""
    for _ in range(13):
        letters = LETTERS[number % 32] + letters
        number //= 32
    return letters


def post(text: str, *, at: int, **more: Any) -> dict[str, Any]:
    """A record of a post made `at` (Unix ms)."""
    made = to_datetime(at).isoformat().replace("+00:00", "Z")
    return {"$type": POSTS, "text": text, "createdAt": made, "langs": ["nl"], **more}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: its number, its time (Unix microseconds), and what v1 and v2 say of it."""

    seq: int
    time: int
    did: str
    kind: str
    body: Mapping[str, Any]
    verbatim: bytes | None = None

    def v1(self) -> bytes:
        if self.verbatim is not None:
            return self.verbatim
        event = {"did": self.did, "time_us": self.time, "kind": self.kind, self.kind: self.body}
        return json.dumps(event).encode()

    def v2(self) -> bytes:
        if self.verbatim is not None:
            return self.verbatim
        seconds, rest = divmod(self.time, 1_000_000)
        moment = f"{to_datetime(seconds * 1000):%Y-%m-%dT%H:%M:%S}.{rest:06}Z"
        body = self.body if self.kind == "commit" else {self.kind: self.body}
        payload = {"$type": f"{LEXICON}#{self.kind}", "seq": self.seq, "did": self.did,
                   "time": moment, **body}  # fmt: skip
        return json.dumps({"$type": "message", "payload": payload}).encode()


@dataclass(slots=True)
class Faults:
    """What the server does wrong. `refusals` are answers to the next handshakes, one each. Each
    of `cuts`, `halves`, `broken` and `slow` is a number of events, counted over all connections,
    before which it happens once: the connection is reset, reset within a frame, a message is not
    whole, the client is called too slow.
    """

    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    cuts: set[int] = field(default_factory=set)
    halves: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    slow: set[int] = field(default_factory=set)
    silent: bool = False
    ignores_cursor: bool = False
    twice: float = 0.0
    shuffled: int = 1
    """Events come in a random order within stretches of so many."""


class Jetstream:
    """Listens on 127.0.0.1 at a port of its own while it is open."""

    def __init__(
        self,
        *,
        wires: Sequence[str] = ("v1", "v2"),
        rng: random.Random | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.wires = wires
        self.faults = Faults()
        self.failed: Counter[str] = Counter()
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.agents: list[str] = []
        self.happened: list[Happening] = []
        self.floor = 0
        """What has a lower number is not held any more."""
        self.open = 0
        self._rng = rng or random.Random(0)
        self.shown = 0
        """How many events it showed, over all connections."""
        self._more = threading.Condition()
        self._closing = False
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        self.address = f"{'wss' if tls else 'ws'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        with self._more:
            self._closing = True
            self._more.notify_all()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join(10)

    def drop(self) -> None:
        """Reset every connection."""
        with self._more:
            sockets = list(self._sockets)
        for each in sockets:
            _reset(each)

    def commit(self, did: str, rkey: str, record: Mapping[str, Any] | None = None, *, at: int,
               operation: str = "create", collection: str = POSTS,
               rev: str | None = None) -> Happening:  # fmt: skip
        """A record is written (or deleted, without one); `at` in Unix microseconds."""
        body: dict[str, Any] = {"rev": rev or tid(at), "operation": operation,
                                "collection": collection, "rkey": rkey}  # fmt: skip
        if record is not None:
            body |= {"record": record, "cid": "bafyreigh2akiscaildc"}
        return self.happen(did, "commit", body, at=at)

    def account(self, did: str, *, at: int, active: bool, status: str = "") -> Happening:
        body: dict[str, Any] = {"active": active, "did": did, "seq": 7, "time": ""}
        return self.happen(did, "account", body | ({"status": status} if status else {}), at=at)

    def happen(
        self, did: str, kind: str, body: Mapping[str, Any], *, at: int,
        verbatim: bytes | None = None,
    ) -> Happening:  # fmt: skip
        """Something happens in the repository of `did`; `verbatim` is sent in its place."""
        with self._more:
            event = Happening(len(self.happened) + 1, at, did, kind, body, verbatim)
            self.happened.append(event)
            self._more.notify_all()
        return event

    def begin_anew(self) -> None:
        """As after the loss of its disk: nothing is held, and numbers begin at one."""
        with self._more:
            self.happened.clear()
            self.floor = 0

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            with self._more:
                if self._closing:
                    client.close()
                    return
                self._sockets.add(client)
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        protocol = ServerProtocol(select_subprotocol=_negotiate)
        try:
            if self._tls is not None:
                client = self._wrap(client, self._tls)
            request = _read_request(client, protocol)
            self._answer(client, protocol, request)
        except (OSError, EOFError):
            return  # the client went, or a fault says so
        finally:
            with self._more:
                self._sockets.discard(client)
            client.close()

    def _wrap(self, client: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        wrapped = tls.wrap_socket(client, server_side=True)
        with self._more:
            self._sockets.discard(client)
            self._sockets.add(wrapped)
        return wrapped

    def _answer(self, client: socket.socket, protocol: ServerProtocol, request: Request) -> None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        wire = {"/subscribe": "v1", V2_PATH: "v2"}.get(parts.path, "")
        self.asked.append((wire, query))
        self.agents.append(request.headers.get("User-Agent", ""))
        refusal = self._refusal(wire, query)
        if refusal is not None:
            status, headers, body = refusal
            headers = {"Content-Length": str(len(body)), "Connection": "close", **headers}
            protocol.send_response(Response(status, "No", Headers(headers), body))
            _send(client, protocol)
            return
        protocol.send_response(protocol.accept(request))
        _send(client, protocol)
        with self._more:
            self.open += 1
        try:
            self._stream(client, protocol, wire, query)
        finally:
            with self._more:
                self.open -= 1

    def _refusal(
        self, wire: str, query: Mapping[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes] | None:
        if self.faults.refusals:
            status, headers, body = self.faults.refusals.pop(0)
            self.failed[f"status {status}"] += 1
            return status, headers, body
        if wire not in self.wires:
            return 404, {"Content-Type": "text/plain"}, b"404 page not found\n"
        if wire == "v1":
            return None
        if "wantedCollections" in query or "wantedDids" in query:
            return _xrpc("InvalidRequest", "use collections")
        if not {"commit", "account", "sync", "identity"}.issuperset(query.get("kinds", ())):
            return _xrpc("InvalidRequest", "no such kind")
        cursor = int(query.get("cursor", ["0"])[0])
        if 0 < cursor < TIMES_FROM and cursor < self.floor:
            return _xrpc("CursorTooOld", f"cursor {cursor} below lookback floor {self.floor}")
        return None

    def _start_at(self, wire: str, query: Mapping[str, list[str]]) -> tuple[int, bool]:
        """The place of the first event to show, and whether the client asked for an older one."""
        here = len(self.happened)
        if "cursor" not in query or self.faults.ignores_cursor:
            return here, False
        cursor, floor = int(query["cursor"][0]), max(0, self.floor - 1)
        if wire == "v2" and cursor < TIMES_FROM:
            return (here if cursor > here else max(cursor - 1, floor)), False
        later = (place for place, each in enumerate(self.happened) if each.time >= cursor)
        asked = next(later, here)
        clamped = asked < floor or (floor > 0 and self.happened[0].time > cursor)
        return max(asked, floor), clamped

    def _stream(self, client: socket.socket, protocol: ServerProtocol, wire: str,
                query: Mapping[str, list[str]]) -> None:  # fmt: skip
        with self._more:
            place, clamped = self._start_at(wire, query)
        if clamped and wire == "v2":
            info = {"$type": f"{LEXICON}#info", "name": "OutdatedCursor",
                    "message": f"starting at seq {place + 1}"}  # fmt: skip
            _send_text(client, protocol, {"$type": "message", "payload": info})
        wanted = query.get("collections", query.get("wantedCollections", []))
        kinds = query.get("kinds", [])
        while True:
            with self._more:
                while not self._closing and (self.faults.silent or place >= len(self.happened)):
                    if not self._more.wait(0.1) and _is_gone(client):
                        return
                if self._closing:
                    return
                stretch = self.happened[place : place + max(1, self.faults.shuffled)]
                place += len(stretch)
            if self.faults.shuffled > 1:
                self._rng.shuffle(stretch)
            for event in stretch:
                if _wants(event, wire, wanted, kinds):
                    self._show(client, protocol, wire, event)

    def _show(
        self, client: socket.socket, protocol: ServerProtocol, wire: str, event: Happening
    ) -> None:
        frame = event.v1() if wire == "v1" else event.v2()
        with self._more:
            self.shown += 1
            number = self.shown
        if self._falls_due(self.faults.cuts, number, "reset"):
            _drain(client)
            _reset(client)
            raise EOFError
        if self._falls_due(self.faults.slow, number, "too slow"):
            if wire == "v2":
                _send_text(client, protocol, {"$type": "error", "error": "ConsumerTooSlow"})
            protocol.send_close(1008, "too slow")
            _send(client, protocol)
            raise EOFError
        if self._falls_due(self.faults.broken, number, "broken message"):
            frame = frame[: len(frame) // 2]
        protocol.send_text(frame)
        data = b"".join(protocol.data_to_send())
        if self._falls_due(self.faults.halves, number, "half frame"):
            client.sendall(data[: len(data) // 2])
            time.sleep(0.01)
            _reset(client)
            raise EOFError
        client.sendall(data)
        if self.faults.twice and self._rng.random() < self.faults.twice:
            self.failed["duplicate"] += 1
            client.sendall(data)

    def _falls_due(self, due: set[int], number: int, kind: str) -> bool:
        """Whether one of `due` has come; it comes once."""
        with self._more:
            reached = {each for each in due if each <= number}
            due -= reached
            if reached:
                self.failed[kind] += 1
        return bool(reached)


def _wants(event: Happening, wire: str, wanted: Sequence[str], kinds: Sequence[str]) -> bool:
    if event.verbatim is not None:
        return True
    if (kinds and event.kind not in kinds) or (wire == "v1" and event.kind == "sync"):
        return False
    return event.kind != "commit" or not wanted or event.body["collection"] in wanted


def _xrpc(name: str, message: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"error": name, "message": message}).encode()
    return 400, {"Content-Type": "application/json"}, body


def _negotiate(_protocol: object, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("xrpc.v1.json") if "xrpc.v1.json" in offered else None


def _read_request(client: socket.socket, protocol: ServerProtocol) -> Request:
    while protocol.state is State.CONNECTING:
        data = client.recv(65_536)
        if not data:
            raise EOFError
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                return event
    raise EOFError


def _send(client: socket.socket, protocol: ServerProtocol) -> None:
    client.sendall(b"".join(protocol.data_to_send()))


def _send_text(client: socket.socket, protocol: ServerProtocol, frame: Any) -> None:
    protocol.send_text(json.dumps(frame).encode())
    _send(client, protocol)


def _is_gone(client: socket.socket) -> bool:
    """Whether the client hung up. What it says else is none of our business."""
    readable, _, _ = select.select([client], [], [], 0)
    return bool(readable) and client.recv(65_536) == b""


def _drain(client: socket.socket, seconds: float = 5.0) -> None:
    """Wait until the client's side has all that was sent: a reset takes away what is under way,
    and how much that is would be left to chance.
    """
    until = time.monotonic() + seconds
    while int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
        if time.monotonic() > until:
            return
        time.sleep(0.001)


def _reset(client: socket.socket) -> None:
    """End a connection as a crash does, once the thread that serves it closes it."""
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.shutdown(socket.SHUT_RDWR)
