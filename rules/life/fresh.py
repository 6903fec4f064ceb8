"""What is read again after a while, because it can change while a process runs."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH_MS = 30_000
"""It is read again after so long."""


class Fresh(Generic[T]):
    """What `read` said a moment ago; `now` is the time in Unix milliseconds. Threads may share it:
    at worst two of them read.
    """

    def __init__(self, read: Callable[[], T], *, now: Callable[[], int]) -> None:
        self._read = read
        self._now = now
        self._seen: tuple[int, T] | None = None

    def __call__(self) -> T:
        now, seen = self._now(), self._seen
        if seen is None or now - seen[0] >= FRESH_MS:
            seen = self._seen = now, self._read()
        return seen[1]
