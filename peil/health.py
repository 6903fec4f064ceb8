"""Whether a role lives and does its work, and what it counted: told over HTTP."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from stream.clock import Clock
from stream.errors import Stop
from stream.metrics import PrometheusMetrics

LIVE_MS = 600_000
"""A role that gives no sign for longer hangs: the longest batch takes less."""

READY_MS = 60_000
"""A role that has finished no turn for longer waits for something that is down, or is behind."""


class Pulse:
    """What a role's process tells of itself: its own thread sets it, the server's reads it."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._sign = clock.elapsed()
        self._turn: int | None = None
        self._busy_since: int | None = None

    def beat(self) -> None:
        """The role lives; perhaps it tries again and again."""
        self._sign = self._clock.elapsed()

    def turned(self) -> None:
        """The role did what there was to do."""
        self._sign = self._turn = self._clock.elapsed()

    @contextmanager
    def busy(self) -> Generator[None]:
        """The block may take hours and gives no sign meanwhile: the role lives all the same, and
        is as ready as it was.
        """
        self._busy_since = self._clock.elapsed()
        try:
            yield
        finally:
            self._busy_since = None
            self.beat()

    def standing_by(self, stopping: Callable[[], bool]) -> Callable[[], bool]:
        """`stopping` of a role that is well while it waits for its turn."""

        def ask() -> bool:
            self.turned()
            return stopping()

        return ask

    @property
    def live(self) -> bool:
        """Whether the role gives signs of life: false asks for a restart."""
        return self._busy_since is not None or self._clock.elapsed() - self._sign <= LIVE_MS

    @property
    def ready(self) -> bool:
        """Whether the role does its work: false says that something it needs is missing."""
        at = self._busy_since
        if at is None:
            at = self._clock.elapsed()
        return self._turn is not None and at - self._turn <= READY_MS


class HealthServer:
    """Answers `/live`, `/ready` and `/metrics` at `address` (`host:port`) from a thread of its
    own. Use it as a context.
    """

    def __init__(self, address: str, *, pulse: Pulse, metrics: PrometheusMetrics) -> None:
        host, _, port = address.rpartition(":")

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                match self.path.partition("?")[0]:
                    case "/live":
                        self._answer(200 if pulse.live else 503, b"")
                    case "/ready":
                        self._answer(200 if pulse.ready else 503, b"")
                    case "/metrics":
                        self._answer(200, metrics.text())
                    case _:
                        self._answer(404, b"/live, /ready, /metrics\n")

            def do_HEAD(self) -> None:
                self.do_GET()

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", metrics.CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as its class calls it)
                """Keep quiet: somebody asks every few seconds."""

        try:
            self._server = ThreadingHTTPServer((host, int(port)), Handler)
        except (OSError, OverflowError, UnicodeError) as error:
            raise Stop(
                f"service.listen: cannot listen at {address} ({error}); choose an address of this "
                "machine and a free port"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def nth_address(address: str, number: int) -> str:
    """`address` with a port that is `number` higher."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + number}"
