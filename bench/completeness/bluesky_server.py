"""A small AppView: profiles, feeds and posts over XRPC, with faults.

For volume, and for what a real one does not do on command. The shapes are those that a real one
gives (`tests/ingest/test_bluesky_authors.py` holds the collector to one).
"""

import json
import threading
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from bench.completeness.serving import BLOCK_PAGE, Handler, Serving

POST = "app.bsky.feed.post"
LIMIT = 3_000
PERIOD_MS = 300_000
FAULTS = (
    "429", "500", "refused", "block", "reset", "half", "stall", "malformed", "mixed", "empty",
)  # fmt: skip
REFUSALS: Mapping[str, tuple[int, bytes]] = {
    "429": (429, b'{"error": "RateLimitExceeded"}'),
    "500": (500, b'{"error": "InternalServerError"}'),
    "refused": (400, b'{"error": "InvalidRequest", "message": "no"}'),
    "block": (200, BLOCK_PAGE),
}
"""Of the faults those that are answers of their own: status and body."""

Failing = Callable[[], str | None]
"""Which fault a request meets: one of `FAULTS`, or none."""


class AppViewServer:
    """Feeds in memory, newest first by when an item is of; then by its number."""

    def __init__(self, *, now: Callable[[], int], failing: Failing) -> None:
        self.failing = failing
        self.failed: Counter[str] = Counter()
        self._now = now
        self._feeds: dict[str, list[tuple[int, int]]] = {}
        self._items: dict[tuple[str, int], dict[str, Any]] = {}
        self._down: set[str] = set()
        self._counted = (0, 0)
        self._lock = threading.Lock()
        self._serving = Serving(_handler(self))

    @property
    def url(self) -> str:
        return self._serving.url

    def __enter__(self) -> Self:
        self._serving.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._serving.__exit__(*error)

    def publish(self, did: str, number: int, text: str, *, written: int) -> str:
        """A post that says to be of `written` (Unix ms), shown from now on; returns its uri."""
        uri = f"at://{did}/{POST}/{number:013}"
        record = {"$type": POST, "createdAt": _iso(written), "text": text}
        post = {"uri": uri, "cid": f"bafy{number}", "author": {"did": did, "handle": "o.example"},
                "record": record, "indexedAt": _iso(self._now()), "likeCount": 3}  # fmt: skip
        with self._lock:
            insort(self._feeds.setdefault(did, []), (written, number))
            self._items[did, number] = {"post": post}
        return uri

    def repost(self, did: str, number: int) -> None:
        """The account passes on what somebody else wrote."""
        now = self._now()
        author = {"did": "did:plc:" + "z" * 24, "handle": "p.example"}
        post = {"uri": f"at://{author['did']}/{POST}/{number:013}", "author": author,
                "record": {"text": "van een ander"}, "indexedAt": _iso(0)}  # fmt: skip
        reason = {"$type": "app.bsky.feed.defs#reasonRepost", "indexedAt": _iso(now)}
        with self._lock:
            insort(self._feeds.setdefault(did, []), (now, number))
            self._items[did, number] = {"post": post, "reason": reason}

    def edit(self, did: str, number: int, text: str) -> None:
        with self._lock:
            post = self._items[did, number]["post"]
            self._items[did, number] = {"post": post | {"record": post["record"] | {"text": text}}}

    def delete(self, did: str, number: int) -> None:
        with self._lock:
            del self._items[did, number]
            self._feeds[did] = [each for each in self._feeds[did] if each[1] != number]

    def take_down(self, did: str) -> None:
        with self._lock:
            self._down.add(did)

    def answer(self, target: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body for the request of `target`."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        with self._lock:
            headers = self._count()
            if headers["ratelimit-remaining"] == "0":
                return 429, headers, {"error": "RateLimitExceeded", "message": "too many"}
            method = parts.path.removeprefix("/xrpc/")
            if method == "app.bsky.feed.getPosts":
                return 200, headers, {"posts": self._posts(query["uris"])}
            did = query["actor"][0]
            if did in self._down:
                said = {"error": "AccountTakedown", "message": "Account has been suspended"}
                return 400, headers, said
            if method == "app.bsky.actor.getProfile":
                posts = len(self._feeds.get(did, ()))
                return 200, headers, {"did": did, "handle": "o.example", "postsCount": posts}
            return 200, headers, self._page(did, query)

    def _page(self, did: str, query: Mapping[str, list[str]]) -> dict[str, Any]:
        feed = self._feeds.get(did, [])
        end = len(feed)
        if "cursor" in query:
            moment, number = query["cursor"][0].split("-")
            end = bisect_left(feed, (int(moment), int(number)))
        places = feed[max(0, end - int(query["limit"][0])) : end]
        shown = [self._items[did, number] for _, number in reversed(places)]
        return {"feed": shown} | ({"cursor": "-".join(map(str, places[0]))} if places else {})

    def _posts(self, uris: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for uri in uris:
            did, _, rkey = uri.removeprefix("at://").split("/")
            if did not in self._down and (did, int(rkey)) in self._items:
                found.append(self._items[did, int(rkey)]["post"])
        return found

    def _count(self) -> dict[str, str]:
        now = self._now()
        start, count = self._counted
        if now - start >= PERIOD_MS:
            start, count = now - now % PERIOD_MS, 0
        self._counted = start, count + 1
        return {
            "ratelimit-limit": str(LIMIT),
            "ratelimit-remaining": str(max(0, LIMIT - count - 1)),
            "ratelimit-reset": str((start + PERIOD_MS) // 1000),
        }


def _handler(server: AppViewServer) -> type[Handler]:
    class Answering(Handler):
        def respond(self) -> None:
            fault = server.failing()
            if fault:
                server.failed[fault] += 1
            status, headers, said = server.answer(self.path)
            if fault == "mixed" and "feed" in said:  # out of order, and one twice
                said["feed"] = [*said["feed"][::-1], *said["feed"][:1]]
            if fault == "empty" and "feed" in said:
                said = {"feed": []}
            body = json.dumps(said).encode()
            self.say_data(status, headers, body, fault=fault, refusals=REFUSALS)

    return Answering


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat().replace("+00:00", "Z")
