"""Two Mastodon servers that show each other's statuses late, and fail."""

import random
import threading
import time
from collections.abc import Mapping
from typing import ClassVar, Self

from bench.completeness.mastodon_server import FAULTS, MastodonServer
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

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._now = now
        self._count = count
        self._failing = True
        self._items: dict[str, Item] = {}
        self._servers = [
            MastodonServer(now=now, domain=domain, failing=self._fault, limit=3_000)
            for domain in ("ours.example", "other.example")
        ]
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._publish)

    def __enter__(self) -> Self:
        for server in self._servers:
            server.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._thread.join()
        for server in self._servers:
            server.__exit__(*error)

    def declaration(self) -> str:
        ours, other = (server.url for server in self._servers)
        return DECLARATION.format(ours=ours, other=other)

    def items(self) -> Mapping[str, Item]:
        return dict(self._items)

    def published(self) -> bool:
        return not self._thread.is_alive()

    def calm(self) -> None:
        self._failing = False

    def faults(self) -> Mapping[str, int]:
        first, second = (server.failed for server in self._servers)
        return first + second

    def _fault(self, _path: str) -> str | None:
        fails = self._failing and self._rng.random() < FAILING
        return self._rng.choice(FAULTS) if fails else None

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
            while self._now() < when and not self._closed.is_set():
                time.sleep(0.01)
            if self._closed.is_set():
                return
            late = when - written > MINUTE_MS
            self._show(self._servers[by], number, written, away=late, edited=rng.random() < EDITED)

    def _show(
        self, server: MastodonServer, number: int, written: int, *, away: bool, edited: bool
    ) -> None:
        host = "third.example" if away else server.domain
        person = f"p{number % 97}"
        account = server.account | {"acct": f"{person}@{host}" if away else person}
        uri = f"https://any.example/users/{person}/statuses/{number}"
        status = server.publish(number, written=written, uri=uri, account=account)
        self._items[uri] = Item(written)
        if edited:
            server.edit(status["id"], f"<p>Toch minder overlast, bericht {number}</p>")
