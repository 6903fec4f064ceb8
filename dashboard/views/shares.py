"""What a set of posts consists of: bars for a dimension, and shares in time."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from dashboard.views.period import Period
from dashboard.views.timeline import bins_of, share_of
from index.contract import Bin, Dimension
from index.results import Counts
from index.values import MULTIPLE, UNKNOWN

TONES = ("negative", "neutral", "positive", UNKNOWN)
"""As they are stacked; `?` is where the model abstained."""

HIDDEN = "hidden"
"""What is too small to be shown by itself, in a stack."""


class Bar(BaseModel):
    """One value of a dimension."""

    value: str
    posts: int
    share: float | None = Field(description="Of the posts of the question.")


class Bars(BaseModel):
    """The largest values of a dimension. What is too small to be shown is left out, and what is
    withheld so that this cannot be worked out.
    """

    by: Dimension
    total: int | None
    k: int
    bars: list[Bar]
    rest: int | None = Field(
        description="About how many posts have a value that is not shown: a small one, or one that "
        "is withheld so that those cannot be worked out; null where a post can have several "
        "values, or where they are few."
    )


class Stack(BaseModel):
    """What there was in time, part by part; null where less than k, or none. `hidden` is what is
    too small to be told apart.
    """

    bin: Bin
    k: int
    names: list[str]
    times: list[str]
    values: dict[str, list[int | None]]

    @property
    def visible(self) -> bool:
        parts = [line for name, line in self.values.items() if name != HIDDEN]
        return any(value is not None for line in parts for value in line)

    @property
    def told(self) -> float:
        """What part of the posts is told apart."""
        posts = {name: sum(value or 0 for value in line) for name, line in self.values.items()}
        whole = sum(posts.values())
        return 1 - posts[HIDDEN] / whole if whole else 0.0


def bars_of(counts: Counts) -> Bars:
    """`counts` by one dimension, the largest first."""
    shown = [(key[0], posts) for key, posts in counts.cells.items() if posts is not None]
    total, by = counts.total, counts.dimensions[0]
    rest = None if total is None or by in MULTIPLE else total - sum(posts for _, posts in shown)
    return Bars(
        by=by,
        total=total,
        k=counts.k,
        rest=rest if rest is not None and rest >= counts.k else None,
        bars=[
            Bar(value=value, posts=posts, share=share_of(posts, total))
            for value, posts in sorted(shown, key=lambda item: (-item[1], item[0]))
        ],
    )


def stack_of(
    counts: Counts,
    *,
    names: Sequence[str],
    totals: Mapping[str, int | None],
    period: Period,
    bin: Bin,
) -> Stack:
    """`counts` by time and one dimension: `names`, and what of the `totals` in time is too small
    to be told apart, so that what is shown is not taken for all there was.
    """
    times = bins_of(period, bin)
    cells: Mapping[tuple[str, ...], int | None] = counts.cells
    values = {name: [cells.get((time, name)) for time in times] for name in names}
    rest: list[int | None] = []
    for place, time in enumerate(times):
        total = totals.get(time)
        known = sum(values[name][place] or 0 for name in names)
        few = total is None or total - known < counts.k  # or nothing but noise
        rest.append(None if total is None or few else total - known)
    return Stack(
        bin=bin,
        k=counts.k,
        names=[*names, HIDDEN],
        times=times,
        values=values | {HIDDEN: rest},
    )
