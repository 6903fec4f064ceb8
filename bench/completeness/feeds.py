"""Five feeds of one server: three forms, ids of three kinds and none, and one that turns over."""

import random
from collections.abc import Mapping
from typing import ClassVar, Self

from bench.completeness.feeds_server import FAULTS, Feed, FeedServer, Shown, link, said
from bench.completeness.publishing import Chance, Publisher
from bench.completeness.world import Item, Now
from stream.clock import MINUTE_MS

PACE_MS = 360
"""An item in so many ms: 20,000 in two hours."""

WIDE, NARROW = 1_500, 40
"""Items of a feed: three quarters of an hour's, and a minute's: it turns over between visits. Only
one does, so that each gap is its own.
"""

LATE = 0.1
"""This share of a wide feed comes up to `LATE_MS` after it was written, among newer ones."""

LATE_MS = 10 * MINUTE_MS
EDITED = 0.02
DELETED = 0.02
FAILING = 0.2
DECLARATION = """
id = "world"
title = "Five feeds"
collector = "feeds"
keep = "all"
every = "10m"

[settings]
urls = {urls}
"""


class FeedsWorld:
    """Feeds that say the same item under other ids would count it twice, so each has its own."""

    platform: ClassVar[str] = "feed"
    speed: ClassVar[float] = 20.0
    days: ClassVar[int] = 0

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._chance = Chance(self._rng, share=FAILING, kinds=FAULTS)
        self._now = now
        self._count = count
        self._items: dict[str, Item] = {}
        self._feeds = [
            Feed("rss", window=WIDE),
            Feed("atom", window=WIDE),
            Feed("json", window=WIDE, ordered=False),
            Feed("rss", window=WIDE, ordered=False),
            Feed("rss", window=NARROW),
        ]
        self._server = FeedServer(self._feeds, failing=self._chance.fault)
        self._publisher = Publisher(self._publish, now=now)

    def __enter__(self) -> Self:
        self._server.__enter__()
        self._publisher.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._publisher.__exit__(*error)
        self._server.__exit__(*error)

    def declaration(self) -> str:
        urls = ", ".join(f'"{self._server.url(number)}"' for number in range(len(self._feeds)))
        return DECLARATION.format(urls=f"[{urls}]")

    def items(self) -> Mapping[str, Item]:
        with self._server.lock:
            return dict(self._items)

    def published(self) -> bool:
        return self._publisher.over

    def calm(self) -> None:
        self._chance.calm()

    def faults(self) -> Mapping[str, int]:
        return {kind: count for kind, count in self._server.failed.items() if kind != "none"}

    def _publish(self) -> None:
        rng = random.Random(self._rng.random())
        # Nobody can know what was gone before anybody looked. Once the second feed is asked, it is
        # remembered of all that they are looked at.
        if not self._publisher.came(lambda: len(self._server.asked) >= 2):
            return
        began = self._now()
        for number in range(self._count):
            if not self._publisher.wait(began + number * PACE_MS):
                return
            with self._server.lock:
                self._show(number, rng)

    def _show(self, number: int, rng: random.Random) -> None:
        at = number % len(self._feeds)
        feed, now = self._feeds[at], self._now()
        # What turns over leaves in order: a gap is a period, and says nothing of late items.
        wide = feed.window == WIDE
        written = now - rng.randrange(LATE_MS) if wide and rng.random() < LATE else now
        item = Shown(number, written, _name(at, number))
        left = feed.show(item)
        self._note(item)
        if left:
            self._note(left, excusable=True)
        if feed.form == "atom" and rng.random() < DELETED:
            self._note(feed.delete(now=now, rng=rng), deleted=True)
        elif wide and rng.random() < EDITED:
            self._note(feed.edit(now=now, rng=rng))
            if feed.form != "atom":  # nothing tells that a text without a date is an old one
                self._server.old.pop(at, None)

    def _note(self, item: Shown, *, deleted: bool = False, excusable: bool = False) -> None:
        self._items[_native_id(item)] = Item(
            text=said(item), told=item.written, deleted=deleted, excusable=excusable
        )


def _name(at: int, number: int) -> str:
    """Its id in feed `at`: a number, a URI, or none at all."""
    return {0: str(number), 3: ""}.get(at, f"tag:news.example,2026:{number}")


def _native_id(item: Shown) -> str:
    if not item.name:
        return link(item.number)
    return item.name if ":" in item.name else f"{item.name}@127.0.0.1"
