"""Some organisations that write on Bluesky, and the AppView that shows it and fails."""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import msgspec

from bench.completeness.bluesky_server import FAULTS, AppViewServer
from bench.completeness.publishing import Chance, Publisher
from bench.completeness.world import Item, Now
from stream.clock import HOUR_MS, MINUTE_MS

PACE_MS = 360
"""A post in so many ms: 20,000 in two hours."""

OLD = 0.2
"""This share was there before anybody asked, up to `OLD_MS`."""

OLD_MS = 20 * HOUR_MS
LATE = 0.1
"""This share carries a date that lies up to `LATE_MS` back when it is shown."""

LATE_MS = 40 * MINUTE_MS
EDITED = 0.02
DELETED = 0.02
RECENT = 5_000
"""Of so many that were shown last one is edited or deleted."""

REPOSTS = 0.05
FAILING = 0.08
ACCOUNTS = tuple("did:plc:" + letter * 24 for letter in "abcde")
SHARES = (8, 5, 3, 2, 1)
"""Of the posts; the last account is taken down half-way, and its posts are deleted with it."""

DECLARATION = """
id = "world"
title = "Organisations"
collector = "bluesky"
keep = "all"
every = "10m"

[settings]
accounts = {accounts}
appview = "{url}"
first_days = 1
overlap_hours = 2
"""


class BlueskyWorld:
    """All posts of an account are one feed, in which late ones do not come first."""

    platform: ClassVar[str] = "bluesky"
    speed: ClassVar[float] = 20.0
    days: ClassVar[int] = 2
    ways: ClassVar[Sequence[str]] = FAULTS

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._chance = Chance(self._rng, share=FAILING, kinds=FAULTS)
        self._now = now
        self._count = count
        self._items: dict[str, Item] = {}
        self._recent: deque[tuple[str, int, str]] = deque(maxlen=RECENT)
        self._server = AppViewServer(now=now, failing=self._chance.fault)
        self._publisher = Publisher(self._publish, now=now)

    def __enter__(self) -> Self:
        self._server.__enter__()
        self._publisher.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._publisher.__exit__(*error)
        self._server.__exit__(*error)

    def declaration(self) -> str:
        return DECLARATION.format(accounts=list(ACCOUNTS), url=self._server.url)

    def items(self) -> Mapping[str, Item]:
        return dict(self._items)

    def published(self) -> bool:
        return self._publisher.over

    def calm(self) -> None:
        self._chance.calm()
        for did, number, uri in self._recent:  # most of these were collected
            if not self._items[uri].deleted and self._rng.random() < DELETED:
                self._delete(did, number, uri)

    def faults(self) -> Mapping[str, int]:
        return self._server.failed

    def _publish(self) -> None:
        """All posts in the order in which they are shown."""
        rng, began = random.Random(self._rng.random()), self._now()
        longest = min(LATE_MS, self._count * PACE_MS)
        shown: list[tuple[int, int, int]] = []  # when, number, written
        for number in range(self._count):
            written = began + number * PACE_MS
            when = written
            if rng.random() < OLD:
                when, written = began, began - rng.randrange(OLD_MS)
            elif rng.random() < LATE:
                when += rng.randrange(longest)
            shown.append((when, number, written))
        for place, (when, number, written) in enumerate(sorted(shown)):
            if not self._publisher.wait(when):
                return
            if place == self._count // 2:
                self._take_down(ACCOUNTS[-1])
            still = ACCOUNTS if place < self._count // 2 else ACCOUNTS[:-1]
            did = rng.choices(still, SHARES[: len(still)])[0]
            text = f"Overlast van fatbikes, bericht {number}"
            uri = self._server.publish(did, number, text, written=written)
            self._items[uri] = Item(text=text, told=written)
            if written >= began:  # what is older is not read again
                self._recent.append((did, number, uri))
            self._change(rng, place)
            if rng.random() < REPOSTS:
                self._server.repost(did, self._count + number)

    def _change(self, rng: random.Random, place: int) -> None:
        """Now and then a post is edited, and one is deleted."""
        if not self._recent:
            return
        did, number, uri = rng.choice(self._recent)
        item = self._items[uri]
        if item.deleted:
            return
        if rng.random() < EDITED:
            text = f"Toch minder overlast, bericht {number}, de {place}e keer"
            self._server.edit(did, number, text)
            self._items[uri] = msgspec.structs.replace(item, text=text)
        elif rng.random() < DELETED:
            self._delete(did, number, uri)

    def _delete(self, did: str, number: int, uri: str) -> None:
        self._server.delete(did, number)
        self._items[uri] = msgspec.structs.replace(self._items[uri], deleted=True)

    def _take_down(self, did: str) -> None:
        self._server.take_down(did)
        self._items = {
            uri: msgspec.structs.replace(item, deleted=True) if did in uri else item
            for uri, item in self._items.items()
        }
