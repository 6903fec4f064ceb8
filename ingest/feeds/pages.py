"""What came where a feed should be, said so that somebody can mend it."""

import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from ingest.web.addresses import mistake, shown
from ingest.web.client import Page

LOOKED_AT = 200_000
"""Bytes of a page that are looked at."""

_LOGIN = re.compile(rb"type\s*=\s*[\"']?password\b", re.IGNORECASE)
_LOGIN_ADDRESS = re.compile(r"\b(?:log-?in|sign-?in|inloggen|aanmelden|sso|auth)\b", re.IGNORECASE)
_BLOCKING = re.compile(
    rb"captcha|challenge-platform|checking your browser|just a moment|access denied|are you a robot"
    rb"|unusual traffic|bent u een robot|ddos",
    re.IGNORECASE,
)
_HTML = re.compile(rb"<(?:html|head|body|!doctype html)\b", re.IGNORECASE)
_OFFERED = re.compile(
    rb"<link\b(?=[^>]{0,500}application/(?:rss|atom|feed)\+(?:xml|json))[^>]{0,500}?\bhref\s*=\s*"
    rb"[\"']?([^\s\"'>]{1,500})",
    re.IGNORECASE,
)

STATUSES: Mapping[int, str] = {
    401: "wants a login or a key (status 401); if its address holds a key, that has expired",
    304: "says that nothing changed although nothing was said of the last time (status 304)",
    402: "wants to be paid (status 402)",
    403: "refuses to be read (status 403); it may keep programs out, or its key has expired",
    404: "is not there (status 404); look for the feed's new address",
    406: "does not give what was asked for (status 406)",
    451: "is withheld for legal reasons (status 451)",
}


def refusal(status: int) -> str:
    """What a status that is no success says."""
    return STATUSES.get(status, f"answers with status {status}; look at it in a browser")


def no_feed(page: Page, *, asked: str) -> str:
    """What `page` is instead of the feed that was asked for at `asked`, and what to do."""
    body = page.body[:LOOKED_AT]
    moved = "" if page.url == asked else f" (it led to {shown(page.url)})"
    if not body.strip():
        return f"gave an empty answer{moved}; look at it in a browser"
    if not _HTML.search(body):
        return f"is no feed that is known{moved}; look at it in a browser"
    parts = urlsplit(page.url)
    if _LOGIN.search(body) or (moved and _LOGIN_ADDRESS.search(parts.path)):
        return f"asks for a login{moved}; only what is public without one is read"
    if _BLOCKING.search(body):
        return f"gave a page that keeps programs out{moved}; ask its owner, or take it out"
    if address := _offered(body, base=page.url):
        return f"is an HTML page{moved} that names a feed: put {address} in the source"
    if moved and parts.path in ("", "/"):
        return (
            f"led to the home page of {parts.hostname}: the feed is gone; look for its new address"
        )
    return f"is an HTML page{moved}; look at it in a browser and mend the address of the source"


def _offered(body: bytes, *, base: str) -> str | None:
    """The feed that a page names; None when its address may not be asked, or not be shown whole."""
    offered = _OFFERED.search(body)
    if offered is None:
        return None
    try:
        address = urljoin(base, offered[1].decode("utf-8", "replace"))
    except ValueError:  # brackets that hold no address
        return None
    return address if not mistake(address) and shown(address) == address else None
