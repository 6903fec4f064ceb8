"""What is in the body of an answer. One bad value in it costs no more than what it stands in."""

import json
from typing import Any

import msgspec

SAID = 200
"""Letters that are kept of what a server says of itself, or why it refuses."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on what is no JSON, is of another form, or nested too deep."""


def json_in(body: bytes) -> Any:
    """The JSON in `body`; ValueError when it is none, broke off, or is nested too deep.

    Texts may hold what is no good Unicode, or control characters: that is mended later, item by
    item. A number of more digits than Python reads is infinite, as it is in JavaScript.
    """
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), strict=False, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def encodable(text: str) -> str:
    """An id or an address as it can be sent and kept: U+FFFD for a lone surrogate, as browsers read
    addresses (url.spec.whatwg.org). Texts are mended by the gate, which flags it.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)
