"""Feeds of many servers: three forms, ids of three kinds and none, and one that turns over."""

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from bench.completeness.feeds_server import FAULTS, Feed, FeedServer, Shown, link, said
from bench.completeness.publishing import Chance, Publisher
from bench.completeness.world import Item, Now
from stream.clock import MINUTE_MS

PACE_MS = 360
"""An item in so many ms: 20,000 in two hours."""

SERVERS = 8
"""A server that wants to be left alone keeps all of its feeds from being read for a while."""

FORMS = (("rss", True), ("atom", True), ("json", False), ("rss", False))
"""Of the feeds of each server: what they are written in, and whether the newest item comes first.
The first names its items by numbers, the last not at all.
"""

WIDE, NARROW = 230, 10
"""Items of a feed: three quarters of an hour's, and two minutes': that one turns over between
visits. Only one does, so that each gap is its own.
"""

LATE = 0.1
"""This share of a wide feed comes up to `LATE_MS` after it was written, among newer ones."""

LATE_MS = 10 * MINUTE_MS
EDITED = 0.02
DELETED = 0.02
FAILING = 0.2
DECLARATION = """
id = "world"
title = "Many feeds"
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
    ways: ClassVar[Sequence[str]] = FAULTS

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._chance = Chance(self._rng, share=FAILING, kinds=FAULTS)
        self._now = now
        self._count = count
        self._items: dict[str, Item] = {}
        self._servers = [
            FeedServer(
                [Feed(form, window=WIDE, ordered=ordered) for form, ordered in FORMS],
                failing=self._chance.fault,
            )
            for _ in range(SERVERS)
        ]
        self._servers[0].feeds.append(Feed("rss", window=NARROW))
        self._places = [
            (server, place) for server in self._servers for place in range(len(server.feeds))
        ]
        self._lock = threading.Lock()
        self._publisher = Publisher(self._publish, now=now)

    def __enter__(self) -> Self:
        for server in self._servers:
            server.__enter__()
        self._publisher.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._publisher.__exit__(*error)
        for server in self._servers:
            server.__exit__(*error)

    def declaration(self) -> str:
        urls = ", ".join(f'"{server.url(place)}"' for server, place in self._places)
        return DECLARATION.format(urls=f"[{urls}]")

    def items(self) -> Mapping[str, Item]:
        with self._lock:
            return dict(self._items)

    def published(self) -> bool:
        return self._publisher.over

    def calm(self) -> None:
        self._chance.calm()

    def faults(self) -> Mapping[str, int]:
        failed = sum((server.failed for server in self._servers), Counter[str]())
        del failed["none"]
        return failed

    def _publish(self) -> None:
        rng = random.Random(self._rng.random())
        # Nobody can know what was gone before anybody looked. Once the second feed is asked, it is
        # remembered of all that they are looked at.
        if not self._publisher.came(lambda: sum(len(each.asked) for each in self._servers) >= 2):
            return
        began = self._now()
        for number in range(self._count):
            if not self._publisher.wait(began + number * PACE_MS):
                return
            server, place = self._places[number % len(self._places)]
            with server.lock, self._lock:
                self._show(server, place, number, rng)

    def _show(self, server: FeedServer, place: int, number: int, rng: random.Random) -> None:
        feed, now = server.feeds[place], self._now()
        # What turns over leaves in order: a gap is a period, and says nothing of late items.
        wide = feed.window == WIDE
        written = now - rng.randrange(LATE_MS) if wide and rng.random() < LATE else now
        item = Shown(number, written, _name(place, number))
        left = feed.show(item)
        self._note(item)
        if left:
            self._note(left, excusable=True)
        if feed.form == "atom" and rng.random() < DELETED:
            self._note(feed.delete(now=now, rng=rng), deleted=True)
        elif wide and rng.random() < EDITED:
            self._note(feed.edit(now=now, rng=rng))
            if feed.form != "atom":  # nothing tells that a text without a date is an old one
                server.old.pop(place, None)

    def _note(self, item: Shown, *, deleted: bool = False, excusable: bool = False) -> None:
        self._items[_native_id(item)] = Item(
            text=said(item), told=item.written, deleted=deleted, excusable=excusable
        )


def _name(place: int, number: int) -> str:
    """Its id in the feed at that place of a server: a number, a URI, or none at all."""
    return {0: str(number), 3: ""}.get(place, f"tag:news.example,2026:{number}")


def _native_id(item: Shown) -> str:
    if not item.name:
        return link(item.number)
    return item.name if ":" in item.name else f"{item.name}@127.0.0.1"
