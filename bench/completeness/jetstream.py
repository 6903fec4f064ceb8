"""Two hosts of one network: one speaks the second version, one the first, and both fail."""

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from bench.completeness.publishing import Deck
from bench.completeness.world import Item, Now
from stream.clock import MINUTE_MS
from tests.ingest.jetstream import Jetstream, post, tid

PACE_MS = 360
"""A post in so many ms: 20,000 in two hours."""

DELETED = 0.05
EDITED = 0.03
LEFT = 0.002
"""This share of accounts is gone after a post, with all that they wrote."""

LIKED = 0.5
REMEMBERED = 1_500
"""A host that forgets holds so many of its last events."""

BEHIND_MS = 30 * MINUTE_MS
"""Who listens is behind by so much at most, in this world and between kills: what a host forgets is
known to it but for this last part.
"""

CALM_SECONDS = 20, 90
"""Between two failures of the world, on the clock of the run."""

SILENCE_SECONDS = 900
KINDS = ("cut", "half", "broken", "slow", "refusal") * 3 + ("silent", "forgets")
"""Silence takes long, and what is forgotten cannot be had: they come less often."""

PAGE = {"Content-Type": "text/html"}
REFUSALS: Mapping[str, tuple[int, dict[str, str], bytes]] = {
    "status 429": (429, {"Retry-After": "20"}, b""),
    "status 500": (500, {}, b"oh no"),
    "status 503": (503, PAGE, b"<html>We are busy</html>"),
    "status 403": (403, PAGE, b"<html>Are you a robot?</html>"),
    "status 200": (200, PAGE, b"<html>Welcome</html>"),
}
WAYS = (*REFUSALS, "reset", "half frame", "broken message", "too slow", "silent", "forgets",
        "duplicate")  # fmt: skip
DECLARATION = """
id = "world"
title = "A network"
collector = "jetstream"
keep = "all"

[settings]
hosts = {hosts}
look_back_hours = 12
silence_seconds = 600
"""
"""Ten minutes of silence are seconds of the wall: a busy machine is not taken for a dead host."""


