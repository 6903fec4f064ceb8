"""Collector `feeds`: news, blogs, fora and tag feeds by RSS, Atom and JSON Feed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ingest.contract import Batch, Cursor, RawItem, Reference, Rejected, Standing
from ingest.feeds import documents, jsonfeed
from ingest.feeds.documents import Document, Entry
from ingest.feeds.identities import author_of, canonical, identity_of, named, shared_links
from ingest.feeds.pages import no_feed, refusal
from ingest.feeds.visits import NOT_MODIFIED, Visits
from ingest.several import Parts
from ingest.sources import checked_platform
from ingest.web.addresses import checked_address
from ingest.web.client import Page, Web
from stream.clock import DAY_MS, MINUTE_MS, Clock
from stream.errors import Retry, Stop
from stream.events import Gap
from stream.post import Kind, RawDelete, RawPost

FIRST_SUCCESS, FIRST_REDIRECT, FIRST_ERROR = 200, 300, 400
GONE = 410
STANDINGS: Mapping[int, Standing] = {404: "missing", GONE: "gone"}
TURNED_OVER = "the feed turned over between two visits"
NOT_READ = "the feed could not be read at first"
GONE_MS = 7 * DAY_MS
"""What is gone for good is asked once a week whether that was a mistake."""

GRACE_MS = 30_000
"""A run that comes so much early asks: its schedule is not late by a whole round."""


class FeedSettings(BaseModel):
    """`[settings]` of a source of feeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: tuple[Annotated[str, AfterValidator(checked_address)], ...] = Field(
        min_length=1, description="The addresses of the feeds."
    )
    platform: Annotated[str, AfterValidator(checked_platform)] = Field(
        default="feed", description="The platform that their items are of."
    )
    kind: Kind = Field(default="article", description="What an item is.")
    excerpt: int = Field(
        default=1_000, ge=1, le=5_000, description="Characters that are kept of an item's text."
    )
    minutes: int = Field(
        default=10,
        ge=10,
        le=1_440,
        description="No feed is asked more often: 10 for news, 30 to 60 for blogs.",
    )


