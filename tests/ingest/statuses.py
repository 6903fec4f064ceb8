"""A status as a Mastodon server of our own shows it."""

from typing import Any

from stream.clock import MINUTE_MS, to_datetime
from stream.testing import START


def a_status(number: int, **changed: Any) -> dict[str, Any]:
    """The status of that number, written so many minutes ago; `changed` replaces fields."""
    return {
        "id": str(number), "uri": f"https://ours.example/{number}", "visibility": "public",
        "account": {"acct": "p"}, "content": f"<p>bericht {number}</p>",
        "created_at": to_datetime(START - number * MINUTE_MS).isoformat(),
    } | changed  # fmt: skip
