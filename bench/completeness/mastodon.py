"""Two Mastodon servers that show each other's statuses late, and fail."""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import msgspec

from bench.completeness.mastodon_server import FAULTS, MastodonServer
from bench.completeness.publishing import Chance, Publisher
from bench.completeness.world import Item, Now
from stream.clock import HOUR_MS, MINUTE_MS

PACE_MS = 360
"""A status in so many ms: 20,000 in two hours."""

OLD = 0.2
"""This share was there before anybody asked, up to `OLD_MS`."""

OLD_MS = 20 * HOUR_MS
LATE = 0.1
"""This share comes from a third server up to `LATE_MS` after it was written, among older ones."""

LATE_MS = HOUR_MS
TWICE = 0.2
"""This share is shown by both servers, by the second one late."""

EDITED = 0.02
DELETED = 0.02
RECENT = 5_000
"""Of so many that were shown last one is edited or deleted."""

FAILING = 0.08
DECLARATION = """
id = "world"
title = "Two servers"
collector = "mastodon"
keep = "all"
every = "10m"

[settings]
rescan_hours = 6

[[settings.servers]]
address = "{ours}"
permission = "it is ours"
tags = ["fiets"]
local = true

[[settings.servers]]
address = "{other}"
permission = "it is ours"
tags = [{{ tag = "scooter", any = ["fiets"] }}]
"""


class MastodonWorld:
    """The first server is read by a tag and whole, the second by a tag alone."""

    platform: ClassVar[str] = "mastodon"
    speed: ClassVar[float] = 20.0
    days: ClassVar[int] = 3
    """What is missing twice is gone; a question may fail on a busy machine."""
    ways: ClassVar[Sequence[str]] = FAULTS

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._chance = Chance(self._rng, share=FAILING, kinds=FAULTS)
        self._now = now
        self._count = count
        self._items: dict[str, Item] = {}
        self._copies: dict[str, list[tuple[MastodonServer, str]]] = {}
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._servers = [
            MastodonServer(now=now, domain=domain, failing=self._chance.fault, limit=3_000)
            for domain in ("ours.example", "other.example")
        ]
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
        ours, other = (server.url for server in self._servers)
        return DECLARATION.format(ours=ours, other=other)

    def items(self) -> Mapping[str, Item]:
        return dict(self._items)

    def published(self) -> bool:
        return self._publisher.over

    def calm(self) -> None:
        self._chance.calm()
        for uri in sorted(set(self._recent)):  # most of these were collected
            if not self._items[uri].deleted and self._rng.random() < DELETED:
                self._delete(uri)

    def faults(self) -> Mapping[str, int]:
        first, second = (server.failed for server in self._servers)
        return first + second

    def _publish(self) -> None:
        """All statuses in the order in which they are shown."""
        rng, began = random.Random(self._rng.random()), self._now()
        longest = min(LATE_MS, self._count * PACE_MS)
        shown: list[tuple[int, int, int, int]] = []  # when, number, written, by which server
        for number in range(self._count):
            old, first = rng.random() < OLD, number % 2
            written = began - rng.randrange(OLD_MS) if old else began + number * PACE_MS
            late = rng.randrange(longest) if rng.random() < LATE else 0
            shown.append((max(began, written + late), number, written, first))
            if rng.random() < TWICE:
                when = max(began, written + late) + rng.randrange(longest)
                shown.append((when, number, written, 1 - first))
        for when, number, written, by in sorted(shown):
            if not self._publisher.wait(when):
                return
            uri = self._show(self._servers[by], number, written, away=when - written > MINUTE_MS)
            if uri and written >= began:  # what is older is not read again
                self._recent.append(uri)
            self._change(rng, when)

    def _show(self, server: MastodonServer, number: int, written: int, *, away: bool) -> str | None:
        """The uri of the status, None where it was deleted before this server heard of it."""
        host = "third.example" if away else server.domain
        person = f"p{number % 97}"
        account = server.account | {"acct": f"{person}@{host}" if away else person}
        uri = f"https://any.example/users/{person}/statuses/{number}"
        text = f"Overlast van fatbikes, bericht {number}"
        item = self._items.setdefault(uri, Item(text=text, told=written))
        if item.deleted:
            return None
        # The second server heard of no edit.
        status = server.publish(
            number, written=written, uri=uri, account=account, content=f"<p>{text}</p>"
        )
        self._copies.setdefault(uri, []).append((server, status["id"]))
        return uri

    def _change(self, rng: random.Random, when: int) -> None:
        """Now and then a status is edited, and one is deleted, wherever it is shown by then."""
        if not self._recent:
            return
        uri = rng.choice(self._recent)
        item = self._items[uri]
        if item.deleted:
            return
        if rng.random() < EDITED:
            text = f"Toch minder overlast, keer {when}"
            self._items[uri] = msgspec.structs.replace(item, text=text)
            for server, local in self._copies[uri]:
                server.edit(local, f"<p>{text}</p>")
        elif rng.random() < DELETED:
            self._delete(uri)

    def _delete(self, uri: str) -> None:
        self._items[uri] = msgspec.structs.replace(self._items[uri], deleted=True)
        for server, local in self._copies[uri]:
            server.delete(local)
