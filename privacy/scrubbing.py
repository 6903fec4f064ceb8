"""What identifies a person in a text is replaced by a placeholder that keeps the sentence whole.

Names in running text are not recognised: no method finds them without finding much else. That
is why texts are shown to few, in small numbers, and never called anonymous.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec
import phonenumbers
import regex
from stdnum import iban
from stdnum.be import nn
from stdnum.nl import bsn
from stdnum.tr import tckimlik

from stream.placeholders import (
    ACCOUNT,
    CITIZEN_NUMBER,
    EMAIL,
    LINK,
    PERSON,
    PHONE,
    PLACEHOLDERS,
)

MIN_HANDLE_DIGITS = 4
"""`@12` is a price; `@1234` may be an account."""

CONTEXT = 40
"""How far from a number its word (BSN, kimlik) may stand, in characters."""

_STRAY_MARK = regex.compile("|".join(map(regex.escape, PLACEHOLDERS)) + "|(?P<stray>[‹›])")

_PERSONAL_HOSTS = (
    r"bsky\.social|tumblr\.com|blogspot\.\w{2,3}|wordpress\.com|substack\.com|github\.io"
    r"|livejournal\.com|medium\.com|deviantart\.com|carrd\.co|linktr\.ee"
)
_URL = regex.compile(
    r"(?:\b(?:https?|ftp|tg|whatsapp|viber)://|\bwww\.)[^\s<>‹›\"]+"
    r"|\bat://[^\s<>‹›\"]+"
    r"|(?<![@\w.])(?:[\p{L}\d-]+\.){1,4}\p{L}{2,24}(?::\d{2,5})?/[^\s<>‹›\"]*"
    rf"|(?<![@\w.])[\w-]+\.(?:{_PERSONAL_HOSTS})\b",
    regex.IGNORECASE,
)
_TRAILING = ".,;:!?)]}'»”’"
PERSONAL_HOST = regex.compile(rf"\.(?:{_PERSONAL_HOSTS})$", regex.IGNORECASE)
"""A host whose first part is the name of a person or their page."""

_DID = regex.compile(r"\bdid:(?:plc|web|key):[\w.:%-]+", regex.IGNORECASE)

_AT = "[@＠﹫]"  # the sign itself, full width, small
_EMAIL = regex.compile(
    rf"(?<![\w.+@-])(?=[\w.+-]*\p{{L}}|\d[\w.+-]*{_AT}\p{{L}})[\w.+-]{{1,64}}{_AT}\p{{L}}[\p{{L}}\d-]*"
    r"(?:\.[\p{L}\d-]+){0,5}"
)
_SPELLED_EMAIL = regex.compile(
    r"(?<![\w.])[\w.+-]{1,64} ?(?:[\[({<] ?(?:at|apenstaartje|@) ?[\])}>]| apenstaartje ) ?"
    r"[\p{L}\d-]{1,40} ?(?:[\[({<] ?(?:dot|punt|nokta|\.) ?[\])}>]| punt | dot |\.) ?\p{L}{2,10}\b",
    regex.IGNORECASE,
)
_HANDLE = regex.compile(
    rf"(?:(?<![\p{{L}}\p{{N}}_])|(?<=\b(?:RT|MT|via|cc))){_AT}(?=[\p{{L}}\p{{N}}_])[\w\u200c\u200d]{{1,64}}(?:[.-][\w]+){{0,6}}"
    rf"(?:{_AT}[\w-]+(?:\.[\w-]+)+)?"
)
_REDDIT = regex.compile(r"(?<![\w/])/?u/[\w-]{3,20}\b")
_DISCORD = regex.compile(r"(?<![\w#])[\p{L}][\p{L}\d_.]{1,31}#\d{4}\b")
_NAMED_ACCOUNT = regex.compile(
    r"\b(?P<where>insta(?:gram)?|ig|snap(?:chat)?|telegram|tiktok|twitter|discord|facebook|fb|"
    r"انستا|انستغرام|سناب|تليجرام|تيليجرام)(?P<how>\s*(?:[:=]|：)\s*)(?P<who>(?!‹)[\w.-]{3,40})",
    regex.IGNORECASE,
)
_IBAN = regex.compile(
    r"(?<![\p{L}\p{N}])(?=([A-Z]{2} ?\d{2}(?:[ .-]?[A-Z0-9]){11,30}))", regex.IGNORECASE
)
_CITIZEN = regex.compile(r"(?<!\p{N}[.,-]?)\p{N}(?:[ .-]?\p{N}){7,10}(?![\p{N}]|[.,]\p{N})")
_CITIZEN_WORD = regex.compile(
    r"\b(?:bsn|burgerservice\s?n(?:umme)?r|sofi-?\s?n(?:umme)?r|sofi|rijksregister(?:nummer)?|"
    r"nationaal\s?nummer|t\.?c\.?|kimlik|citizen\s+service\s+number|rijksregisternr|رقم\s+الهوية|"
    r"الرقم\s+الوطني|رقم\s+وطني)(?!\w)",
    regex.IGNORECASE,
)
_DIGITS = regex.compile(r"(?:\p{N}[^\p{N}\p{L}\n]{0,3}){8}")
_RUN = regex.compile(r"[+＋(]{0,2}\p{N}(?:[^\p{N}\p{L}\n‹›]{0,3}\p{N}){9,40}")
_BREAK = regex.compile(r"[\s,;]+")
MAX_BREAKS = 12
_SPACE = regex.compile(r"[^\P{Zs} ]|[\t·\u200c\u200d]")
_DASH = regex.compile(r"[^\P{Pd}-]|−")
"""What people write, or programs put, where others have a space or a hyphen between digits. A line
break is neither: it ends a number, as numbers below each other are several.
"""

_CALLING = "0+"
"""An unprefixed number counts as a phone number only with its trunk 0: any eight digits would
be a valid German one."""


Span = tuple[int, int]
"""Where something stands in a text: first character, last + 1."""

Find = Callable[[str], Sequence[Span]]


class Scrubbed(msgspec.Struct, frozen=True):
    """A text without what was found in it, and how many of each kind were."""

    text: str
    counts: Counter[str]


def scrub(
    text: str, *, handles: Iterable[str] = (), regions: Sequence[str] = ("NL", "BE", "TR", "MA")
) -> Scrubbed:
    """Replace accounts, addresses, phone, account and citizen numbers, and every link.

    `handles` are names that the platform marked as persons; `regions` the countries whose
    phone numbers are recognised without a prefix. Scrubbing twice is scrubbing once.
    """
    counts: Counter[str] = Counter()

    def put(placeholder: str, kind: str) -> Callable[[regex.Match[str]], str]:
        def replace(_match: regex.Match[str]) -> str:
            counts[kind] += 1
            return placeholder

        return replace

    text = _STRAY_MARK.sub(lambda m: "'" if m["stray"] else m[0], text)
    text = _SPELLED_EMAIL.sub(put(EMAIL, "email"), text)
    text = _URL.sub(_keep_trailing(put(LINK, "link")), text)
    text = _DID.sub(put(PERSON, "handle"), text)
    text = _EMAIL.sub(put(EMAIL, "email"), text)
    text = _HANDLE.sub(_unless_price(put(PERSON, "handle")), text)
    text = _REDDIT.sub(put(PERSON, "handle"), text)
    text = _DISCORD.sub(put(PERSON, "handle"), text)
    named = put(PERSON, "handle")
    text = _NAMED_ACCOUNT.sub(lambda m: f"{m['where']}{m['how']}{named(m)}", text)
    for handle in sorted({name.strip("@ ") for name in handles}, key=len, reverse=True):
        if handle:
            word = rf"(?<!\w){regex.escape(handle)}(?!\w)"
            text = regex.sub(word, put(PERSON, "handle"), text, flags=regex.IGNORECASE)
    if _DIGITS.search(text):
        text = _numbers(text, regions, counts)
    return Scrubbed(text, counts)


def _keep_trailing(replace: Callable[[regex.Match[str]], str]) -> Callable[[regex.Match[str]], str]:
    """A link's closing punctuation belongs to the sentence."""

    def replaced(match: regex.Match[str]) -> str:
        link = match[0]
        return replace(match) + link[len(link.rstrip(_TRAILING)) :]

    return replaced


