"""What is in the body of an answer. One bad value in it costs no more than what it stands in."""

import json
import re
from typing import Any

import msgspec

SAID = 200
"""Letters that are kept of what a server says of itself, or why it refuses."""

DEEPEST = 100
"""No interface nests its data so deep; Python reads about ten times as much."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on what is no JSON, is of another form, or nested too deep."""

# A text takes all that it has begun, so that no character is tried twice.
_NESTING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


def json_in(body: bytes) -> Any:
    """The JSON in `body`; ValueError when it is none, or broke off.

    Texts may hold what is no good Unicode, or control characters: that is mended later, item by
    item. A number of more digits than Python reads is infinite, as it is in JavaScript. Where it is
    nested too deep to be read, null stands for what is deeper than `DEEPEST`.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return _read(text)
    except RecursionError:
        return _read(_shallow(text))


def encodable(text: str) -> str:
    """An id or an address as it can be sent and kept: U+FFFD for a lone surrogate, as browsers read
    addresses (url.spec.whatwg.org). Texts are mended by the gate, which flags it.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read(text: str) -> Any:
    return json.loads(text, strict=False, parse_int=_whole)


def _shallow(text: str) -> str:
    """JSON without what is nested deeper than `DEEPEST`. Takes time by its length only."""
    pieces: list[str] = []
    depth = begin = 0
    for found in _NESTING.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST + 1:
                pieces.append(text[begin : found.start()])
        elif found[0] in ("]", "}"):
            if depth == DEEPEST + 1:
                pieces.append("null")
                begin = found.end()
            depth -= 1
    if depth <= DEEPEST:  # else it broke off within, and is none
        pieces.append(text[begin:])
    return "".join(pieces)


def _whole(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)
