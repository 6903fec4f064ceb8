"""What a reader sees of what a platform wrote: plain text out of HTML.

Markup is read here, characters are mended by the gate (`privacy.characters`): what comes out of
here may still hold what no text should, such as lone surrogates, so that the gate can flag it.

There is no tree: building one of elements that are nested 100,000 deep takes an HTML parser
minutes, and nobody can stop it meanwhile. Every character is looked at a fixed number of times.
"""

from collections.abc import Sequence
from html import unescape

import regex

MAX_CHARACTERS = 1_000_000
"""More of a piece of HTML is not read."""

DEEPEST = 4
"""So often something of a feed is escaped at most, such as `&amp;amp;lt;`."""

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

_NAMES = "|".join(sorted(_LINES | _CELLS | _UNREAD | _OTHERS, key=len, reverse=True))


def _markup(attributes: str) -> regex.Pattern[str]:
    """Finds what is no text. A name in angle brackets that HTML does not know
    (`<jan@example.org>`) is text. Each alternative takes for good what it has begun, so that no
    character is tried twice.
    """
    return regex.compile(
        r"(?P<mark><!--|<[!?])"
        rf"|<(?P<end>/?)(?P<name>(?:{_NAMES}|[a-z][a-z0-9]*+[-:][a-z][\w.:-]*+)(?=[\s/>]))"
        rf"(?P<attributes>{attributes})(?P<close>>|\Z)",
        regex.IGNORECASE | regex.DOTALL,
    )


_MARKUP = _markup(r"""(?:[^>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?)*+""")
_UNQUOTED = _markup("[^>]*+")
"""The same where a quotation mark is not closed: every tag ends at its first bracket then."""

_ENDS = {
    "<!--": regex.compile("--!?>"),
    "<!": regex.compile(">"),
    "<?": regex.compile(">"),
    "script": regex.compile(r"</script(?=[\s/>])[^>]*+>", regex.IGNORECASE),
    "style": regex.compile(r"</style(?=[\s/>])[^>]*+>", regex.IGNORECASE),
}
"""What holds no markup, and where it ends."""

_CLOSED = regex.compile(rf"</(?:{_NAMES})\s*+>|<br\s*+/?>", regex.IGNORECASE)
"""Tells `<p>twee keer</p>`, markup that was escaped, from `de <script> leest`, which is a text."""

_ATTRIBUTE = regex.compile(
    r"""(?P<name>[^\s"'>/=]++)(?:\s*+=\s*+(?:"(?P<value>[^"]*+)"|'(?P<value>[^']*+)'"""
    r"""|(?P<value>[^\s"'>]++)))?+"""
)
"""An attribute of a tag."""

_SPACE = regex.compile(r"[ \t\n\r\f]+")
_REFERENCE = regex.compile(
    r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", regex.IGNORECASE
)


def as_text(html: str, *, unread: str = "") -> str:
    """What a reader sees of a piece of HTML, a block a line; a plain text comes back as it is.
    Elements of the class `unread` are left out: Mastodon repeats the link of a quoted post in one
    of class `quote-inline`, for older clients.

    Never raises, and never gives more characters than it got. What is escaped is text, whatever it
    looks like, and neither an element without its end nor a tag without its own hides anything: one
    word never takes the rest with it. A link whose ends a page hides is whole.
    """
    text = html[:MAX_CHARACTERS].strip()
    if ">" not in text or not _MARKUP.search(text):
        return _unescape(text).strip()
    lines = "".join(_pieces(text, unread)).split("\n")
    return "\n".join(line for each in lines if (line := " ".join(each.split())))


def as_text_of_feed(html: str) -> str:
    """As `as_text`, where it may be that all was escaped once more than it should, as feeds do:
    markup that closes something is then read after all, and references always.
    """
    text = html[:MAX_CHARACTERS]
    for _ in range(DEEPEST):  # `&amp;lt;p&amp;gt;…` to the markup that it was
        if _MARKUP.search(text):
            break
        text = _unescape(text)
    text = as_text(text if _CLOSED.search(text) else html)
    for _ in range(DEEPEST):  # `<b>Caf&amp;eacute;</b>`, escaped within markup that was not
        text = _unescape(text)
    return text.strip()


def _pieces(html: str, unread: str) -> Sequence[str]:
    """What is read, piece by piece; a break of a line is a piece."""
    pieces: list[str] = []
    begin = 0
    end = html.rfind(">") + 1  # no tag ends after that, so what follows is text
    markup = _MARKUP
    # Of what hides: where it began in the pieces; None for elements of its name within it.
    opened: dict[str, list[int | None]] = {}
    endless: set[str] = set()
    while found := markup.search(html, begin, end):
        if found["name"] and not found["close"]:
            markup = _UNQUOTED
            continue
        pieces.append(_piece(html[begin : found.start()]))
        begin = found.end()
        name = (found["mark"] or found["name"]).lower()
        if name in _ENDS and not found["end"]:
            last = None if name in endless else _ENDS[name].search(html, begin, end)
            if last is None:
                endless.add(name)  # is not looked for again: it would take the length squared
            else:
                begin = last.end()
            continue
        within = opened.get(name)
        if found["end"]:
            if within and (start := within.pop()) is not None:
                del pieces[start:]
        elif _hides(name, found["attributes"], unread):
            opened.setdefault(name, []).append(len(pieces))
        elif within:
            within.append(None)
        if name in _LINES:
            pieces.append("\n")
        elif name in _CELLS:
            pieces.append(" ")
    pieces.append(_piece(html[begin:]))
    return pieces


def _hides(name: str, attributes: str, unread: str) -> bool:
    """Whether an element begins here that is not read."""
    if attributes.endswith("/"):
        return False
    if name in _UNREAD:
        return True
    if not unread or unread not in attributes:
        return False
    classes = (
        each["value"] for each in _ATTRIBUTE.finditer(attributes) if each["name"].lower() == "class"
    )
    return unread in (next(classes, None) or "").split()


def _piece(html: str) -> str:
    return _unescape(_SPACE.sub(" ", html))


def _unescape(text: str) -> str:
    return _REFERENCE.sub(lambda found: unescape(found[0]), text) if "&" in text else text
