"""How the counts of a rule's version compare with those of the one that took its place.

While both are counted side by side, the new one being active and the old one outgoing, each post
is looked at by both. What the new version counts for one of the old is the factor: with it a chart
can go on where the rule changed.

The interval is that of a ratio of two Poisson counts, normal on the log scale: the standard error
of its logarithm is sqrt(1/a + 1/b) (Rothman, Greenland and Lash, "Modern Epidemiology", 3rd ed.,
2008, chapter 14). It takes the counts for independent. Most posts are in both, so it is wider than
it must be; that people write in bursts is not in it.
"""

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt

import msgspec

LEAST = 100
"""Below so many posts of either version there is no factor: its interval would be a quarter wide
to each side.
"""

Z = 1.96
"""For an interval of 95%."""


class Splice(msgspec.Struct, frozen=True, kw_only=True):
    """Versions are `rule@version`. What was counted of `outgoing` before, times `factor`, is what
    `active` would have counted; with 95% it lies in `low`..`high`. `days` is on how many days both
    could be shown.
    """

    outgoing: str
    active: str
    factor: float
    low: float
    high: float
    days: int


def splice(
    outgoing: tuple[str, Mapping[str, int]],
    active: tuple[str, Mapping[str, int]],
    *,
    missing: Mapping[str, int],
) -> Splice | None:
    """The factor of two versions, each a name with its posts by day where they may be shown; None
    when they are too few.

    `missing` says of a day how many posts of the old version may lack, because they were gone
    before they were enough to be kept: the interval is so much wider. The old version's last day
    is left out when the new one went on, because it ended somewhere on it.
    """
    (old, before), (new, after) = outgoing, active
    days = _both(before, after)
    was, now = (sum(posts[day] for day in days) for posts in (before, after))
    if min(was, now) < LEAST:
        return None
    lacking = sum(missing.get(day, 0) for day in days)
    width = exp(Z * sqrt(1 / was + 1 / now))
    factor = exp(log(now) - log(was))
    return Splice(
        outgoing=old,
        active=new,
        factor=round(factor, 3),
        low=round(now / (was + lacking) / width, 3),
        high=round(factor * width, 3),
        days=len(days),
    )


def _both(before: Mapping[str, int], after: Mapping[str, int]) -> Sequence[str]:
    days = sorted(before.keys() & after.keys())
    return days[:-1] if days and max(after) > max(before) else days
