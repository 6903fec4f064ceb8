"""What a reader sees of what a platform wrote: plain text out of HTML.

Markup is read here, characters are mended by the gate (`privacy.characters`): what comes out of
here may still hold what no text should, such as lone surrogates, so that the gate can flag it.

There is no tree: building one of elements that are nested 100,000 deep takes an HTML parser
minutes, and nobody can stop it meanwhile. Every character is looked at a fixed number of times.
"""

from collections.abc import Iterator
from html import unescape

import regex

MAX_CHARACTERS = 1_000_000
"""More of a piece of HTML is not read."""

DEEPEST = 4
"""So often something is escaped at most, such as `&amp;amp;lt;`."""

_LINES = frozenset(
    "address article aside blockquote br center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav "
    "ol optgroup option p pre section summary table tr ul".split()
)
"""What stands on lines of its own."""

_CELLS = frozenset({"td", "th"})
_UNREAD = frozenset(
    "audio canvas iframe math noframes noscript object script style svg template title "
    "video".split()
)
"""What holds no text for a reader."""

_OTHERS = frozenset(
    "a abbr acronym area b base basefont bdi bdo big blink body button caption cite code col "
    "colgroup data datalist del dfn em embed font frame frameset head html i image img input ins "
    "kbd label link map mark marquee meta meter nobr output param picture progress q rb rp rt rtc "
    "ruby s samp search select slot small source span strike strong sub sup tbody textarea tfoot "
    "thead time track tt u var wbr xmp".split()
)

# A name in angle brackets that HTML does not know (`<jan@example.org>`) is text. Each alternative
# takes for good what it has begun, so that no character is tried twice.
_NAMES = "|".join(sorted(_LINES | _CELLS | _UNREAD | _OTHERS, key=len, reverse=True))
_ATTRIBUTES = r"""(?:[^>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?)*+"""
_MARKUP = regex.compile(
    r"<!--.*?(?:--!?>|\Z)|<[!?][^>]*+(?:>|\Z)"
    rf"|<(?P<raw>script|style)(?=[\s/>]){_ATTRIBUTES}(?:>.*?(?:</(?P=raw)(?=[\s/>])[^>]*+>|\Z)|\Z)"
    rf"|<(?P<end>/?)(?P<name>(?:{_NAMES}|[a-z][a-z0-9]*+[-:][a-z][\w.:-]*+)(?=[\s/>]|\Z))"
    rf"(?P<attributes>{_ATTRIBUTES})(?:>|\Z)",
    regex.IGNORECASE | regex.DOTALL,
)
_QUOTED_AGAIN = "quote-inline"
"""Mastodon repeats the link of a quoted post in an element of this class, for older clients."""

_SPACE = regex.compile(r"[ \t\n\r\f]+")
_REFERENCE = regex.compile(
    r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", regex.IGNORECASE
)


def as_text(html: str) -> str:
    """What a reader sees of a piece of HTML, a block a line; a plain text comes back as it is.

    Never raises, never gives more characters than it got, and what it gave it gives again: what
    was escaped twice is read twice. A link whose ends a page hides is whole.
    """
    text = html[:MAX_CHARACTERS].strip()
    for _ in range(DEEPEST):
        seen = _read(text)
        if seen == text:
            return text
        text = seen
    return text.translate({ord("<"): None, ord("&"): None}).strip()


def _read(text: str) -> str:
    """One reading: without markup, references replaced."""
    if ">" not in text or not _MARKUP.search(text):
        return _unescape(text).strip()
    lines = "".join(_pieces(text)).split("\n")
    return "\n".join(line for each in lines if (line := " ".join(each.split())))


def _pieces(html: str) -> Iterator[str]:
    """What is read, piece by piece; a break of a line is a piece."""
    begin = 0
    unread, depth = "", 0
    for found in _MARKUP.finditer(html):
        if not depth:
            yield _piece(html[begin : found.start()])
        begin = found.end()
        name = (found["name"] or "").lower()
        if depth:
            depth += (name == unread) * (-1 if found["end"] else 1)
        elif _hides(name, found["end"], found["attributes"] or ""):
            unread, depth = name, 1
        elif name in _LINES:
            yield "\n"
        elif name in _CELLS:
            yield " "
    if not depth:
        yield _piece(html[begin:])


def _hides(name: str, end: str, attributes: str) -> bool:
    """Whether an element begins here that is not read."""
    if end or attributes.endswith("/"):
        return False
    return name in _UNREAD or _QUOTED_AGAIN in attributes


def _piece(html: str) -> str:
    return _unescape(_SPACE.sub(" ", html))


def _unescape(text: str) -> str:
    return _REFERENCE.sub(lambda found: unescape(found[0]), text) if "&" in text else text
