"""How far a long run is, on standard error; and an end of it that keeps what was measured."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
EVERY_SECONDS = 10


class Progress:
    """While it is open, Ctrl-C lets the item at hand be finished and then ends every `over`: what
    was measured so far can still be printed. A second Ctrl-C ends at once.
    """

    def __init__(self, *, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self.is_cut_off = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._cut_off)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def over(self, items: Sequence[T], what: str) -> Iterator[T]:
        """The items one by one, until it is cut off."""
        started = told = time.monotonic()
        for done, item in enumerate(items):
            if self.is_cut_off:
                return
            now = time.monotonic()
            if now - told >= self._every:
                told = now
                left = (now - started) / done * (len(items) - done) if done else 0.0
                print(
                    f"  … {what}: {done:,} of {len(items):,}, about {left:,.0f} s more",
                    file=sys.stderr,
                    flush=True,
                )
            yield item

    def _cut_off(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_cut_off = True
        signal.signal(signal.SIGINT, self._before)
        print("  … ends after this one; Ctrl-C again ends at once", file=sys.stderr, flush=True)
