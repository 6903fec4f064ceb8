"""Drift: whether the share of all posts that a rule matches is still as it was.

Words change, and a rule that is not looked at grows blind or matches what nobody meant. The last
week is held against the weeks before it, by medians, so that one strange day is no drift: the
modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993), on the scale
of square roots, where counts spread alike whatever their size. Computed from counts that may be
shown, so it tells nothing that they do not.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import median

import msgspec

from index.contract import Asked, Question, TooBroad
from index.disclosure import Disclosure
from index.inquiry import Inquiry
from index.series import Series

WEEK = 7
WEEKS = 8
"""So many weeks before the last one say what is usual."""

ENOUGH = 3 * WEEK
"""With fewer days of history than this nothing is said."""

STRANGE = 3.5
"""A score above this is called an outlier, as Iglewicz and Hoaglin advise."""

NORMAL_SPREAD = 1.4826
"""So many times its median absolute deviation is the standard deviation of a normal variable."""

CHANCE = 0.5
"""The standard deviation of the square root of a Poisson count."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A rule whose share of all posts is not what it was: the median of the days before, and of
    the last seven, both from 0 to 1.
    """

    rule: str
    before: float
    now: float

    @property
    def times(self) -> float:
        """How many times as much as before."""
        return self.now / self.before


def drift(
    rule: str, posts: Sequence[int | None], everything: Sequence[int | None], *, k: int
) -> Drift | None:
    """Whether the last seven days differ from those before them; both are counts of the same days
    in order. A hidden count of the rule (None) is taken as half of `k`: it is known to lie below
    it; a day on which everything is hidden is left out, and so are those before the rule's first.

    None when they do not differ, and when too little may be shown to say so.
    """
    first = next((place for place, count in enumerate(posts) if count), len(posts))
    days = list(zip(posts, everything, strict=True))
    before = [each for each in days[first:-WEEK] if each[1]]
    now = [each for each in days[-WEEK:] if each[1]]
    shown = sum(1 for count, _ in before if count)
    if len(before) < ENOUGH or 2 * shown <= len(before) or 2 * len(now) <= WEEK:
        return None
    old, new = (_roots(each, k=k) for each in (before, now))
    middle, recent = median(old), median(new)
    spread = NORMAL_SPREAD * median(abs(root - middle) for root in old)
    chance = CHANCE / math.sqrt(median(whole or 0 for _, whole in now))
    if abs(recent - middle) <= STRANGE * max(spread, chance):
        return None
    return Drift(rule=rule, before=middle**2, now=recent**2)


def _roots(days: Sequence[tuple[int | None, int | None]], *, k: int) -> list[float]:
    """The square roots of shares."""
    return [math.sqrt((count or k / 2) / whole) for count, whole in days if whole]


class Drifts:
    """What one reader may see of it. What is asked here was written down by the caller."""

    def __init__(
        self,
        store: Asked,
        *,
        inquiry: Inquiry,
        disclosure: Disclosure,
        series: Series,
    ) -> None:
        self._store = store
        self._inquiry = inquiry
        self._disclosure = disclosure
        self._series = series

    def of(self, rules: Sequence[str]) -> Sequence[Drift]:
        """Those of `rules` that drifted, until the day that is not over; none where there is more
        than the engine counts at once.
        """
        try:
            everything = self._counted(Question(scope="both"))
            by_rule = self._counted(Question(), by_rule=True)
        except TooBroad:
            return []
        _add(everything, "", self._series.volumes(bin="day"))
        today = self._inquiry.today
        days = [
            (today - timedelta(days=back)).isoformat() for back in range(WEEK * (WEEKS + 1), 0, -1)
        ]
        whole = [everything.get(("", day)) for day in days]
        found: list[Drift] = []
        for rule in rules:
            _add(by_rule, rule, self._series.phenomenon(rule, bin="day"))
            posts = [by_rule.get((rule, day)) for day in days]
            result = drift(rule, posts, whole, k=self._disclosure.thresholds.of_rule(rule))
            if result is not None:
                found.append(result)
        return found

    def _counted(self, question: Question, *, by_rule: bool = False) -> dict[tuple[str, str], int]:
        """What may be shown of it, by rule (empty: of everything) and day."""
        settled = self._inquiry.settled(question)
        table = self._store.count_over_time(settled, bin="day", by="rule" if by_rule else None)
        counts = self._disclosure.counts(
            settled, table, table.cells, k=self._disclosure.k(settled), keep_hidden=False
        )
        return {
            (key[1] if by_rule else "", key[0]): posts
            for key, posts in counts.cells.items()
            if posts is not None
        }


def _add(found: dict[tuple[str, str], int], rule: str, more: Mapping[str, int]) -> None:
    for day, posts in more.items():
        found[rule, day] = found.get((rule, day), 0) + posts