def _unless_price(replace: Callable[[regex.Match[str]], str]) -> Callable[[regex.Match[str]], str]:
    def replaced(match: regex.Match[str]) -> str:
        name = match[0][1:]
        if name.isdigit() and len(name) < MIN_HANDLE_DIGITS:
            return match[0]
        return replace(match)

    return replaced


def _ascii_digits(text: str) -> str:
    return "".join(
        str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in text
    )


def _numbers(text: str, regions: Sequence[str], counts: Counter[str]) -> str:
    """`text` without its account, citizen and phone numbers. They are looked for with one kind of
    space and hyphen, and some also as it is written: "1", a tab and a citizen number would be one
    number of ten digits. Both are cut at the same places.
    """
    plain = _DASH.sub("-", _SPACE.sub(" ", text))
    read = [text] if plain == text else [plain, text]
    finders: list[tuple[str, str, Find, int]] = [
        ("iban", ACCOUNT, _ibans, 1),
        ("citizen_number", CITIZEN_NUMBER, _citizen_numbers, 2),
    ]
    for region in regions:
        finders.append(("phone", PHONE, partial(_phones, region=region), 2))
        finders.append(("phone", PHONE, partial(_beside, region=region), 1))
    for kind, placeholder, find, ways in finders:
        # Again until there is none: of two side by side one may be found after the other.
        while found := next(filter(None, map(find, read[:ways])), None):
            read = [_cut(each, found, placeholder) for each in read]
            counts[kind] += len(found)
    return read[-1]


