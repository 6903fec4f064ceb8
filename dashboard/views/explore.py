"""The page Explore: a question, its size in time, what it consists of, and its words."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from dashboard.views.period import Period
from dashboard.views.phenomenon import ShownTerm, terms
from dashboard.views.shares import Bars, bars_of
from dashboard.views.timeline import (
    HISTORY_DAYS,
    Marks,
    Timeline,
    bins_of,
    by_time,
    finest,
    share_of,
    timeline,
)  # fmt: skip
from index.answers import Answers
from index.contract import Bin, Dimension
from index.results import Counts
from rules.errors import QueryError
from rules.lexer import lex

Tab = Literal["context", "texts", "terms", "table", "compare"]
FACETS: tuple[Dimension, ...] = ("language", "sentiment", "source", "rule", "kind", "place")
FIELDS: Mapping[Dimension, str] = {
    "language": "lang",
    "sentiment": "sentiment",
    "source": "source",
    "rule": "rule",
    "kind": "kind",
}
"""The facets that filter, and the field of the rule language that each of them is."""

MOST_BARS = 15
LONG_DAYS = 120
"""A longer period is drawn by week."""


class Asked(BaseModel):
    """A question as an address has it: words, filters and a period."""

    words: str = Field(description="A query in the rule language; empty: all posts.")
    filters: dict[Dimension, list[str]]
    period: Period

    @property
    def query(self) -> str:
        """Words and filters as one query, which can be asked anywhere: no words can reach out of
        the brackets that they are put in, past the filters.
        """
        words = self.words.strip()
        filters = [
            f"{FIELDS[by]}:{','.join(values)}" for by, values in self.filters.items() if values
        ]
        if not words or not filters:
            return words or " ".join(filters)
        if not _is_closed(words):
            return words  # no query by themselves: whoever reads them says what is wrong
        end = "\n" if "--" in words else ""  # a comment goes on to the end of its line
        return " ".join([f"({words}{end})", *filters])

    def without(self, by: Dimension) -> "Asked":
        """The same question with no filter by `by`: what else could be chosen there."""
        filters = {name: values for name, values in self.filters.items() if name != by}
        return self.model_copy(update={"filters": filters})


class Explore(BaseModel):
    """What the page shows at once; the tabs are asked for apart."""

    asked: Asked
    posts: int | None
    everything: int | None = Field(description="All posts of the period.")
    share: float | None
    k: int
    line: Timeline
    facets: list[Bars] = Field(description="What the answer consists of.")
    choices: list[Bars] = Field(
        description="The same, but a facet that filters counts as if it did not: what else a "
        "reader may choose there."
    )


class Compared(BaseModel):
    """Two questions beside each other, over the same time."""

    first: Timeline
    second: Timeline
    posts: tuple[int | None, int | None]
    by: list[tuple[Bars, Bars]]


def _is_closed(words: str) -> bool:
    """Whether each bracket in `words` belongs to one in them."""
    depth = 0
    for lexeme in lex(words):
        depth += (lexeme.kind == "open") - (lexeme.kind == "close")
        if depth < 0:
            return False
    return depth == 0


def explore(answers: Answers, asked: Asked, *, marks: Marks) -> Explore:
    """The answer to `asked`: its counts, and what it could be filtered by."""
    period = asked.period
    line = _line(answers, asked, marks=marks)
    facets = answers.facets(asked.query, by=FACETS, limit=MOST_BARS, **period.asked)
    total = facets.count.posts
    everything = answers.count("", **period.asked).posts
    return Explore(
        asked=asked,
        posts=total,
        everything=everything,
        share=share_of(total, everything),
        k=line.k,
        line=line,
        facets=[bars_of(counts) for counts in facets.by.values()],
        choices=[
            bars_of(_choices(answers, asked, by, own=own) if asked.filters.get(by) else own)
            for by, own in facets.by.items()
        ],
    )


def _choices(answers: Answers, asked: Asked, by: Dimension, *, own: Counts) -> Counts:
    """What else could be chosen by `by`: its `own` counts where the rest is no query."""
    try:
        wider = asked.without(by).query
        return answers.facets(wider, by=(by,), limit=MOST_BARS, **asked.period.asked).by[by]
    except QueryError:  # the words alone only say what is not wanted
        return own


def compare(answers: Answers, first: Asked, second: Asked, *, marks: Marks) -> Compared:
    """`first` beside `second`: two queries, or one in two periods."""
    lines = [_line(answers, each, marks=marks) for each in (first, second)]
    if lines[0].bin != lines[1].bin:
        has_weeks = all(bins_of(asked.period, "week") for asked in (first, second))
        common: Bin = "week" if has_weeks else "day"
        lines = [
            line if line.bin == common else _line(answers, asked, marks=marks, bins=(common,))
            for asked, line in zip((first, second), lines, strict=True)
        ]
    both = [
        answers.facets(each.query, by=("language", "sentiment"), limit=8, **each.period.asked)
        for each in (first, second)
    ]
    return Compared(
        first=lines[0],
        second=lines[1],
        posts=(both[0].count.posts, both[1].count.posts),
        by=[(bars_of(both[0].by[each]), bars_of(both[1].by[each])) for each in both[0].by],
    )


def typical(answers: Answers, asked: Asked) -> list[ShownTerm]:
    """Words that stand out in the answer against the rest of the period."""
    return terms(answers, asked.query, period=asked.period, limit=40)


def _line(
    answers: Answers, asked: Asked, *, marks: Marks, bins: Sequence[Bin] = ("day", "week")
) -> Timeline:
    """The line in the finest of `bins` in which most of it can be shown."""
    period = asked.period
    long = period.earlier(HISTORY_DAYS)
    chosen, counts = finest(
        period,
        bins if period.days <= LONG_DAYS else ("week",),
        lambda each: answers.over_time(asked.query, bin=each, **long.asked),
    )
    return timeline(by_time(counts), period=period, bin=chosen, k=counts.k, marks=marks)
