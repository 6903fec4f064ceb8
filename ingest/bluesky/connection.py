"""A websocket that is only listened to: to where the guard lets it, with the agent's own name.

The websocket itself is the `websockets` library's, driven by hand over a plain socket: no thread
stands between, and reading a frame costs half of what its own client takes.
"""

import ipaddress
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ingest.web.client import Web
from ingest.web.quotation import quoted
from stream.clock import Clock
from stream.errors import Retry, Stop

OPEN_SECONDS = 3.0
"""What each step of connecting may take."""

SLOWEST_SECONDS = 20.0
"""All steps together: also at a server of many addresses, or that answers byte by byte."""

CHUNK = 1 << 16
MAX_FRAME = 2_000_000
WEBSOCKET_PORTS = {"ws": 80, "wss": 443}


class Refused(Exception):
    """The server answered with something else than a websocket."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = headers
        self.body = body


class Connection:
    """An open connection to `url`; close it. Used by one thread.

    Making it blocks for up to `SLOWEST_SECONDS`, beside what the system takes to look a name up,
    and raises Refused, Retry when the host cannot be reached, Stop when it may not be or its
    certificate is not valid. `tls` is for hosts whose certificates the system does not know.
    """

    def __init__(
        self,
        url: str,
        *,
        web: Web,
        clock: Clock,
        subprotocol: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self._clock = clock
        self._parts: list[bytes] = []
        self._ended: Retry | None = None
        self._protocol = ClientProtocol(
            parse_uri(url),
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            max_size=MAX_FRAME,
        )
        self._early: list[bytes] = []
        port = parts.port or WEBSOCKET_PORTS[parts.scheme]
        self._until = clock.elapsed() + int(SLOWEST_SECONDS * 1000)
        try:
            self._socket = web.guard.connect(self.host, port, seconds=OPEN_SECONDS)
        except OSError as error:
            raise Retry(f"{self.host} cannot be reached: {error}") from error
        try:
            if parts.scheme == "ws":
                self._check_private()
            else:
                context = tls or ssl.create_default_context()
                self._bound()
                self._socket = context.wrap_socket(self._socket, server_hostname=self.host)
            self._shake_hands(web.agent)
        except ssl.SSLCertVerificationError as error:
            self._socket.close()
            raise Stop(
                f"{self.host} is not who it says it is: {error.verify_message}; look at it in a "
                "browser"
            ) from error
        except OSError as error:
            self._socket.close()
            raise Retry(f"{self.host} does not answer: {error}") from error
        except BaseException:
            self._socket.close()
            raise

    def _check_private(self) -> None:
        """Without encryption only to a server of one's own; the guard let those through that are
        named in the setting ingest.private_hosts.
        """
        if ipaddress.ip_address(self._socket.getpeername()[0]).is_global:
            raise Stop(f"{self.host} is on the internet: write its address as wss://…")

    def _bound(self) -> None:
        """The next step of connecting ends in time; Retry when there is none left."""
        left = (self._until - self._clock.elapsed()) / 1000
        if left <= 0:
            raise Retry(f"{self.host} takes longer than {SLOWEST_SECONDS:.0f} seconds to answer")
        self._socket.settimeout(min(OPEN_SECONDS, left))

    def _shake_hands(self, agent: str) -> None:
        request = self._protocol.connect()
        request.headers["User-Agent"] = agent
        self._protocol.send_request(request)
        self._bound()
        self._send()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            self._bound()
            self._read()
        failure = self._protocol.handshake_exc
        if isinstance(failure, InvalidStatus):
            response = failure.response
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            raise Refused(response.status_code, headers, bytes(response.body or b""))
        if failure is not None:
            raise Retry(
                f"{self.host} does not speak as a websocket does: {quoted(str(failure))}"
            ) from failure
        self._early = self._messages()

    def receive(self, *, seconds: float) -> list[bytes]:
        """The messages that came by now; waits for some up to `seconds`, and brings none when
        there are none. Raises Retry, and says how, when the connection is over: every message
        before that was brought.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        if self._ended is not None:
            raise self._ended
        self._socket.settimeout(seconds)
        try:
            self._read()
        except TimeoutError:
            return []
        except OSError as error:
            raise Retry(f"{self.host} broke the connection off: {error}") from error
        return self._messages()

    def _read(self) -> None:
        data = self._socket.recv(CHUNK)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._send()

    def _send(self) -> None:
        """What the protocol has to say: the request, a pong, a goodbye."""
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)

    def _messages(self) -> list[bytes]:
        messages: list[bytes] = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue  # the answer to the handshake
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    messages.append(b"".join(self._parts))
                    self._parts.clear()
        if self._protocol.state is not State.OPEN or self._protocol.parser_exc is not None:
            self._ended = Retry(f"{self.host} ended the connection: {self._why()}")
        return messages

    def _why(self) -> str:
        if self._protocol.close_rcvd is not None:
            return quoted(str(self._protocol.close_rcvd))
        return quoted(str(self._protocol.parser_exc or "without a word"))

    def close(self) -> None:
        """End it at once. A stream that is only listened to leaves nothing unsaid."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