class JetstreamWorld:
    """Everything happens at both hosts, at the same time and under different numbers."""

    platform: ClassVar[str] = "bluesky"
    speed: ClassVar[float] = 20.0
    days: ClassVar[int] = 0
    ways: ClassVar[Sequence[str]] = WAYS

    def __init__(self, *, count: int, seed: int, now: Now) -> None:
        self._rng = random.Random(seed)
        self._now = now
        self._count = count
        self._items: dict[str, Item] = {}
        self._forgotten: list[int] = []
        self._by_author: dict[str, list[str]] = {}
        self._last = 0
        self._failed: Counter[str] = Counter()
        self._hosts = [Jetstream(wires=(wire,), rng=random.Random(seed)) for wire in ("v2", "v1")]
        self._calm = threading.Event()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._publish, args=(random.Random(seed + 1),)),
            threading.Thread(target=self._fail, args=(random.Random(seed + 2),)),
        ]

    def __enter__(self) -> Self:
        for host in self._hosts:
            host.faults.twice, host.faults.shuffled = 0.05, 8
            host.__enter__()
        for _ in range(700):  # so that numbers differ
            self._hosts[0].account("did:plc:elders", at=self._moment(), active=True)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._calm.set()
        for thread in self._threads:
            thread.join()
        for host in self._hosts:
            host.__exit__(*error)

    def declaration(self) -> str:
        return DECLARATION.format(hosts=[host.address for host in self._hosts])

    def items(self) -> Mapping[str, Item]:
        return {
            uri: msgspec.structs.replace(
                item,
                excusable=any(0 < until - item.told <= BEHIND_MS for until in self._forgotten),
            )
            for uri, item in dict(self._items).items()
        }

    def published(self) -> bool:
        return not self._threads[0].is_alive()

    def calm(self) -> None:
        self._calm.set()
        for host in self._hosts:
            host.faults.twice, host.faults.shuffled, host.faults.silent = 0.0, 1, False
            host.faults.refusals.clear()
            for due in (host.faults.cuts, host.faults.halves, host.faults.broken, host.faults.slow):
                due.clear()

    def faults(self) -> Mapping[str, int]:
        return sum((host.failed for host in self._hosts), self._failed)

    def _wait(self, until: int, ended: threading.Event) -> bool:
        """Whether that moment came before the end did."""
        while self._now() < until:
            if ended.wait(0.01):
                return False
        return not ended.is_set()

    def _fail(self, rng: random.Random) -> None:
        """One host fails in one way, again and again."""
        deck, refusals = Deck(rng, KINDS), Deck(rng, tuple(REFUSALS))
        while self._wait(self._now() + 1000 * rng.randint(*CALM_SECONDS), self._calm):
            host = rng.choice(self._hosts)
            soon = host.shown + rng.randint(1, 50)
            match deck.deal():
                case "cut":
                    host.faults.cuts.add(soon)
                case "half":
                    host.faults.halves.add(soon)
                case "broken":
                    host.faults.broken.add(soon)
                case "slow":
                    host.faults.slow.add(soon)
                case "refusal":
                    host.faults.refusals = [REFUSALS[refusals.deal()] for _ in range(2)]
                    host.drop()
                case "silent":
                    self._failed["silent"] += 1
                    host.faults.silent = True
                    self._wait(self._now() + SILENCE_SECONDS * 1000, self._calm)
                    host.faults.silent = False
                case _:
                    self._failed["forgets"] += 1
                    host.floor = max(host.floor, len(host.happened) - REMEMBERED)
                    self._forgotten.append(host.happened[host.floor].time // 1000)
                    host.drop()

    def _publish(self, rng: random.Random) -> None:
        began, posts = self._now(), list[tuple[str, str]]()
        for number in range(self._count):
            if not self._wait(began + number * PACE_MS, self._closed):
                return
            did = f"did:plc:{rng.randrange(2_000):024}"
            if did in self._by_author and self._by_author[did] == []:
                did = f"did:plc:new{number:021}"  # the other one is gone
            posts.append(self._write(did, number, rng))
            if rng.random() < LIKED:
                like = {"$type": "app.bsky.feed.like"}
                self._happen(did, tid(self._last), like, collection="app.bsky.feed.like")
            if rng.random() < EDITED:
                self._change(*rng.choice(posts[-500:]), number=number)
            if rng.random() < DELETED:
                self._delete(*rng.choice(posts[-500:]))
            if rng.random() < LEFT:
                self._leave(did)

    def _write(self, did: str, number: int, rng: random.Random) -> tuple[str, str]:
        at = self._moment()
        rkey = tid(at, rng.randrange(1024))
        text = f"Overlast bij het station, bericht {number}"
        self._happen(did, rkey, post(text, at=at // 1000), at=at)
        uri = _uri(did, rkey)
        self._items[uri] = Item(text=text, told=at // 1000)
        self._by_author.setdefault(did, []).append(uri)
        return did, rkey

    def _change(self, did: str, rkey: str, *, number: int) -> None:
        uri, at = _uri(did, rkey), self._moment()
        if not self._items[uri].deleted:
            text = f"Toch minder overlast, bericht {number}"
            self._happen(did, rkey, post(text, at=at // 1000), at=at, operation="update")
            self._items[uri] = Item(text=text, told=at // 1000)

    def _delete(self, did: str, rkey: str) -> None:
        uri = _uri(did, rkey)
        if not self._items[uri].deleted:
            at = self._moment()
            self._happen(did, rkey, at=at, operation="delete")
            self._mark(uri, at)

    def _leave(self, did: str) -> None:
        at = self._moment()
        for host in self._hosts:
            host.account(did, at=at, active=False, status="deleted")
        for uri in self._by_author[did]:
            if not self._items[uri].deleted:
                self._mark(uri, at)
        self._by_author[did] = []

    def _mark(self, uri: str, at: int) -> None:
        self._items[uri] = Item(text="", told=at // 1000, deleted=True)

    def _happen(
        self, did: str, rkey: str, record: Mapping[str, Any] | None = None, *,
        at: int | None = None, **more: Any,
    ) -> None:  # fmt: skip
        moment = at or self._moment()
        for host in self._hosts:
            host.commit(did, rkey, record, at=moment, **more)

    def _moment(self) -> int:
        """The present in Unix microseconds, later each time."""
        self._last = max(self._last + 1, self._now() * 1000)
        return self._last


def _uri(did: str, rkey: str) -> str:
    return f"at://{did}/app.bsky.feed.post/{rkey}"
