"""What a feed's document says: RSS, Atom and JSON Feed in one shape."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import feedparser
import msgspec
from selectolax.lexbor import LexborHTMLParser

from ingest.text import as_text
from ingest.timestamps import parse_moment
from stream.clock import MINUTE_MS
from stream.errors import Stop

PERIODS = {"hourly": 60, "daily": 1440, "weekly": 10_080, "monthly": 43_200, "yearly": 525_600}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a feed. Times in Unix ms; `identity` is empty when it names none."""

    identity: str
    title: str
    text: str
    link: str
    author: str
    published: int | None
    updated: int | None
    tags: tuple[str, ...]
    language: str | None
    has_media: bool = False


class Tombstone(msgspec.Struct, frozen=True):
    """The feed says that an item is gone (RFC 6721)."""

    identity: str
    when: int | None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A feed. `period` is how often, in ms, it says that it may be asked."""

    entries: Sequence[Entry]
    tombstones: Sequence[Tombstone] = ()
    period: int | None = None


def read(body: bytes, *, content_type: str, url: str) -> Document:
    """The feed in `body`; Stop when it is none, such as a block page or an error page."""
    if "json" in content_type or body.lstrip()[:1] == b"{":
        return _json(body, url)
    parsed = feedparser.parse(
        body,
        response_headers={"content-type": content_type},
        resolve_relative_uris=False,  # an id is not an address, and must not move with the feed
        sanitize_html=False,  # `as_text` leaves nothing to sanitise
    )
    if not parsed.get("version"):
        kind = "an HTML page" if b"<html" in body[:5_000].lower() else "no feed that is known"
        raise Stop(f"{url} is {kind}; look at it in a browser and mend the address of the source")
    feed = parsed.feed
    language = feed.get("language")
    return Document(
        entries=tuple(_entry(each, language, url) for each in parsed.entries),
        tombstones=tuple(_tombstones(body)),
        period=_period(feed),
    )


def _entry(item: Any, language: str | None, url: str) -> Entry:
    contents = [each.get("value", "") for each in item.get("content", ())]
    updated = parse_moment(item["updated"]) if "updated" in item else None
    return Entry(
        identity=str(item.get("id", "")),
        title=as_text(str(item.get("title", ""))),
        text=as_text(str(item.get("summary", "") or next(iter(contents), ""))),
        link=_link(item.get("link"), url),
        author=str(item.get("author", "")),
        published=parse_moment(item.get("published")) or updated,
        updated=updated,
        tags=tuple(str(tag.get("term") or "") for tag in item.get("tags", ())),
        language=language,
        has_media=bool(item.get("media_content") or item.get("enclosures")),
    )


def _link(link: Any, url: str) -> str:
    try:
        return urljoin(url, str(link)) if link else ""
    except ValueError:
        return ""


def _tombstones(body: bytes) -> Iterator[Tombstone]:
    """Feedparser keeps only the last one, so they are looked for apart."""
    if b"deleted-entry" not in body:
        return
    for node in LexborHTMLParser(body).css("*"):
        if (node.tag or "").rpartition(":")[2] == "deleted-entry":
            identity = node.attributes.get("ref")
            if identity:
                yield Tombstone(identity, parse_moment(node.attributes.get("when")))


def _period(feed: Any) -> int | None:
    """`<ttl>` in minutes, or `sy:updatePeriod` divided by `sy:updateFrequency`."""
    minutes = _number(feed.get("ttl"))
    if minutes is None:
        base = PERIODS.get(str(feed.get("sy_updateperiod", "")).strip().casefold())
        if base is None:
            return None
        minutes = base / max(1.0, _number(feed.get("sy_updatefrequency")) or 1.0)
    return int(minutes * MINUTE_MS)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e6 else None  # noqa: PLR2004  (about two years of minutes)


def _json(body: bytes, url: str) -> Document:
    """JSON Feed 1.0 and 1.1 (jsonfeed.org)."""
    try:
        feed = json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise Stop(f"{url} is neither XML nor JSON; look at it in a browser") from error
    if not isinstance(feed, Mapping) or "jsonfeed.org" not in str(feed.get("version", "")):
        raise Stop(f"{url} is JSON, but no JSON Feed; mend the address of the source")
    items = feed.get("items")
    if not isinstance(items, list):
        raise Stop(f"{url} is a JSON Feed without items; its format has changed")
    return Document(entries=tuple(_json_entry(each, feed) for each in items))


def _json_entry(item: Any, feed: Mapping[str, Any]) -> Entry:
    item = item if isinstance(item, Mapping) else {}
    authors = item.get("authors") or [item.get("author")]
    author = authors[0] if isinstance(authors, list) and isinstance(authors[0], Mapping) else {}
    html = item.get("summary") or item.get("content_html") or ""
    tags = item.get("tags")
    return Entry(
        identity=_string(item.get("id")),
        title=_string(item.get("title")),
        text=_string(item.get("content_text")) or as_text(_string(html)),
        link=_string(item.get("url")),
        author=_string(author.get("url")) or _string(author.get("name")),
        published=parse_moment(item.get("date_published")),
        updated=parse_moment(item.get("date_modified")),
        tags=tuple(_string(tag) for tag in tags) if isinstance(tags, list) else (),
        language=_string(item.get("language") or feed.get("language")) or None,
        has_media=bool(item.get("image") or item.get("attachments")),
    )


def _string(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""
