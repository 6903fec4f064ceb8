"""Collector `feeds`: news, blogs, fora and tag feeds by RSS, Atom and JSON Feed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.contract import Batch, Cursor, RawItem, Reference, Rejected, Standing
from ingest.feeds.documents import Document, Entry, read
from ingest.web.client import Page, Web
from stream.clock import DAY_MS, Clock
from stream.errors import PeilError, Retry, Stop
from stream.events import Gap
from stream.post import Kind, RawDelete, RawPost

GONE = 410
NOT_MODIFIED = 304
FIRST_ERROR = 400
STANDINGS: Mapping[int, Standing] = {404: "missing", GONE: "gone"}
SHORTEST_MS = 600_000
"""No feed is asked more often than once in ten minutes."""

LONGEST_MS = DAY_MS


class FeedSettings(BaseModel):
    """`[settings]` of a source of feeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: tuple[str, ...] = Field(min_length=1, description="The addresses of the feeds.")
    platform: str = Field(default="feed", description="The platform that their items are of.")
    kind: Kind = Field(default="article", description="What an item is.")
    excerpt: int = Field(
        default=1_000, ge=1, le=5_000, description="Characters that are kept of an item's text."
    )


class FeedCollector:
    """Asks each feed with the validators of the last time. The cursor holds, by address: the
    validators, when it may be asked again, where it moved, whether it is gone, and the date of
    its newest item, so that a feed that turned over between two visits is noticed.

    A feed that fails costs that feed: the others are read, then the error is raised.
    """

    name: ClassVar[str] = "feeds"
    Settings: ClassVar[type[BaseModel]] = FeedSettings
    repeats: ClassVar[bool] = True
    live: ClassVar[bool] = True
    endless: ClassVar[bool] = False

    def __init__(self, settings: FeedSettings, *, source: str, web: Web, clock: Clock) -> None:
        self._settings = settings
        self._source = source
        self._web = web
        self._clock = clock

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        states: dict[str, dict[str, Any]] = {
            url: dict(state)
            for url, state in cursor.get("feeds", {}).items()
            if url in self._settings.urls
        }
        errors: list[PeilError] = []
        for url in self._settings.urls:
            state = states.setdefault(url, {})
            if state.get("gone"):
                errors.append(Stop(f"{url} is gone for good (410): take it out of the source"))
                continue
            if state.get("not_before", 0) > self._clock.now():
                yield Batch(cursor=_cursor(states), warnings=[f"{url} may not be asked yet"])
                continue
            try:
                yield self._ask(url, states)
            except (Retry, Stop) as error:
                errors.append(error)
                after = error.after if isinstance(error, Retry) else None
                state["not_before"] = self._clock.now() + int((after or 0) * 1000)
                yield Batch(cursor=_cursor(states))
        if errors:
            raise _together(errors, len(self._settings.urls))

    def reference(self, post: RawPost) -> Reference | None:
        return Reference(post.platform, post.native_id, post.links[0]) if post.links else None

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        for each in references:
            try:
                status = self._web.get(each.address).status
            except PeilError:
                yield "unknown"
            else:
                yield STANDINGS.get(status, "unknown" if status >= FIRST_ERROR else "there")

    def _ask(self, url: str, states: dict[str, dict[str, Any]]) -> Batch:
        """One visit. `states` changes only when all of it went well."""
        state = dict(states[url])
        headers = {
            name: state[key]
            for key, name in (("etag", "If-None-Match"), ("modified", "If-Modified-Since"))
            if key in state
        }
        page = self._web.get(state.get("address", url), headers=headers)
        if page.status == GONE:
            states[url] = {"gone": True}
            raise Stop(f"{url} is gone for good (410): take it out of the source")
        if page.status != NOT_MODIFIED and page.status >= FIRST_ERROR:
            raise Stop(f"{url} answers with status {page.status}; look at it in a browser")
        document = Document(entries=())
        if page.status != NOT_MODIFIED:
            content_type = page.headers.get("content-type", "")
            document = read(page.body, content_type=content_type, url=page.url)
        batch = self._batch(url, document, state)
        _note_visit(state, page, document, now=self._clock.now())
        states[url] = state
        return msgspec.structs.replace(batch, cursor=_cursor(states))

    def _batch(self, url: str, document: Document, state: dict[str, Any]) -> Batch:
        """The items of one document, without a cursor; `state` learns its dates."""
        items: list[RawItem] = []
        rejected: list[Rejected] = []
        now = self._clock.now()
        for position, entry in enumerate(document.entries, 1):
            post = self._post(entry, url, now)
            if post is None:
                where = f"{url}: item {position}"
                rejected.append(Rejected(where, "no id, link, title or text", {}))
            else:
                items.append(post)
        items += [
            RawDelete(
                platform=self._settings.platform,
                native_id=each.identity,
                observed_at=now,
                edited_at=each.when,
            )
            for each in document.tombstones
        ]
        dates = [each.published for each in document.entries if each.published is not None]
        gaps = self._gaps(dates, state)
        if dates:
            state["newest"] = min(now, max(*dates, state.get("newest", 0)))
            state["length"] = len(dates)
        return Batch(cursor={}, read=len(items) + len(rejected), items=items, rejected=rejected,
                     gaps=gaps)  # fmt: skip

    def _gaps(self, dates: list[int], state: Mapping[str, Any]) -> tuple[Gap, ...]:
        """A document as long as the last one, all of it newer than the last one's newest item:
        what came between left the feed before it was seen.
        """
        newest = state.get("newest")
        if not dates or newest is None or len(dates) < state.get("length", 0):
            return ()
        if min(dates) <= newest:
            return ()
        return (Gap(self._source, newest, min(dates), "the feed turned over between two visits"),)

    def _post(self, entry: Entry, url: str, now: int) -> RawPost | None:
        text = f"{entry.title}\n{entry.text}".strip() if entry.title else entry.text
        identity = entry.identity or entry.link
        if not identity:
            if not text:
                return None
            identity = hashlib.sha256(
                f"{entry.title}\0{entry.link}".encode("utf-8", "surrogatepass")
            ).hexdigest()
        host = urlsplit(url).hostname or url
        return RawPost(
            platform=self._settings.platform,
            native_id=identity,
            text=_excerpt(text, self._settings.excerpt),
            observed_at=now,
            author=f"{entry.author}@{host}" if entry.author else host,
            kind=self._settings.kind,
            created_at=entry.published,
            edited_at=entry.updated if entry.updated != entry.published else None,
            hashtags=(),
            links=(entry.link,) if entry.link else (),
            handles=(),
            has_media=entry.has_media,
            declared_lang=entry.language,
        )


