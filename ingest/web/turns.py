"""Whose turn it is at a server: one request at a time and a pause, all sources together."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stream.clock import Clock
from stream.errors import Retry

LONGEST_PAUSE_MS = 60_000
REMEMBERED = 1_000
"""When more hosts are known, those that need no waiting are forgotten."""


@dataclass(slots=True)
class _Host:
    """A host that `wanted` threads hold or wait for, when it was asked last, and until when it
    wants to be left alone (`Clock.elapsed`).
    """

    queue: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0
    asked: int | None = None
    rest: int = 0

    def is_over(self, now: int) -> bool:
        """Whether nobody has to wait for it, now or later."""
        return not self.wanted and max(self.rest, (self.asked or 0) + LONGEST_PAUSE_MS) <= now


class Turns:
    """Shared by all that ask servers; threads wait for each other by host."""

    def __init__(self, *, clock: Clock, pause_seconds: float) -> None:
        self._clock = clock
        self._pause_ms = int(pause_seconds * 1000)
        self._hosts: dict[str, _Host] = {}
        self._looking = threading.Lock()

    @contextmanager
    def take(self, name: str, *, delay: float = 0.0) -> Generator[None]:
        """Wait for one's turn at the host of that name and hold it: at least the pause, or the
        server's own `delay` in seconds, after the request before. Retry while the host wants to be
        left alone.
        """
        pause = min(LONGEST_PAUSE_MS, max(self._pause_ms, int(delay * 1000)))
        with self._want(name) as host, host.queue:
            now = self._clock.elapsed()
            if host.rest > now:
                after = (host.rest - now) / 1000
                raise Retry(f"{name} wants to be left alone for a while", after=after)
            wait = 0 if host.asked is None else host.asked + pause - now
            if wait > 0:
                self._clock.sleep(wait / 1000)
            host.asked = self._clock.elapsed()
            yield

    def rest(self, name: str, *, seconds: float) -> None:
        """Nobody asks the host of that name for so long: it said so."""
        with self._want(name) as host:
            host.rest = self._clock.elapsed() + int(seconds * 1000)

    @contextmanager
    def _want(self, name: str) -> Generator[_Host]:
        """The host, which nobody forgets meanwhile."""
        with self._looking:
            if name not in self._hosts and len(self._hosts) >= REMEMBERED:
                now = self._clock.elapsed()
                self._hosts = {
                    each: host for each, host in self._hosts.items() if not host.is_over(now)
                }
            host = self._hosts.setdefault(name, _Host())
            host.wanted += 1
        try:
            yield host
        finally:
            with self._looking:
                host.wanted -= 1
