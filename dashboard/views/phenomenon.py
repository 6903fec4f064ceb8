"""The page of one phenomenon: how large, since when, in which tone, in which words."""

from datetime import date

from pydantic import BaseModel, Field

from dashboard.views.change import Level, Ratio, level_of, ratio_of
from dashboard.views.period import Period
from dashboard.views.precision import Precision
from dashboard.views.shares import TONES, Bars, Stack, bars_of, stack_of
from dashboard.views.timeline import (
    HISTORY_DAYS,
    LEAD_DAYS,
    SEASON,
    Marks,
    Timeline,
    bins_of,
    by_time,
    finest,
    share_of,
    timeline,
)  # fmt: skip
from index.answers import BINS, Answers
from index.contract import Bin, Dimension
from index.normal import change, dispersion_of
from index.results import Counts, TypicalTerm
from rules.documents import RuleDocument

PARTS: tuple[Dimension, ...] = ("language", "source", "place", "hashtag")
MOST_BARS = 12
MOST_TOLD = 0.5
"""Tones are drawn in bins in which at least this part of the posts is told apart."""


class About(BaseModel):
    """What a rule says of itself."""

    rule: str
    title: str
    purpose: str
    category: str
    owner: str
    expires: date
    special: bool
    ground: str = Field(description="Of a special category: the ground of GDPR, article 9.")
    query: str


class OtherPhenomenon(BaseModel):
    """Another phenomenon on the same axis."""

    rule: str
    title: str
    posts: int | None
    line: Timeline


class Phenomenon(BaseModel):
    """All that the page shows at once; terms and texts are asked for apart."""

    about: About
    ended: date | None = Field(description="When it stopped counting; null: it counts.")
    period: Period
    k: int
    posts: int | None
    precision: Precision | None = Field(
        default=None, description="Of the version that counts; null: nobody judged it yet."
    )
    share: float | None
    change: Ratio | None
    level: Level
    line: Timeline
    tones: Stack
    parts: list[Bars]
    compared: OtherPhenomenon | None
    marks: Marks


class ShownTerm(BaseModel):
    """A word that stands out in the posts against the rest of the period."""

    word: str
    posts: int
    score: float = Field(description="A z-score: how far it stands out.")


def about(rule: RuleDocument) -> About:
    """What `rule` says of itself."""
    return About(
        rule=rule.id,
        title=rule.title,
        purpose=rule.purpose,
        category=rule.category,
        owner=rule.owner,
        expires=rule.expires,
        special=rule.special_category,
        ground=rule.ground,
        query=rule.query.strip(),
    )


def phenomenon(
    answers: Answers,
    rule: RuleDocument,
    *,
    period: Period,
    marks: Marks,
    with_: RuleDocument | None = None,
    ended: date | None = None,
) -> Phenomenon:
    """The page of `rule`, which `ended` or counts; beside `with_` when it is given."""
    query = f"rule:{rule.id}"
    counts, line = _line(answers, query, period=period, marks=marks)
    bin_ = line.bin
    facets = answers.facets(query, by=PARTS, limit=MOST_BARS, **period.asked)
    now, before = (answers.count(query, **each.asked).posts for each in (period, period.before))
    everything = answers.count("", **period.asked).posts
    values = list(counts.cells.values())
    spread = dispersion_of(values, season=SEASON[bin_], k=counts.k)
    compared = None
    if with_ is not None:
        _, other = _line(answers, f"rule:{with_.id}", period=period, marks=marks, bin=bin_)
        posts = answers.count(f"rule:{with_.id}", **period.asked).posts
        compared = OtherPhenomenon(rule=with_.id, title=with_.title, posts=posts, line=other)
    return Phenomenon(
        about=about(rule),
        ended=ended,
        period=period,
        k=counts.k,
        posts=now,
        share=share_of(now, everything),
        change=ratio_of(change(now, before, dispersion=spread)),
        level=level_of(line),
        line=line,
        tones=_tones(answers, query, line, period=period),
        parts=[bars_of(each) for each in facets.by.values()],
        compared=compared,
        marks=marks,
    )


def _tones(answers: Answers, query: str, line: Timeline, *, period: Period) -> Stack:
    """The tones in the finest bin, from that of `line` on, in which most posts are told apart; else
    in that in which the most are.
    """
    lead = period.earlier(LEAD_DAYS).asked
    found: list[Stack] = []
    for each in BINS[BINS.index(line.bin) :]:
        counts = by_time(answers.over_time(query, bin=each, **lead))
        stack = stack_of(
            answers.over_time(query, bin=each, by="sentiment", **lead),
            names=TONES,
            totals=counts,
            period=period,
            bin=each,
        )
        found.append(stack)
        if stack.told >= MOST_TOLD:
            return stack
    return max(found, key=lambda stack: stack.told)


def terms(answers: Answers, query: str, *, period: Period, limit: int = 20) -> list[ShownTerm]:
    """Typical words; a question of its own, because many posts are read for it."""
    found: list[TypicalTerm] = list(answers.typical_terms(query, limit=limit, **period.asked))
    return [
        ShownTerm(word=each.word, posts=each.posts, score=round(each.score, 2)) for each in found
    ]


def _line(
    answers: Answers,
    query: str,
    *,
    period: Period,
    marks: Marks,
    bin: Bin | None = None,
) -> tuple[Counts, Timeline]:
    """The line of `query`, in `bin` or in the finest one in which most of it can be shown."""
    long = period.earlier(HISTORY_DAYS)
    chosen, counts = finest(
        period,
        (bin,) if bin else BINS,
        lambda each: answers.over_time(query, bin=each, **long.asked),
    )
    values = by_time(counts)
    versions = answers.over_time(query, bin=chosen, by="rule_version", **long.asked)
    drawn = timeline(
        values,
        period=period,
        bin=chosen,
        k=counts.k,
        whole=by_time(answers.over_time("", bin=chosen, **long.asked)),
        before=[values.get(name) for name in bins_of(period.before, chosen)],
        changes=_changes(versions, query.removeprefix("rule:")),
        marks=marks,
    )
    return counts, drawn


def _changes(versions: Counts, rule: str) -> dict[str, str]:
    """The bins in which a version of `rule` is seen for the first time, but for the first one."""
    began: dict[str, str] = {}
    for (time, version), posts in sorted(versions.cells.items()):
        if posts is not None and version.partition("@")[0] == rule:
            began.setdefault(version, time)
    first = min(began.values(), default="")
    return {time: version for version, time in began.items() if time != first}
