"""Whose turn it is at a server: one request at a time and a pause, all sources together."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from stream.clock import Clock
from stream.errors import Retry

LONGEST_PAUSE_MS = 60_000


class Turns:
    """Shared by all that ask servers; threads wait for each other by host."""

    def __init__(self, *, clock: Clock, pause_seconds: float) -> None:
        self._clock = clock
        self._pause_ms = int(pause_seconds * 1000)
        self._queues: dict[str, threading.Lock] = {}
        self._asked: dict[str, int] = {}
        self._rests: dict[str, int] = {}

    @contextmanager
    def take(self, host: str, *, delay: float = 0.0) -> Generator[None]:
        """Wait for one's turn at `host` and hold it: at least the pause, or the server's own
        `delay` in seconds, after the request before. Retry while the host wants to be left alone.
        """
        pause = min(LONGEST_PAUSE_MS, max(self._pause_ms, int(delay * 1000)))
        with self._queues.setdefault(host, threading.Lock()):
            now = self._clock.now()
            if (rest := self._rests.get(host, now)) > now:
                raise Retry(f"{host} wants to be left alone for a while", after=(rest - now) / 1000)
            wait = self._asked.get(host, now - pause) + pause - now
            if wait > 0:
                # A clock that was set back makes nobody wait for longer than the pause.
                self._clock.sleep(min(wait, pause) / 1000)
            self._asked[host] = self._clock.now()
            yield

    def rest(self, host: str, *, seconds: float) -> None:
        """Nobody asks `host` for so long: it said so."""
        self._rests[host] = self._clock.now() + int(seconds * 1000)