class FeedCollector:
    """Asks each feed with the validators of the last time. The cursor holds `Visits` by address,
    and what a feed `failed` at until it answers (`ingest.several.Parts`).

    A feed that fails costs that feed: the others are read, then the error is raised. A host that
    fails when a post is looked for costs one post's answer: its others are put off.
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
        self._failed: set[str] = set()
        """Hosts that failed in this re-check."""

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        known = cursor.get("feeds", {})
        new = {"since": self._clock.now()}
        feeds = {url: Visits.of(known.get(url, new)) for url in self._settings.urls}
        parts = Parts(self._settings.urls, cursor.get("failed", {}), clock=self._clock)
        # Those that were not asked for longest come first: a run that is cut off starves none.
        for url, visits in sorted(feeds.items(), key=lambda each: each[1].visited):
            if visits.not_before - GRACE_MS <= self._clock.now():
                feeds[url], batch = self._ask(url, visits, parts)
            else:
                if visits.gone and not parts.fails(url):  # an older peil kept no error with it
                    parts.failed(url, _gone(url))
                warnings = [] if parts.fails(url) else [f"{url} may not be asked yet"]
                told = visits.warnings(url, now=self._clock.now())
                batch = Batch(cursor={}, answered=False, warnings=warnings, lasting=told)
            watermark = min((each.visited for each in feeds.values() if not each.gone), default=0)
            yield msgspec.structs.replace(
                batch, cursor=_cursor(feeds, parts), watermark=watermark or None
            )
        what, others = f"{len(parts)} of {len(feeds)} feeds failed", len(parts) < len(feeds)
        parts.check(what, after=self._rest(feeds, parts), others=others)

    def woken(self, cursor: Cursor) -> Cursor:
        feeds = cursor.get("feeds", {})
        awake = {
            url: {**feeds[url], "not_before": 0} for url in cursor.get("failed", {}) if url in feeds
        }
        return {**cursor, "feeds": {**feeds, **awake}}

    def reference(self, post: RawPost) -> Reference | None:
        return Reference(post.platform, post.native_id, post.links[0]) if post.links else None

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        for each in references:
            host = urlsplit(each.address).netloc
            yield "unasked" if host in self._failed else self._look(each.address, host)

    def _look(self, address: str, host: str) -> Standing:
        try:
            status = self._web.get(address).status
        except Retry:
            self._failed.add(host)
            return "unknown"  # not `unasked`: a page that always fails would hold up the others
        except Stop:
            return "unknown"
        return STANDINGS.get(status, "unknown" if status >= FIRST_ERROR else "there")

    def _visit(self, url: str, before: Visits) -> tuple[Visits, Batch]:
        """One visit: what is to be remembered of it, and what it brought, without a cursor."""
        visits = msgspec.structs.replace(before, gone=False)
        asked, validators = visits.address or url, visits.validators()
        page = self._web.get(asked, headers=validators)
        now = self._clock.now()
        batch = Batch(cursor={})
        if page.status == GONE and page.url == url:
            gone = msgspec.structs.replace(before, gone=True, not_before=now + GONE_MS)
            return gone, Batch(cursor={}, answered=False)
        document = None
        if page.status != NOT_MODIFIED or not validators:
            document = _read(page, asked=asked)
            batch = self._batch(url, document, visits, now=now)
        visits.note(page, document, now=now, shortest=self._settings.minutes * MINUTE_MS)
        whole = document is None or document.whole
        warnings = [] if whole else [f"{url} broke off; what is whole of it was read"]
        told = visits.warnings(url, now=now)
        return visits, msgspec.structs.replace(batch, warnings=warnings, lasting=told)

    def _ask(self, url: str, visits: Visits, parts: Parts) -> tuple[Visits, Batch]:
        """One visit, as it goes: a feed that fails brings nothing, and is put off."""
        try:
            found, batch = self._visit(url, visits)
        except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one feed only)
            parts.failed(url, error)
            return self._put_off(visits, error), Batch(cursor={}, answered=False)
        if found.gone:
            parts.failed(url, _gone(url))
        else:
            parts.answered(url)
        return found, batch

    def _rest(self, feeds: Mapping[str, Visits], parts: Parts) -> float | None:
        """For how many seconds every feed wants to be left alone; None when one does not."""
        now = self._clock.now()
        waits = [
            each.not_before - GRACE_MS - now for url, each in feeds.items() if parts.fails(url)
        ]
        return min(waits) / 1000 if len(waits) == len(feeds) and min(waits) > 0 else None

    def _put_off(self, visits: Visits, error: Exception) -> Visits:
        """The feed failed. Where a person must look, the address that it was declared with counts
        again: where it moved may be wrong now.
        """
        wait = error.after if isinstance(error, Retry) else None
        return msgspec.structs.replace(
            visits,
            gone=False,
            not_before=self._clock.now() + (int(wait * 1000) + GRACE_MS if wait else 0),
            address=visits.address if isinstance(error, Retry) else None,
        )

    def _batch(self, url: str, document: Document, visits: Visits, *, now: int) -> Batch:
        """The items of one document, without a cursor; `visits` learns what it shows."""
        host = urlsplit(url).hostname or url
        shared = shared_links(document.entries)
        why = TURNED_OVER if visits.visited else NOT_READ
        turned = None
        if document.whole:  # else nothing is learned: the next is compared with the last whole one
            turned = visits.compare(document.entries, host=host, shared=shared, now=now)
        items: list[RawItem] = []
        rejected = list(document.rejected)
        for position, entry in enumerate(document.entries, 1):
            identity = identity_of(entry, host=host, shared=shared, by_link=visits.by_link)
            if identity:
                items.append(self._post(entry, identity, host, now))
            else:
                where = f"{url}: item {position}"
                rejected.append(Rejected(where, "no id, link, title or text", {}))
        items += [
            RawDelete(
                platform=self._settings.platform,
                native_id=named(each.identity, host=host),
                observed_at=now,
                edited_at=each.when,
            )
            for each in document.tombstones
        ]
        return Batch(
            cursor={},
            read=len(items) + len(rejected),
            items=items,
            rejected=rejected,
            gaps=(Gap(self._source, *turned, why),) if turned else (),
        )

    def _post(self, entry: Entry, identity: str, host: str, now: int) -> RawPost:
        text = f"{entry.title}\n{entry.text}".strip() if entry.title else entry.text
        return RawPost(
            platform=self._settings.platform,
            native_id=identity,
            text=_excerpt(text, self._settings.excerpt),
            observed_at=now,
            author=author_of(entry, host=host),
            kind=self._settings.kind,
            created_at=entry.published,
            edited_at=entry.updated if entry.updated != entry.published else None,
            hashtags=(),
            links=(canonical(entry.link),) if entry.link else (),
            # WordPress names who comments in the title; who writes an article is no person to hide.
            handles=(entry.author,) if entry.author and self._settings.kind != "article" else (),
            has_media=entry.has_media,
            declared_lang=entry.language,
        )


def _read(page: Page, *, asked: str) -> Document:
    """The feed in `page`; Stop with what came instead."""
    if not FIRST_SUCCESS <= page.status < FIRST_REDIRECT:
        raise Stop(f"{asked} {refusal(page.status)}")
    content_type = page.headers.get("content-type", "")
    start = page.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{" or (start and start != b"<" and "json" in content_type):
        return jsonfeed.read(page.body, url=page.url)
    document = documents.read(page.body, content_type=content_type, url=page.url)
    if document is None:
        raise Stop(f"{asked} {no_feed(page, asked=asked)}")
    return document


def _gone(url: str) -> Stop:
    return Stop(f"{url} is gone for good (410): take it out of the source")


def _cursor(feeds: Mapping[str, Visits], parts: Parts) -> Cursor:
    """The feeds as they are now: what comes later does not change a batch."""
    visits = {url: msgspec.to_builtins(each) for url, each in feeds.items()}
    return {"feeds": visits, "failed": parts.held()}


def _excerpt(text: str, length: int) -> str:
    """The beginning of a text, whole words."""
    if len(text) <= length:
        return text
    cut = text[:length]
    return (cut.rsplit(maxsplit=1)[0] if " " in cut else cut) + " …"
