"""What a feed's document says: RSS and Atom. `ingest.feeds.jsonfeed` has JSON Feed."""

import calendar
import io
import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from typing import Any
from urllib.parse import urljoin

import feedparser
import msgspec

from ingest.contract import Rejected, skeleton
from ingest.feeds.references import mended
from ingest.text import as_text_of_feed
from ingest.timestamps import parse_moment
from ingest.web.answers import encodable
from stream.clock import MINUTE_MS
from stream.errors import Stop

PERIODS = {"hourly": 60, "daily": 1440, "weekly": 10_080, "monthly": 43_200, "yearly": 525_600}

MAX_MARKS = 500_000
"""Tags and references of a document: half a minute's reading. Small items fill 8 MB with them."""

MAX_NAMES = 1_000
"""Namespaces that a document may declare: reading them takes their number squared."""

MAX_BASES = 300
"""Bases of addresses that a document may set; of more, which may be nested, none counts."""

_BASE = re.compile(rb"b\0{0,3}a\0{0,3}s\0{0,3}e(?=[\0\s]{0,40}=)")
_ENCODING = re.compile(rb"^[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]+)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)")
_KNOWN_ENCODING = re.compile(
    r"utf-?(?:8|16|32)(?:-?[lb]e)?|(?:us-)?ascii|iso-?8859-\d+|latin-?\d|(?:windows-|cp)125\d|koi8-[ru]"
    r"|gb2312|gbk|gb18030|big5|euc-(?:jp|kr)|shift[_-]jis|mac(?:intosh|-?roman)",
    re.IGNORECASE,
)
"""In others a document could be something else than what is looked at here (UTF-7, EBCDIC)."""

_ROOT_ENDS = re.compile(rb"</(?:[\w-]+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_DELETED = re.compile(
    rb"<(?:[\w-]+:)?deleted-entry(?=[\s/>])((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>"
)
_ATTRIBUTE = re.compile(rb"\b(ref|when)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a feed. Times in Unix ms; `identity` is empty when it names none."""

    identity: str
    title: str
    text: str
    link: str
    author: str
    published: int | None
    updated: int | None
    language: str | None
    has_media: bool = False


class Tombstone(msgspec.Struct, frozen=True):
    """The feed says that an item is gone (RFC 6721)."""

    identity: str
    when: int | None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A feed. `period` is how often, in ms, it says that it may be asked; it is not `whole` when
    it breaks off, and then its last entry, which may be half, is left out. `rejected` are items
    that no entry could be made of.
    """

    entries: Sequence[Entry]
    rejected: Sequence[Rejected] = ()
    tombstones: Sequence[Tombstone] = ()
    period: int | None = None
    whole: bool = True


def read(body: bytes, *, content_type: str, url: str) -> Document | None:
    """The feed in `body`, None when it is none. Stop when it is one that nobody should read.

    Takes time by its length only: a minute at most for 10 MB.
    """
    plain = body.replace(b"\0", b"")  # what UTF-16 says, near enough to look at
    _check(plain, content_type, url)
    body = mended(body)
    if len(_BASE.findall(body)) > MAX_BASES:
        body = _BASE.sub(lambda found: found[0].replace(b"b", b"d"), body)
    try:
        parsed = feedparser.parse(
            io.BytesIO(body),  # bytes that are the name of a file would be opened
            response_headers={"content-type": content_type},
            resolve_relative_uris=False,  # an id is not an address, and must not move with the feed
            sanitize_html=False,  # what comes out of `ingest.text` is text
        )
    except Exception as error:  # whatever a stranger's document makes of the parser
        raise Stop(
            f"{url} could not be read as a feed ({type(error).__name__}); look at it in a browser"
        ) from error
    if not parsed.get("version"):
        return None
    language = parsed.feed.get("language")
    whole = not parsed.bozo or bool(_ROOT_ENDS.search(plain[-2_000:]))
    entries, rejected = entries_of(
        parsed.entries if whole else parsed.entries[:-1],
        lambda item: _entry(item, language, url),
        url=url,
    )
    return Document(
        entries=entries,
        rejected=rejected,
        tombstones=tuple(_tombstones(body)),
        period=_period(parsed.feed),
        whole=whole,
    )


def entries_of(
    items: Sequence[Any], entry: Callable[[Any], Entry], *, url: str
) -> tuple[Sequence[Entry], Sequence[Rejected]]:
    """What `entry` makes of items, one by one: whatever happens to one, it costs that one."""
    entries: list[Entry] = []
    rejected: list[Rejected] = []
    for position, item in enumerate(items, 1):
        try:
            entries.append(entry(item))
        except Exception as error:  # noqa: BLE001  (a stranger's values: anything)
            where = f"{url}: item {position}"
            rejected.append(Rejected(where, type(error).__name__, skeleton(item)))
    return entries, rejected


def _check(plain: bytes, content_type: str, url: str) -> None:
    """Stop on a document that would take its reader forever, or hides what it holds."""
    declared = _ENCODING.match(plain)
    named = _CHARSET.search(content_type)
    for encoding in (declared and declared[1].decode("latin-1"), named and named[1]):
        if encoding and not _KNOWN_ENCODING.fullmatch(encoding):
            raise Stop(f"{url} is encoded as {encoding[:40]!r}, which no feed is, and was not read")
    if plain.count(b"<") + plain.count(b"&") > MAX_MARKS or plain.count(b"xmlns") > MAX_NAMES:
        raise Stop(
            f"{url} holds more markup than a feed does, and was not read; if it is one, ask its "
            "owner for one with fewer items"
        )


def _entry(item: Any, language: str | None, url: str) -> Entry:
    contents = [each.get("value", "") for each in item.get("content", ())]
    updated = _moment(item, "updated") if "updated" in item else None
    return Entry(
        identity=encodable(str(item.get("id", ""))).strip(),
        title=as_text_of_feed(str(item.get("title", ""))),
        text=as_text_of_feed(str(item.get("summary", "") or next(iter(contents), ""))),
        link=web_link(item.get("link"), url),
        author=str(item.get("author", "")),
        published=_moment(item, "published") or updated,
        updated=updated,
        language=language,
        has_media=bool(item.get("media_content") or item.get("enclosures")),
    )


def _moment(item: Any, name: str) -> int | None:
    """As it is written, else as feedparser understands it: more zones, more languages."""
    moment = parse_moment(item.get(name))
    parsed = item.get(f"{name}_parsed")
    if moment is not None or not parsed:
        return moment
    try:
        return parse_moment(calendar.timegm(parsed))
    except (ValueError, OverflowError):  # a month or a year that no calendar has
        return None


def web_link(link: Any, url: str) -> str:
    """The address of a page of the web, empty when it is none (`javascript:`, `data:` …)."""
    try:
        joined = urljoin(url, encodable(str(link)).strip()) if link else ""
    except ValueError:
        return ""
    return joined if joined.lower().startswith(("http://", "https://")) else ""


def _tombstones(body: bytes) -> Iterator[Tombstone]:
    """Feedparser keeps only the last one, so they are looked for apart."""
    for found in _DELETED.finditer(body):
        values = {
            name.decode(): unescape((quoted or single).decode("utf-8", "replace"))
            for name, quoted, single in _ATTRIBUTE.findall(found[1])
        }
        if values.get("ref"):
            yield Tombstone(values["ref"].strip(), parse_moment(values.get("when")))


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
