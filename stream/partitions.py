"""Partitions are named by when they expire: dropping one is the delete.

`recent-until-2026-11-27` holds what no rule matched, a day a partition; `kept-until-2027-02-22`
what one did, a week a partition (its Monday). Both round down, so no text outlives its term.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from stream.clock import DAY_MS
from stream.post import Post

Class = Literal["recent", "kept"]

_EPOCH = date(1970, 1, 1)

RECENT_TERM_MS = 3 * DAY_MS
"""What no rule matches is gone everywhere 72 hours after first observation."""


class Partition(NamedTuple):
    """A class and the UTC day at whose start all of it is dropped."""

    kind: Class
    until: date

    @property
    def name(self) -> str:
        return f"{self.kind}-until-{self.until.isoformat()}"

    @property
    def until_ms(self) -> int:
        """The start of the day of expiry in Unix milliseconds."""
        return (self.until - _EPOCH).days * DAY_MS

    @classmethod
    def parse(cls, name: str) -> "Partition":
        """The partition of that name; ValueError when it is not one."""
        kind, _, day = name.partition("-until-")
        if kind == "recent":
            return cls("recent", date.fromisoformat(day))
        if kind == "kept":
            return cls("kept", date.fromisoformat(day))
        message = f"{name!r} is not a partition: expected recent-until-DATE or kept-until-DATE"
        raise ValueError(message)


def partition_of(post: Post) -> Partition:
    """Where `post` belongs by its matches, its source's wish and its first observation."""
    if post.kept:
        return _ending("kept", post.keep_until // DAY_MS)
    term = min(post.first_observed + RECENT_TERM_MS, post.keep_until)
    return _ending("recent", term // DAY_MS)


@lru_cache
def _ending(kind: Class, days: int) -> Partition:
    """The last partition of `kind` that is dropped by that day, counted from 1970."""
    day = _EPOCH + timedelta(days)
    return Partition(kind, day - timedelta(day.weekday()) if kind == "kept" else day)
