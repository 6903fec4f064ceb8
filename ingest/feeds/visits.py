"""What is remembered of a feed between two visits, and what that tells of the next one."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from ingest.feeds.documents import Document, Entry
from ingest.feeds.identities import canonical, identity_of, reused
from ingest.health import silence
from ingest.web.client import Page
from stream.clock import DAY_MS, MINUTE_MS

NOT_MODIFIED = 304
LONGEST_MS = DAY_MS
SECOND_MS = 1_000
ENDS = 5
"""So many items at an end of a document are remembered."""

MOVED_ON = 0.2
CHURNED = 0.5
NEWS = 20
"""So many visits that brought something are remembered."""


class Visits(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One feed's part of the cursor. Times in Unix ms.

    `since` is the first attempt, until one succeeded, and `visited` the last one that did. `ends`
    are marks of the newest items of the last document (`_ends`), each its id's and its link's:
    eight hex digits, by which only who knows an item finds it. `shown` is one such mark of all its
    items. `news` says when a visit brought something, `newest` the date of the newest item,
    `by_link` that ids mean nothing.
    """

    etag: str | None = None
    modified: str | None = None
    period: int | None = None
    not_before: int = 0
    address: str | None = None
    gone: bool = False
    since: int = 0
    visited: int = 0
    newest: int | None = None
    by_link: bool = False
    ends: list[tuple[str, str]] = []
    shown: str = ""
    empty: bool = False
    news: list[int] = []

    @classmethod
    def of(cls, value: Any) -> "Visits":
        """From a cursor, also one of an older version."""
        return msgspec.convert(value, cls)

    def validators(self) -> Mapping[str, str]:
        """The headers that ask whether there is something new, verbatim (RFC 9110, 13.1)."""
        told = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in told.items() if value is not None}

    def note(self, page: Page, document: Document | None, *, now: int, shortest: int) -> None:
        """What to say and do the next time, as server and document ask; None: not modified."""
        if page.moved_to is not None:
            self.address = page.moved_to
        if document is None:
            self.visited = now
        else:
            self.etag = page.headers.get("etag") if document.whole else None
            self.modified = page.headers.get("last-modified") if document.whole else None
            self.period = document.period
        asked = max(_max_age(page.headers), self.period or 0)
        self.not_before = now + min(LONGEST_MS, max(shortest, asked))

    def compare(
        self, entries: Sequence[Entry], *, host: str, shared: Collection[str], now: int
    ) -> tuple[int, int] | None:
        """Look at what the feed shows now. From when until when it may have shown something that
        was gone before this visit; None when it goes on where it was.

        Of the five newest of the last document at most one is there: what is pinned is old, so it
        is none of them. An id that is another one at each visit is told by the links, but for
        `shared` ones. Where nothing was seen before, all of it is younger than the first attempt,
        or than the last visit to the empty feed.
        """
        marks = [_marks(each, host=host, shared=shared) for each in entries]
        dates = [each.published for each in entries if each.published and each.published <= now]
        ids, links = (
            _share([each[by] for each in self.ends], {each[by] for each in marks}) for by in (0, 1)
        )
        self.by_link = self.by_link or reused(entries) or (ids <= MOVED_ON and links > CHURNED)
        start = (self.newest or self.visited) if self.visited else self.since
        if self.ends:
            turned = (links if self.by_link else ids) <= MOVED_ON
        else:
            turned = bool(start) and min(dates, default=now - MINUTE_MS) > start
        end = min((each for each in dates if each > start), default=now) + SECOND_MS
        self._learn(entries, marks, dates, now=now)
        return (start, end) if turned and entries else None

    def _learn(
        self,
        entries: Sequence[Entry],
        marks: Sequence[tuple[str, str]],
        dates: Sequence[int],
        *,
        now: int,
    ) -> None:
        self.empty = not entries
        if entries:
            self.ends = list(dict.fromkeys(marks[at] for at in _ends(entries, now=now)))
            before = self.shown
            self.shown = _mark("\n".join(sorted(each[self.by_link] for each in marks)))
            if self.shown != before:
                self.news = [*self.news, now][-NEWS:]
        self.newest = max([*dates, self.newest or 0]) or None
        self.since, self.visited = 0, now

    def warnings(self, url: str, *, now: int) -> list[str]:
        """What is odd about the feed although it answers."""
        told = silence(dict.fromkeys(self.news, 1), now=now)
        found = [f"{url}: {told}"] if told else []
        if self.empty:
            before = "had items before and is empty now" if self.ends else "has never had an item"
            found.append(f"{url} {before}; look at it in a browser")
        return found


def _ends(entries: Sequence[Entry], *, now: int) -> Sequence[int]:
    """Which items tell whether a feed moved on: the newest five, of a short document the newer
    half. A date ahead proves nothing; where most have none, a document may begin at either end.
    """
    dates = {at: each.published for at, each in enumerate(entries) if each.published}
    dated = sorted((at for at in dates if dates[at] <= now), key=lambda at: -dates[at])
    if len(dated) > len(entries) / 2:
        return dated[: min(ENDS, (len(entries) + 1) // 2)]
    return [*range(len(entries))[:ENDS], *range(len(entries))[-ENDS:]]


def _marks(entry: Entry, *, host: str, shared: Collection[str]) -> tuple[str, str]:
    link = canonical(entry.link)
    identity = identity_of(entry, host=host, shared=shared, by_link=False)
    return _mark(identity), _mark("" if link in shared else link)


def _mark(name: str) -> str:
    encoded = name.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=4).hexdigest() if name else ""


def _share(before: Sequence[str], now: set[str]) -> float:
    """How many of the marks before are there now; 0 where there were none."""
    known = [each for each in before if each]
    return sum(each in now for each in known) / len(known) if known else 0.0


def _max_age(headers: Mapping[str, str]) -> int:
    """Cache-Control's max-age in ms, 0 when it says none."""
    for directive in headers.get("cache-control", "").split(","):
        name, _, value = directive.strip().partition("=")
        if name.casefold() == "max-age" and value.strip('"').isdecimal():
            return min(LONGEST_MS, int(value.strip('"')[:9]) * 1000)
    return 0
