"""The page Monitor: what is different from normal, and every phenomenon beside the others."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from dashboard.views.change import Level, Ratio, level_of, ratio_of
from dashboard.views.period import Period
from dashboard.views.sources import SourceState
from dashboard.views.timeline import (
    HISTORY_DAYS,
    SEASON,
    Marks,
    Point,
    Timeline,
    by_time,
    share_of,
    timeline,
)  # fmt: skip
from index.answers import Answers
from index.normal import change, dispersion_of
from index.results import Counts
from rules.documents import RuleDocument

if TYPE_CHECKING:
    from index.contract import Bin

MOST_CARDS = 5


class Panel(BaseModel):
    """One phenomenon in the grid."""

    rule: str
    title: str
    category: str
    special: bool = Field(description="On a special category: counted from 25 authors.")
    posts: int | None
    share: float | None = Field(description="Of all posts of the period.")
    change: Ratio | None
    line: Timeline
    level: Level = Field(
        description="Its last seven days, or whole week or month, against what is normal."
    )
    ended: date | None = Field(description="When it stopped counting; null: it counts.")

    @property
    def prominence(self) -> float:
        """How far it stands out: 1 is the edge of what is usual for its last days, or of "as much
        as in the period before"; the larger of both. That what ended has less says nothing.
        """
        if self.ended is not None:
            return 0.0
        found = [0.0]
        if self.line.deviation is not None:
            found.append(abs(self.line.deviation))
        if self.change is not None:
            found.append(self.change.prominence)
        return max(found)

    @property
    def falls(self) -> bool:
        """Whether it stands out by having less."""
        if self.level in ("higher", "lower"):
            return self.level == "lower"
        return self.change is not None and self.change.real and self.change.ratio < 1

    @property
    def peak(self) -> Point | None:
        """Where the line is highest, if it can be shown; of what falls that explains nothing."""
        shown = [] if self.falls else [each for each in self.line.points if each.posts is not None]
        return max(shown, key=lambda point: point.posts or 0, default=None)


class Monitor(BaseModel):
    """All that the page Monitor shows."""

    period: Period
    k: int
    posts: int | None = Field(description="All posts of the period.")
    change: Ratio | None
    whole: Timeline = Field(description="All posts in time.")
    unusual: list[str] = Field(description="Rules that stand out, most first.")
    panels: list[Panel]
    marks: Marks
    active_rules: int
    last_seen: str | None = Field(default=None, description="When something last came in.")
    troubled: list[SourceState] = []

    def with_sources(self, sources: Sequence[SourceState]) -> "Monitor":
        """The same page with how its sources are now."""
        last = max((each.last_run for each in sources if each.last_run), default=None)
        troubled = [each for each in sources if each.trouble]
        return self.model_copy(update={"last_seen": last, "troubled": troubled})

    def panel(self, rule: str) -> Panel:
        return next(panel for panel in self.panels if panel.rule == rule)


def monitor(
    answers: Answers,
    *,
    rules: Mapping[str, RuleDocument],
    ended: Mapping[str, date],
    period: Period,
    marks: Marks,
    k: int,
) -> Monitor:
    """The page for `period` but for its sources, which change while the posts stay the same. Of
    `rules`, those that `ended` are on it where they have posts in that period.
    """
    long = period.earlier(HISTORY_DAYS)
    bins: tuple[Bin, Bin] = ("day", "week")
    whole = {each: by_time(answers.over_time("", bin=each, **long.asked)) for each in bins}
    by_rule = {
        each: _by_rule(answers.over_time("", bin=each, by="rule", **long.asked)) for each in bins
    }
    now = answers.top("", by="rule", **period.asked)
    before = answers.top("", by="rule", **period.before.asked)
    everything = timeline(whole["day"], period=period, bin="day", k=k, marks=marks)
    total, total_before = now.total, before.total
    panels: list[Panel] = []
    for rule, document in rules.items():
        line = by_rule["day"].get(rule, {})
        drawn = timeline(line, period=period, bin="day", k=k, whole=whole["day"], marks=marks)
        if not drawn.is_full and period.days > 7:  # noqa: PLR2004  (a week has one bin)
            line = by_rule["week"].get(rule, {})
            drawn = timeline(line, period=period, bin="week", k=k, whole=whole["week"], marks=marks)
        posts = now.cells.get((rule,))
        if rule in ended and posts is None:
            continue
        spread = dispersion_of(list(line.values()), season=SEASON[drawn.bin], k=k)
        panels.append(
            Panel(
                rule=rule,
                title=document.title,
                category=document.category,
                special=document.special_category,
                posts=posts,
                share=share_of(posts, total),
                change=ratio_of(change(posts, before.cells.get((rule,)), dispersion=spread)),
                line=drawn,
                level=level_of(drawn),
                ended=ended.get(rule),
            )
        )
    panels.sort(key=_place)
    return Monitor(
        period=period,
        k=k,
        posts=total,
        change=ratio_of(change(total, total_before)),
        whole=everything,
        unusual=[panel.rule for panel in panels if panel.prominence > 1][:MOST_CARDS],
        panels=panels,
        marks=marks,
        active_rules=len(rules.keys() - ended.keys()),
    )


def _place(panel: Panel) -> tuple[bool, float, int, str]:
    """What stands out comes first, and what ended last."""
    return panel.ended is not None, -panel.prominence, -(panel.posts or 0), panel.rule


def _by_rule(counts: Counts) -> dict[str, dict[str, int | None]]:
    """The counts in time, rule by rule."""
    found: dict[str, dict[str, int | None]] = {}
    for (time, rule), posts in counts.cells.items():
        found.setdefault(rule, {})[time] = posts
    return found
