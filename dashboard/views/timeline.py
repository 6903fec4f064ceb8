"""Counts in time with what a reader needs beside them: what is normal, gaps, changes, events."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta

from pydantic import BaseModel, Field

from dashboard.calendar import Event
from dashboard.views.period import Period
from index.contract import Bin
from index.gaps import Missed
from index.normal import WEEKS, Normal, deviation, normal_range
from index.results import Counts
from index.values import bin_name, day_after, first_day, hours_to, local_day

SEASON: Mapping[Bin, int] = {"day": 7, "week": 1, "month": 1, "hour": 168}
"""After so many bins the same kind of bin comes again."""

HISTORY_DAYS = 7 * WEEKS
ENOUGH_SHOWN = 0.5
"""A line is drawn in the finest bins of which at least this part can be shown."""

LEAD_DAYS = 31
"""A bin begins at most so many days before a day in it."""


class Point(BaseModel):
    """One bin of time."""

    time: str = Field(description="`2026-11-24`, `2026-W48` or `2026-11`.")
    posts: int | None = Field(description="How many posts; null: less than k, or none.")
    expected: float | None = Field(default=None, description="What was to be expected.")
    low: float | None = Field(default=None, description="The lower edge of what is normal.")
    high: float | None = Field(default=None, description="The upper edge of what is normal.")
    share: float | None = Field(default=None, description="Of all posts of that time.")
    before: int | None = Field(default=None, description="The period before, at this place.")
    gaps: list[str] = Field(default=[], description="Sources that missed a part of it.")
    changes: list[str] = Field(default=[], description="Rule versions that began here.")
    events: list[str] = Field(default=[], description="What the calendar has.")


class Timeline(BaseModel):
    """A line in time; every bin of the period is there."""

    bin: Bin
    k: int = Field(description="What is below it is hidden.")
    points: list[Point]

    @property
    def learning(self) -> bool:
        """Whether there is too little history to say what is normal."""
        return all(point.expected is None for point in self.points)

    @property
    def visible(self) -> bool:
        return any(point.posts is not None for point in self.points)

    @property
    def is_full(self) -> bool:
        """Whether so much of it can be shown that nothing coarser is needed."""
        return shown_of([point.posts for point in self.points]) >= ENOUGH_SHOWN

    @property
    def recent(self) -> list[Point]:
        """Its last seven days, or its last whole week or month."""
        return self.points[-(7 if self.bin == "day" else 1) :]

    @property
    def recent_days(self) -> tuple[date, date]:
        """The first and the last day of those."""
        first, _ = days_of(self.recent[0].time)
        _, last = days_of(self.recent[-1].time)
        return first, last

    @property
    def deviation(self) -> float | None:
        """How far those lie outside of what is normal (1: at the edge), on average over
        its bins; None while that is learned or hidden.
        """
        known = [
            deviation(point.posts, Normal(point.expected, point.low or 0.0, point.high))
            for point in self.recent
            if point.posts is not None and point.expected is not None and point.high is not None
        ]
        return sum(known) / len(known) if known else None

    @property
    def times(self) -> float | None:
        """Those as so many times what was to be expected."""
        known = [
            (point.posts, point.expected)
            for point in self.recent
            if point.posts is not None and point.expected is not None
        ]
        expected = sum(each for _, each in known)
        return sum(posts for posts, _ in known) / expected if expected else None


class Marks(BaseModel):
    """What is drawn on every time axis."""

    events: list[tuple[date, str]] = []
    gaps: list[tuple[date, date, str]] = Field(
        default=[], description="From, up to and with, and which source."
    )

    def gaps_in(self, name: str, bin: Bin) -> list[str]:
        """The sources that missed a part of that bin."""
        return sorted(
            {source for start, end, source in self.gaps if _touches(start, end, name, bin)}
        )

    def events_in(self, name: str, bin: Bin) -> list[str]:
        """What the calendar has in that bin."""
        return [title for day, title in self.events if _touches(day, day, name, bin)]


def marks_of(
    events: Iterable[Event], gaps: Iterable[Missed], *, language: str, timezone: str
) -> Marks:
    """The calendar and the gaps in the reader's language and the city's days."""
    return Marks(
        events=[(event.day, event.named(language)) for event in events],
        gaps=[
            (local_day(gap.start, timezone), local_day(gap.end - 1, timezone), gap.source)
            for gap in gaps
        ],
    )


def by_time(counts: Counts) -> dict[str, int | None]:
    """Counts by time alone, bin by bin."""
    return {key[0]: posts for key, posts in counts.cells.items()}


def shown_of(counts: Sequence[int | None]) -> float:
    """What part of these bins can be shown."""
    return sum(posts is not None for posts in counts) / len(counts) if counts else 0.0


def finest(
    period: Period, bins: Sequence[Bin], counted: Callable[[Bin], Counts]
) -> tuple[Bin, Counts]:
    """The counts in the first of `bins` in which enough of `period` can be shown to draw a line,
    else in that in which the most can; of equal ones in the coarsest. What has no bin that ends
    in `period` is not asked for: four weeks may lie in a month that is not over.
    """
    found: list[tuple[float, Bin, Counts]] = []
    for each in bins:
        names = bins_of(period, each)
        if not names:
            continue
        counts = counted(each)
        values = by_time(counts)
        shown = shown_of([values.get(name) for name in names])
        if shown >= ENOUGH_SHOWN:
            return each, counts
        found.append((shown, each, counts))
    _, chosen, counts = max(reversed(found), key=lambda each: each[0])
    return chosen, counts


def share_of(posts: int | None, everything: int | None) -> float | None:
    """What part of everything that is; None where either may not be shown. Both have noise of
    their own, so the part could come out larger than the whole.
    """
    return min(1.0, posts / everything) if posts is not None and everything else None


def bins_of(period: Period, bin: Bin) -> list[str]:
    """The bins that touch `period` and end within it. The first may have begun before it, so
    count from `LEAD_DAYS` earlier.
    """
    days = [period.since + timedelta(days=number) for number in range(period.days)]
    names = dict.fromkeys(bin_name(hours_to(day), bin) for day in days)
    after = bin_name(hours_to(period.until), bin)
    return [name for name in names if name != after]


def days_of(name: str) -> tuple[date, date]:
    """The first and the last day of a bin."""
    return first_day(name), day_after(name) - timedelta(days=1)


def timeline(
    counts: Mapping[str, int | None],
    *,
    period: Period,
    bin: Bin,
    k: int,
    whole: Mapping[str, int | None] | None = None,
    before: Sequence[int | None] = (),
    changes: Mapping[str, str] | None = None,
    marks: Marks | None = None,
) -> Timeline:
    """The line of `counts` in `period`; what was counted in the `HISTORY_DAYS` before it says what
    is normal. `whole` has the counts of all posts, for shares; `changes` says in which bins a
    version of the rule began.
    """
    history = bins_of(period.earlier(HISTORY_DAYS), bin)
    values = [counts.get(name) for name in history]
    first = next((place for place, value in enumerate(values) if value is not None), len(values))
    # Before the first post that may be shown there was nothing to learn from.
    normal: list[Normal | None] = [None] * first
    normal += normal_range(values[first:], season=SEASON[bin], k=k)
    by_name = dict(zip(history, normal, strict=True))
    marks = marks or Marks()
    points: list[Point] = []
    for place, name in enumerate(bins_of(period, bin)):
        posts, usual = counts.get(name), by_name.get(name)
        everything = None if whole is None else whole.get(name)
        points.append(
            Point(
                time=name,
                posts=posts,
                expected=usual.expected if usual else None,
                low=usual.low if usual else None,
                high=usual.high if usual else None,
                share=share_of(posts, everything),
                before=before[place] if place < len(before) else None,
                gaps=marks.gaps_in(name, bin),
                changes=[what for time, what in (changes or {}).items() if time == name],
                events=marks.events_in(name, bin),
            )
        )
    return Timeline(bin=bin, k=k, points=points)


def _touches(start: date, end: date, name: str, bin: Bin) -> bool:
    return bin_name(hours_to(start), bin) <= name <= bin_name(hours_to(end), bin)
