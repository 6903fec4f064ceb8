"""The counts of a rule's versions: active ones, and those that are counted and not shown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

import msgspec

from index.contract import Asked, Bin, Question, Table, TooBroad
from index.disclosure import Disclosure, size_of
from index.inquiry import Inquiry
from index.results import Counts
from index.series import Series
from index.splice import Splice, splice
from index.values import bins_between
from privacy.suppress import coarsest_needed
from rules.tree import Field
from stream.clock import DAY_MS
from stream.partitions import RECENT_TERM_MS

BINS: tuple[Bin, ...] = ("day", "week")

SURELY_HERE = timedelta(milliseconds=RECENT_TERM_MS - DAY_MS)
"""So long what no rule matched is surely in the index: its partition is dropped at the start of
a day.
"""

PARTS = 2
"""In so many partitions, which are days of UTC, are the posts of a local day, if they are seen when
they are made.
"""

ByBin = Mapping[str, int]
"""Posts by bin, where they may be shown."""


class LongSeries(Counts, frozen=True, kw_only=True):
    """A rule's counts by week or month, with those of each version by (bin, `rule@version`), and
    how the counts of its versions compare.
    """

    versions: Mapping[tuple[str, str], int | None] = {}
    splices: tuple[Splice, ...] = ()

    def version_rows(self) -> list[dict[str, str | int | None]]:
        """One row a version and bin, `posts` None where it may not be shown."""
        (step,) = self.dimensions
        return [
            {step: bin_, "version": name, "posts": posts}
            for (bin_, name), posts in self.versions.items()
        ]


class Shadowed(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is counted and not shown beside the active one, by `bin`. Of `posts` and
    `all` (everything there was) None is "less than k, or none".
    """

    shadow: str
    active: str
    bin: Bin
    k: int
    posts: Mapping[str, tuple[int | None, int | None, int | None]]

    def rows(self) -> list[dict[str, str | int | float | None]]:
        """One row a bin; `share` is that of the shadow in all posts."""
        return [
            {
                self.bin: name,
                "shadow": shadow,
                "active": active,
                "all": whole,
                "share": round(shadow / whole, 5) if shadow and whole else None,
            }
            for name, (shadow, active, whole) in self.posts.items()
        ]


class Versions:
    """What one reader may see of versions. What is asked here was written down by the caller."""

    def __init__(
        self, store: Asked, *, inquiry: Inquiry, disclosure: Disclosure, series: Series
    ) -> None:
        self._store = store
        self._inquiry = inquiry
        self._disclosure = disclosure
        self._series = series

    def active(self, rule: str, *, bin: Bin) -> Mapping[str, ByBin]:
        """Of each version of `rule` (`rule@version`) its posts while it was active."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for name, gone in self._series.versions(rule, bin=bin).items():
            found[name].update(gone)
        question = self._inquiry.settled(Question(query=Field("rule", (rule,))))
        table = self._store.count_over_time(question, bin=bin, by="rule_version")
        for (period, name), posts in self._shown(question, table).items():
            if name.startswith(f"{rule}@"):
                _add(found[name], period, posts)
        return {name: dict(sorted(posts.items())) for name, posts in sorted(found.items())}

    def shadow(self, name: str, *, bin: Bin) -> ByBin:
        """Posts of the version `name` while it was counted and not shown."""
        question = self._inquiry.settled(Question(shadow=name, scope="both"))
        table = self._store.count_over_time(question, bin=bin)
        found = dict(self._series.shadows(name.partition("@")[0], bin=bin).get(name, {}))
        for (period,), posts in self._shown(question, table).items():
            _add(found, period, posts)
        return dict(sorted(found.items()))

    def splices(self, rule: str) -> tuple[Splice, ...]:
        """How each version of `rule` compares with the one that took its place, the oldest first,
        where enough was counted of both.
        """
        active = self.active(rule, bin="day")
        order = sorted((min(days), max(days), name) for name, days in active.items() if days)
        names = [name for _, _, name in order]
        found: list[Splice] = []
        for old, new in pairwise(names):
            before = self.shadow(old, bin="day")
            result = splice((old, before), (new, active[new]), missing=self._missing(old, before))
            if result is not None:
                found.append(result)
        return tuple(found)

    def shadowed(self, shadow: str, active: str) -> Shadowed:
        """The version `shadow` beside the version `active` of the same rule (empty: none is) and
        beside everything, by day, or by week where most days are too small to be shown.

        Where there is more than the engine counts at once, everything is None.
        """
        rule = shadow.partition("@")[0]
        question = self._inquiry.settled(Question(shadow=shadow, scope="both"))
        k = self._disclosure.k(question)
        step, _ = coarsest_needed(
            BINS,
            lambda each: self._store.count_over_time(question, bin=each),
            lambda table: [size_of(cell) for cell in table.cells.values()],
            k=k,
        )
        mine = self.shadow(shadow, bin=step)
        other = self.active(rule, bin=step).get(active, {})
        whole = self._everything(step)
        return Shadowed(
            shadow=shadow,
            active=active,
            bin=step,
            k=k,
            posts={
                each: (mine.get(each), other.get(each), whole.get(each))
                for each in bins_between([*mine], step)
            },
        )

    def _everything(self, bin: Bin) -> ByBin:
        found = dict(self._series.volumes(bin=bin))
        try:
            question = self._inquiry.settled(Question(scope="both"))
            table = self._store.count_over_time(question, bin=bin)
        except TooBroad:
            return {}
        for (period,), posts in self._shown(question, table).items():
            _add(found, period, posts)
        return found

    def _missing(self, name: str, days: ByBin) -> Mapping[str, int]:
        """How many posts of the version `name` may lack on each of `days` whose posts that no rule
        matched are gone: of each of their partitions fewer than k, where nothing was kept of it.
        """
        kept = self._series.parts(name)
        first = self._inquiry.today - SURELY_HERE
        most = self._disclosure.thresholds.of_rule(name.partition("@")[0]) - 1
        return {
            day: most * max(0, PARTS - kept.get(day, 0))
            for day in days
            if date.fromisoformat(day) < first
        }

    def _shown(self, question: Question, table: Table) -> Mapping[tuple[str, ...], int]:
        k = self._disclosure.k(question)
        counts = self._disclosure.counts(question, table, table.cells, k=k, keep_hidden=False)
        return {key: posts for key, posts in counts.cells.items() if posts is not None}


def _add(found: dict[str, int], period: str, posts: int) -> None:
    found[period] = found.get(period, 0) + posts


def by_bin(
    versions: Mapping[str, ByBin], bins: Sequence[str]
) -> Mapping[tuple[str, str], int | None]:
    """The counts of versions by (bin, version), every bin of each version's time among `bins`."""
    return {
        (each, name): posts.get(each)
        for name, posts in versions.items()
        for each in bins
        if posts and min(posts) <= each <= max(posts)
    }
