"""What a server says of its limits, in the headers that it does so with.

`x-ratelimit-…` is Mastodon's (docs.joinmastodon.org/api/rate-limits), `ratelimit-…` that of AT
Protocol's servers (https://docs.bsky.app/docs/advanced-guides/rate-limits).
"""

from collections.abc import Mapping

from ingest.contract import Budget
from ingest.timestamps import parse_moment
from stream.clock import DAY_MS, MINUTE_MS, Clock
from stream.errors import Retry

PREFIXES = ("x-ratelimit", "ratelimit")
PERIOD_MS = 5 * MINUTE_MS
"""In which a server counts that does not say when it begins anew: both kinds do."""

LONGEST_MS = DAY_MS
"""So long a server is left alone at most, whatever it says: a mistake in one answer is not to end
a source for years.
"""

FIRST_YEARS = 1_000_000_000
"""A number below this is in seconds from now, not since 1970."""

DIGITS = 12


class Allowance:
    """What one server still allows. Its last `reserve` requests, or its last tenth where that is
    less, are left to others behind the same address. Not shared between threads.
    """

    def __init__(self, address: str, *, clock: Clock, reserve: int = 0) -> None:
        self.budget: Budget | None = None
        self._address = address
        self._clock = clock
        self._reserve = reserve

    def check(self) -> None:
        """Before a request: Retry when there is none left until the server counts anew."""
        known, now = self.budget, self._clock.now()
        if known is None or known.resets <= now:
            return
        if known.remaining <= min(self._reserve, known.limit // 10):
            raise Retry(
                f"{self._address} allows {known.remaining} of {known.limit} requests until it "
                "counts anew, and is left alone until then",
                after=(known.resets - now) / 1000,
            )

    def note(self, headers: Mapping[str, str]) -> None:
        """After an answer: what its headers say; where they say nothing, what was said before
        holds.
        """
        self.budget = budget(headers, now=self._clock.now()) or self.budget


def budget(headers: Mapping[str, str], *, now: int) -> Budget | None:
    """The budget that the headers of an answer tell at `now` (Unix ms), None when they do not."""
    for prefix in PREFIXES:
        remaining, limit = (headers.get(f"{prefix}-{name}", "") for name in ("remaining", "limit"))
        if remaining.isdecimal() and limit.isdecimal():
            resets = reset_of(headers.get(f"{prefix}-reset"), now=now)
            resets = now + PERIOD_MS if resets is None else resets
            return Budget(int(remaining[:DIGITS]), int(limit[:DIGITS]), resets)
    return None


def reset_of(said: str | None, *, now: int) -> int | None:
    """When a limit begins anew (Unix ms), from `now` to a day after it: a date, Unix seconds, or
    seconds from `now`, as servers differ; None when it cannot be read.
    """
    reset = _read(said, now=now)
    return None if reset is None else max(now, min(reset, now + LONGEST_MS))


def rests(until: int, *, now: int) -> bool:
    """Whether a server that wanted to be left alone until then (Unix ms) still does. What is
    further ahead than it may be was a mistake, of its clock or ours.
    """
    return now < until <= now + LONGEST_MS


def _read(said: str | None, *, now: int) -> int | None:
    try:
        seconds = float(said or "")
    except ValueError:
        return parse_moment(said)
    return now + int(seconds * 1000) if 0 <= seconds < FIRST_YEARS else parse_moment(said)