def _cut(text: str, spans: Sequence[Span], placeholder: str) -> str:
    for start, end in reversed(spans):
        text = text[:start] + placeholder + text[end:]
    return text


def _ibans(text: str) -> Sequence[Span]:
    found: list[Span] = []
    done = 0
    for match in _IBAN.finditer(text):
        start, candidate = match.start(), match[1]
        # Words may follow without a break: the longest beginning that is an IBAN counts.
        lengths = (end for end in range(len(candidate), 14, -1) if candidate[end - 1].isalnum())
        length = next((end for end in lengths if _is_iban(candidate[:end])), 0)
        if length and start >= done:
            done = start + length
            found.append((start, done))
    return found


def _is_iban(text: str) -> bool:
    return bool(iban.is_valid(text.replace(".", ""), check_country=False))


def _citizen_numbers(text: str) -> Sequence[Span]:
    words = [match.span() for match in _CITIZEN_WORD.finditer(text)]
    if not words:
        return ()
    return [match.span() for match in _CITIZEN.finditer(text) if _is_citizen_number(match, words)]


def _is_citizen_number(match: regex.Match[str], words: Sequence[Span]) -> bool:
    near = any(
        start - CONTEXT <= match.end() and match.start() <= end + CONTEXT for start, end in words
    )
    number = _ascii_digits(match[0])
    return near and (bsn.is_valid(number) or tckimlik.is_valid(number) or nn.is_valid(number))


def _phones(text: str, *, region: str) -> Sequence[Span]:
    if not _DIGITS.search(text):
        return ()
    return [
        (match.start, match.end)
        for match in phonenumbers.PhoneNumberMatcher(text, region)
        if _ascii_digits(match.raw_string.lstrip("( "))[0] in _CALLING
    ]


def _beside(text: str, *, region: str) -> Sequence[Span]:
    """A phone number that another number follows or goes before ("0612345678 17 uur"): all of
    it together is none, so the run of digits is cut where it has a space or comma.
    """
    for run in _RUN.finditer(text):
        breaks = [each.span() for each in _BREAK.finditer(run[0])][:MAX_BREAKS]
        for start, end in reversed(breaks):
            for begin, part in ((0, run[0][:start]), (end, run[0][end:])):
                if found := _phones(part, region=region):
                    first, last = found[0]
                    offset = run.start() + begin
                    return [(offset + first, offset + last)]
    return ()
