"""By what an item of a feed is known again."""

import hashlib
import re
from collections.abc import Collection, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ingest.feeds.documents import Entry

TRACKERS = ("utm_", "fbclid", "gclid", "mc_cid", "mc_eid", "at_medium", "at_campaign")
"""Parts of a link that say how a reader came, not where to."""

_ACCOUNT = re.compile(r"https?://[^/]+/(@[\w.-]+(?:@[\w.-]+)?)/\d+")
"""A link to a post on a Mastodon server, whose feeds name no authors."""


def named(identity: str, *, host: str) -> str:
    """An id as it counts among all feeds: one that is no URI, such as `1234`, is its host's own."""
    return identity if not identity or ":" in identity else f"{identity}@{host}"


def identity_of(entry: Entry, *, host: str, shared: Collection[str], by_link: bool) -> str:
    """The item's id, else its link where it is not `shared` with others, else a hash of what it
    says; empty when it says nothing. `by_link` is for a feed whose ids mean nothing.
    """
    link = canonical(entry.link)
    names = ("" if by_link else named(entry.identity, host=host), "" if link in shared else link)
    said = entry.title or entry.text
    hashed = hashlib.sha256(f"{said}\0{link}".encode("utf-8", "surrogatepass")).hexdigest()
    return next((name for name in names if name), hashed if said else "")


def shared_links(entries: Sequence[Entry]) -> Collection[str]:
    """The links of several items of a feed, such as its home page."""
    titles: dict[str, str] = {}
    return {
        link
        for each in entries
        if (link := canonical(each.link)) and titles.setdefault(link, each.title) != each.title
    }


def author_of(entry: Entry, *, host: str) -> str:
    """Who wrote it, among the authors of its host; the host itself where it does not say."""
    account = _ACCOUNT.fullmatch(entry.link)
    who = entry.author or (account[1] if account else "")
    return f"{who}@{host}" if who else host


def canonical(link: str) -> str:
    """A link without what only tells how a reader came to it."""
    if "?" not in link:
        return link
    parts = urlsplit(link)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = [each for each in asked if not each[0].lower().startswith(TRACKERS)]
    return link if len(kept) == len(asked) else urlunsplit(parts._replace(query=urlencode(kept)))


def reused(entries: Sequence[Entry]) -> bool:
    """Whether one id stands for items with different links: then it says nothing."""
    links: dict[str, str] = {}
    return any(
        links.setdefault(each.identity, canonical(each.link)) != canonical(each.link)
        for each in entries
        if each.identity and each.link
    )
