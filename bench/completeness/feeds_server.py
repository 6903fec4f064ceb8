"""A small server of feeds (RSS, Atom, JSON Feed) with windows of items, validators, and faults."""

import json
import random
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Self

import msgspec

from bench.completeness.serving import BLOCK_PAGE, Handler, Serving

FAULTS = (
    "429", "500", "503", "403", "block", "login", "empty", "reset", "half", "cut", "stall", "stale",
    "twice",
)  # fmt: skip
LOGIN_PAGE = b"<html><form action='/login'><input type='password' name='p'></form></html>"
STALL = 1.5
"""Seconds of the wall's clock, and then the answer breaks off."""

ENOUGH = 3
"""So many whole answers that show something are enough: at most two of them a kill makes vain."""

GUID = '<guid isPermaLink="false">{}</guid>'
Failing = Callable[[], str | None]
"""Which fault a request meets: one of `FAULTS`, or none."""


class Shown(msgspec.Struct, frozen=True):
    """An item as a feed shows it. `written` and `edited` in Unix ms; `name` is its id there, if it
    has one; before it was as it is now its feed was answered `after` times.
    """

    number: int
    written: int
    name: str
    edited: int | None = None
    version: int = 1
    after: int = 0


class Feed:
    """One feed: its last `window` items, newest first or in no order at all."""

    def __init__(self, form: str, *, window: int, ordered: bool = True) -> None:
        self.form = form
        self.window = window
        self.ordered = ordered
        self.version = 0
        self.answered = 0
        """So many times a whole document was given, or was said to be the last one still."""
        self.deleted: list[tuple[str, int]] = []
        self._items: deque[Shown] = deque()

    def show(self, item: Shown) -> Shown | None:
        """Returns the item that left for it, where too few answers showed it."""
        self._items.appendleft(msgspec.structs.replace(item, after=self.answered))
        self.version += 1
        left = self._items.pop() if len(self._items) > self.window else None
        return left if left and self.answered - left.after < ENOUGH else None

    def edit(self, *, now: int, rng: random.Random) -> Shown:
        """The text of one of its newer items is another one from now on."""
        at = self._newer(rng)
        item = self._items[at]
        self._items[at] = msgspec.structs.replace(
            item, edited=now, version=item.version + 1, after=self.answered
        )
        self.version += 1
        return self._items[at]

    def delete(self, *, now: int, rng: random.Random) -> Shown:
        """One of its newer items is shown no more, and named as deleted for good."""
        item = self._items[self._newer(rng)]
        self._items.remove(item)
        self.deleted.append((item.name, now))
        self.version += 1
        return item

    def _newer(self, rng: random.Random) -> int:
        """The place of an item that stays for long."""
        return rng.randrange(1 + len(self._items) // 3)

    def document(self, *, twice: bool = False) -> bytes:
        """All of it; with `twice` its first items once more."""
        items = [*self._items, *list(self._items)[: 5 * twice]]
        if not self.ordered:
            random.Random(self.version).shuffle(items)
        return FORMS[self.form](items, self.deleted)


def _text(item: Shown) -> str:
    return f"Er is overlast van scooters bij nummer {item.number}, versie {item.version}"


def _rss(items: Sequence[Shown], _deleted: Sequence[tuple[str, int]]) -> bytes:
    found = "".join(
        f"<item>{GUID.format(item.name) if item.name else ''}"
        f"<title>Bericht {item.number}</title><link>{link(item.number)}</link>"
        f"<description>&lt;p&gt;{_text(item)}&lt;/p&gt;</description>"
        f"<pubDate>{format_datetime(_moment(item.written))}</pubDate></item>\n"
        for item in items
    )
    return f'<rss version="2.0"><channel><title>t</title>{found}</channel></rss>'.encode()


def _atom(items: Sequence[Shown], deleted: Sequence[tuple[str, int]]) -> bytes:
    gone = "".join(
        f'<at:deleted-entry ref="{name}" when="{_moment(when).isoformat()}"/>'
        for name, when in deleted
    )
    found = "".join(
        f"<entry><id>{item.name}</id><title>Bericht {item.number}</title>"
        f'<link href="{link(item.number)}"/><summary>{_text(item)}</summary>'
        f"<published>{_moment(item.written).isoformat()}</published>"
        f"<updated>{_moment(item.edited or item.written).isoformat()}</updated></entry>\n"
        for item in items
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
        f"<title>t</title>{gone}{found}</feed>"
    ).encode()


def _json(items: Sequence[Shown], _deleted: Sequence[tuple[str, int]]) -> bytes:
    found = [
        {
            "id": item.name,
            "url": link(item.number),
            "title": f"Bericht {item.number}",
            "content_text": _text(item),
            "date_published": _moment(item.written).isoformat(),
        }
        for item in items
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": found}).encode()


FORMS = {"rss": _rss, "atom": _atom, "json": _json}


def said(item: Shown) -> str:
    """What a post of the item says."""
    return f"Bericht {item.number}\n{_text(item)}"


def link(number: int) -> str:
    return f"https://news.example/{number}"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class FeedServer:
    """Serves feed number n at `/n`; keeps an old document of each, to serve it stale."""

    def __init__(self, feeds: list[Feed], *, failing: Failing) -> None:
        self.feeds = feeds
        self.failing = failing
        self.failed: Counter[str] = Counter()
        self.asked: set[int] = set()
        self.lock = threading.Lock()
        self.old: dict[int, tuple[str, bytes]] = {}
        self._serving = Serving(_handler(self))

    def url(self, number: int) -> str:
        return f"{self._serving.url}/{number}"

    def __enter__(self) -> Self:
        self._serving.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._serving.__exit__(*error)

    def answer(self, number: int, fault: str | None) -> tuple[str, bytes]:
        """The validator and the document of a feed, or an older one."""
        with self.lock:
            feed = self.feeds[number]
            tag, body = f'W/"{feed.version}"', feed.document(twice=fault == "twice")
            if fault == "stale":
                return self.old.get(number, (tag, body))
            feed.answered += fault in (None, "twice")
            if feed.version % 3 == 0 or number not in self.old:
                self.old[number] = tag, body
            return tag, body


def _handler(server: FeedServer) -> type[Handler]:
    class Answering(Handler):
        def respond(self) -> None:
            number = self.path.strip("/")
            if not number.isdecimal():
                self.say(200 if number == "login" else 404, {}, LOGIN_PAGE)
                return
            fault = server.failing()
            server.failed[fault or "none"] += 1
            server.asked.add(int(number))
            tag, body = server.answer(int(number), fault)
            headers = {"ETag": tag}
            match fault:
                case "429" | "500" | "503" | "403":
                    self.say(int(fault), {"Retry-After": "30"} if fault == "429" else {}, b"no")
                case "block":
                    self.say(200, {"Content-Type": "text/html"}, BLOCK_PAGE)
                case "login":
                    self.say(302, {"Location": "/login"}, b"")
                case "empty":
                    self.say(200, headers, b"")
                case "reset":
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.connection.close()
                case "half" | "stall":
                    self.say_half(200, headers, body, stall=STALL if fault == "stall" else 0)
                case "cut":
                    self.say(200, headers, body[: len(body) * 2 // 3])
                case _ if self.headers.get("If-None-Match") == tag:
                    self.say(304, headers, b"")
                case _:
                    self.say(200, headers, body)

    return Answering
