"""What characters a text may hold: the one place where a text is made fit to be kept.

The gate passes every text through `repair`, whatever its collector did.
"""

import unicodedata

import msgspec
import regex

MAX_CHARACTERS = 32_000

_INVISIBLE = regex.compile(
    r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    r"\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]+"  # what commands a terminal is no text
)
_SURROGATE = regex.compile(r"[\ud800-\udfff]")
_HEAP = regex.compile(r"(\p{M}{30})\p{M}++")
"""No language puts more than 30 marks on a letter (Unicode Annex 15, Stream-Safe Text Format), and
putting 32,000 in order takes seconds.
"""


class Repaired(msgspec.Struct, frozen=True):
    """A text that can be stored, and what had to be done to it."""

    text: str
    flags: tuple[str, ...]


def repair(text: str) -> Repaired:
    """NFC, without NUL, invisible controls and those of terminals; lone surrogates replaced; at
    most 32,000 characters. Joiners stay: emoji and some scripts need them.

    Never raises; repairing twice is repairing once; longer than the text is only what NFC takes
    apart, by three at most (Unicode Annex 15).
    """
    flags: list[str] = []
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        flags.append("surrogates")
    if "\x00" in text:
        text = text.replace("\x00", "")
        flags.append("nul")
    text = _INVISIBLE.sub("", text).strip()
    whole = len(text)
    text = _HEAP.sub(r"\1", text[:MAX_CHARACTERS])
    text = _HEAP.sub(r"\1", unicodedata.normalize("NFC", text))
    if max(whole, len(text)) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS]
        flags.append("cut")
    return Repaired(text.strip(), tuple(flags))
