"""Whether a source gives what it used to: a warning before an empty chart is noticed."""

from collections.abc import Mapping
from itertools import pairwise
from math import sqrt
from statistics import median

import msgspec

from ingest.runs import Condition
from ingest.tallies import hour_of
from stream.clock import DAY_MS, HOUR_MS, to_datetime

PATIENCE = 6
"""Silent for so many times the usual interval is worth a warning."""

NO_NEWS_MS = 6 * HOUR_MS
"""A single failure that is over in less is none that somebody must know of."""

ENOUGH = 4
"""Intervals, or days like today, that must be known before one is usual."""

WEEKS = 8
SPREAD = 3.0
"""In robust standard deviations: outside of it, a day is unlike the others."""

TO_DEVIATION = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Posts per hour in the last 24 whole hours, and between what it usually is then; None where
    that is not known yet.
    """

    now: float
    low: float | None = None
    high: float | None = None


def rate(appended: Mapping[int, int], looked: Mapping[int, int], *, now: int) -> Rate:
    """How much a source gives at `now`, by its counts an hour (`ingest.tallies`).

    The last 24 hours are compared with the same hours of the same weekday in the eight weeks
    before, those in which nobody looked left out. Usual is their median, give or take three
    robust standard deviations, or three times what chance alone would do.
    """
    end = hour_of(now)
    here = _sum(appended, end)
    ends = [end - week * 7 * DAY_MS for week in range(1, WEEKS + 1)]
    days = [_sum(appended, day) for day in ends if _sum(looked, day)]
    if len(days) < ENOUGH:
        return Rate(now=here / 24)
    middle = median(days)
    deviation = TO_DEVIATION * median(abs(day - middle) for day in days)
    width = SPREAD * max(deviation, sqrt(middle))
    return Rate(now=here / 24, low=max(0.0, middle - width) / 24, high=(middle + width) / 24)


def _sum(hours: Mapping[int, int], end: int) -> int:
    return sum(hours.get(hour, 0) for hour in range(end - DAY_MS, end, HOUR_MS))


def silence(appended: Mapping[int, int], *, now: int) -> str | None:
    """What is wrong with a source that gives nothing, by the hours in which it gave something;
    None when nothing is.

    It is silent when six times its usual interval passed, and more than its longest but one: so a
    night or a weekend is none, and one failure of long ago does not make it patient.
    """
    fruitful = sorted(appended)
    intervals = sorted(later - earlier for earlier, later in pairwise(fruitful))
    if len(intervals) < ENOUGH:
        return None
    usual = median(intervals)
    silent = now - fruitful[-1]
    if silent <= max(PATIENCE * usual, intervals[-2]):
        return None
    return (
        f"nothing new for {silent / HOUR_MS:.0f} hours, where {usual / HOUR_MS:.1f} are usual; "
        "is its page still there?"
    )


def warned(condition: Condition, *, endless: bool, now: int) -> list[str]:
    """What the last run of a source warned of, and when; of one that does not end, in the last
    day: nobody takes back what it said weeks ago.
    """
    since = now - DAY_MS if endless else 0
    return [
        f"{what} ({to_datetime(at):%Y-%m-%d %H:%M} UTC)"
        for what, at in condition.warnings.items()
        if at >= since
    ]


def failing(condition: Condition, *, now: int) -> str | None:
    """What is wrong with a source whose last runs failed, or a part of it. One failure that time
    may mend is no news for six hours.
    """
    once = condition.failures == 1 and condition.recovery == "retry"
    if not condition.failures or (once and now - (condition.failing_since or 0) < NO_NEWS_MS):
        return None
    since = to_datetime(condition.failing_since or 0).strftime("%Y-%m-%d %H:%M")
    times = f"{condition.failures} times in a row" if condition.failures > 1 else "once"
    return f"it failed {times} since {since} UTC: {condition.error}"
