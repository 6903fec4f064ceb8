"""A phenomenon since counting began: also where the texts are long gone."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from dashboard.views.period import Period
from dashboard.views.phenomenon import About, about
from dashboard.views.timeline import Marks, Point, Timeline
from index.answers import LongBin
from index.values import bin_name, first_day, hours_to
from index.versions import LongSeries
from rules.documents import RuleDocument

By = Literal["week", "month"]


class ShownSplice(BaseModel):
    """How two versions of a rule compare by the days on which both were counted: what the older
    one counted, times `factor`, is what the newer would have.
    """

    outgoing: str = Field(description="The older version.")
    active: str = Field(description="The version that took its place.")
    factor: float
    low: float
    high: float
    days: int = Field(description="On how many days both could be shown.")


class Years(BaseModel):
    """All that the page shows. `line` has every bin that is over."""

    about: About
    k: int
    posts: int | None = Field(description="Of all bins that can be shown.")
    line: Timeline
    splices: list[ShownSplice]


def period_of_all(found: LongSeries, *, today: date, timezone: str) -> Period:
    """From the first bin that was counted until `today`."""
    first = min((first_day(name) for (name,) in found.cells), default=today)
    return Period(name="own", since=min(first, today), until=today, timezone=timezone)


def years(
    found: LongSeries, rule: RuleDocument, *, by: LongBin, today: date, marks: Marks
) -> Years:
    """The page of `rule`. The bin of `today` is left out: it still grows, and one post more would
    be seen.
    """
    growing = bin_name(hours_to(today), by)
    counts = {name: posts for (name,), posts in found.cells.items() if name < growing}
    changes = _changes(found)
    shown = [posts for posts in counts.values() if posts is not None]
    return Years(
        about=about(rule),
        k=found.k,
        posts=sum(shown) if shown else None,
        line=Timeline(
            bin=by,
            k=found.k,
            points=[
                Point(
                    time=name,
                    posts=posts,
                    gaps=marks.gaps_in(name, by),
                    changes=changes.get(name, []),
                    events=marks.events_in(name, by),
                )
                for name, posts in counts.items()
            ],
        ),
        splices=[ShownSplice.model_validate(each, from_attributes=True) for each in found.splices],
    )


def _changes(found: LongSeries) -> Mapping[str, list[str]]:
    """By bin the versions that are seen there first, but for the first of all."""
    began: dict[str, str] = {}
    for (name, version), posts in sorted(found.versions.items()):
        if posts is not None:
            began.setdefault(version, name)
    first = min(began.values(), default="")
    changes: dict[str, list[str]] = {}
    for version, name in began.items():
        if name != first:
            changes.setdefault(name, []).append(version)
    return changes
