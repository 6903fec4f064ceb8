"""Numeric references to characters (`&#8364;`) in a document, before a parser reads them: one that
names no character would cost the document.
"""

import re

REPLACEMENT = 0xFFFD
HIGHS, LOWS = range(0xD800, 0xDC00), range(0xDC00, 0xE000)
LAST = 0x10FFFF
DIGITS = 7
"""No character needs more; zeros may stand before them."""

_REFERENCE = re.compile(
    rb"&(\0{0,3})#(?:\1([xX])((?:\1[0-9a-fA-F])++)|((?:\1[0-9])++)(?!\1[a-fA-F]))(\1;)?"
)
"""In UTF-16 and UTF-32 zeros stand between what is ASCII."""


def mended(body: bytes) -> bytes:
    """`body`, in which every numeric reference names a character: U+FFFD in place of none
    (html.spec.whatwg.org, 13.2.5.80), and one in place of two halves of UTF-16, as which some
    programs write an emoji.

    In every encoding that ASCII is a part of. Takes time by the length only.
    """
    pieces: list[bytes] = []
    begin = high = 0
    for found in _REFERENCE.finditer(body):
        between, number = body[begin : found.start()], _number(found)
        if high and number in LOWS and between == found[1]:
            pieces.pop()
            number = 0x10000 + ((high - HIGHS.start) << 10) + number - LOWS.start
            pieces.append(_written(found, number))
            high = 0
        else:
            high = number if number in HIGHS else 0
            is_none = number in HIGHS or number in LOWS or not 0 < number <= LAST
            pieces += [between, _written(found, REPLACEMENT if is_none else number)]
        begin = found.end()
    pieces.append(body[begin:])
    return b"".join(pieces)


def _number(found: re.Match[bytes]) -> int:
    """What a reference names, 0 where it is more than any character."""
    digits = (found[3] or found[4]).replace(b"\0", b"").lstrip(b"0")
    return int(digits or b"0", 16 if found[2] else 10) if len(digits) <= DIGITS else 0


def _written(found: re.Match[bytes], number: int) -> bytes:
    """A reference to another character, in the form and the encoding of the one found."""
    end = ";" if found[5] else ""
    text = f"&#{found[2].decode()}{number:x}{end}" if found[2] else f"&#{number}{end}"
    return found[1].join(bytes([each]) for each in text.encode())
