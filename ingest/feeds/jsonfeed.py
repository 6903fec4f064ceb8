"""JSON Feed 1.0 and 1.1 (jsonfeed.org) in the shape of `ingest.feeds.documents`."""

from collections.abc import Mapping
from typing import Any

from ingest.feeds.documents import Document, Entry, entries_of, web_link
from ingest.text import as_text_of_feed
from ingest.timestamps import parse_moment
from ingest.web.answers import encodable, json_in
from stream.errors import Stop


def read(body: bytes, *, url: str) -> Document:
    """The feed in `body`; Stop when it is none."""
    try:
        feed = json_in(body)
    except ValueError as error:
        raise Stop(f"{url} is neither XML nor JSON; look at it in a browser") from error
    if not isinstance(feed, Mapping) or "jsonfeed.org" not in str(feed.get("version", "")):
        raise Stop(f"{url} is JSON, but no JSON Feed; mend the address of the source")
    items = feed.get("items")
    if not isinstance(items, list):
        raise Stop(f"{url} is a JSON Feed without items; its format has changed")
    entries, rejected = entries_of(items, lambda item: _entry(item, feed, url), url=url)
    return Document(entries=entries, rejected=rejected)


def _entry(item: Any, feed: Mapping[str, Any], url: str) -> Entry:
    item = item if isinstance(item, Mapping) else {}
    authors = item.get("authors") or [item.get("author")]
    author = authors[0] if isinstance(authors, list) and isinstance(authors[0], Mapping) else {}
    html = item.get("summary") or item.get("content_html") or ""
    return Entry(
        identity=encodable(_string(item.get("id"))),
        title=_string(item.get("title")),
        text=_string(item.get("content_text")) or as_text_of_feed(_string(html)),
        link=web_link(_string(item.get("url")), url),
        author=_string(author.get("url")) or _string(author.get("name")),
        published=parse_moment(item.get("date_published")),
        updated=parse_moment(item.get("date_modified")),
        language=_string(item.get("language") or feed.get("language")) or None,
        has_media=bool(item.get("image") or item.get("attachments")),
    )


def _string(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""
