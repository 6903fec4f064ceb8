"""How a world publishes: over time, in a thread of its own; and how it fails."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from bench.completeness.world import Now


class Publisher:
    """Calls `publish` once, in a thread, while it is open."""

    def __init__(self, publish: Callable[[], None], *, now: Now) -> None:
        self._now = now
        self._closed = threading.Event()
        self._thread = threading.Thread(target=publish)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closed.set()
        self._thread.join()

    @property
    def over(self) -> bool:
        """Whether all is published."""
        return not self._thread.is_alive()

    def came(self, done: Callable[[], bool]) -> bool:
        """Whether it is `done` before the world is closed; blocks until either."""
        while not done() and not self._closed.is_set():
            time.sleep(0.01)
        return not self._closed.is_set()

    def wait(self, until: int) -> bool:
        """Whether that moment (Unix ms) comes before the world is closed."""
        return self.came(lambda: self._now() >= until)


class Deck:
    """Deals `kinds` one by one, in an order that is drawn, and each as often as the others."""

    def __init__(self, rng: random.Random, kinds: Sequence[str]) -> None:
        self._rng = rng
        self._kinds = kinds
        self._left: list[str] = []
        self._lock = threading.Lock()

    def deal(self) -> str:
        with self._lock:
            if not self._left:
                self._left = self._rng.sample(self._kinds, len(self._kinds))
            return self._left.pop()


class Chance:
    """Which fault a request meets, if any: one of `kinds` in a `share` of them."""

    def __init__(self, rng: random.Random, *, share: float, kinds: Sequence[str]) -> None:
        self._rng = rng
        self._share = share
        self._deck = Deck(rng, kinds)

    def calm(self) -> None:
        """From now on none."""
        self._share = 0.0

    def fault(self) -> str | None:
        return self._deck.deal() if self._rng.random() < self._share else None
