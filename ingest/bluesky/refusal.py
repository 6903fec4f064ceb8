"""What a server of the AT Protocol says when it refuses (https://atproto.com/specs/xrpc)."""

import msgspec

from ingest.web.answers import UNREADABLE
from ingest.web.quotation import quoted


class Refusal(msgspec.Struct, frozen=True):
    """The body of an answer that is none: the server's own word for why, and a sentence."""

    error: str
    message: str = ""


def refusal_in(body: bytes) -> Refusal | None:
    """The refusal in a body, as it may be shown; None when it is none, such as a page."""
    try:
        said = msgspec.json.decode(body, type=Refusal)
    except UNREADABLE:
        return None
    error = quoted(said.error)
    return Refusal(error, quoted(said.message)) if error else None