def _cursor(states: Mapping[str, Mapping[str, Any]]) -> Cursor:
    """The states as they are now: what comes later does not change a batch."""
    return {"feeds": {url: dict(state) for url, state in states.items()}}


def _excerpt(text: str, length: int) -> str:
    """The beginning of a text, whole words."""
    if len(text) <= length:
        return text
    cut = text[:length]
    return (cut.rsplit(maxsplit=1)[0] if " " in cut else cut) + " …"


def _note_visit(state: dict[str, Any], page: Page, document: Document, *, now: int) -> None:
    """What to say and do the next time, as server and document ask."""
    if page.moved_to is not None:
        state["address"] = page.moved_to
    if page.status != NOT_MODIFIED:
        for key, name in (("etag", "etag"), ("modified", "last-modified")):
            state.pop(key, None)
            if name in page.headers:
                state[key] = page.headers[name]
        state["period"] = document.period
    asked = max(_max_age(page.headers), state.get("period") or 0)
    state["not_before"] = now + min(LONGEST_MS, max(SHORTEST_MS, asked))


def _max_age(headers: Mapping[str, str]) -> int:
    """Cache-Control's max-age in ms, 0 when it says none."""
    for directive in headers.get("cache-control", "").split(","):
        name, _, value = directive.strip().partition("=")
        if name.casefold() == "max-age" and value.strip('"').isdecimal():
            return min(LONGEST_MS, int(value.strip('"')[:9]) * 1000)
    return 0


def _together(errors: list[PeilError], feeds: int) -> PeilError:
    """One error for all feeds that failed: a Stop when a person must look at one of them."""
    message = f"{len(errors)} of {feeds} feeds failed: " + "; ".join(map(str, errors))
    if any(isinstance(error, Stop) for error in errors):
        return Stop(message)
    waits = [error.after for error in errors if isinstance(error, Retry) and error.after]
    return Retry(message, after=max(waits, default=None))
