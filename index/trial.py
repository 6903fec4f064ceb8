"""What a backtest says: suppressed, with nothing in it that names a person or a post."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from index.contract import Dimension
from index.results import Counts, TypicalTerm

if TYPE_CHECKING:
    import pandas as pd

Period = Literal["recent", "kept"]

BIASED = (
    "what is older is still here only where another rule matched it, or where its source keeps "
    "everything: what only this rule would have matched is gone, so these numbers are too low, and "
    "shares and overlap lean towards the rules that there were"
)
"""Why the part `kept` is no fair sample."""


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Posts that another rule matched too, and all of that rule's; None: fewer than k, or none."""

    rule: str
    both: int
    of_rule: int | None

    @property
    def covered(self) -> float | None:
        """The share of the other rule's posts that this one matches too."""
        return share(self.both, self.of_rule)


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What a branch of the query, or an entry of the keyword list `of`, brought in: the posts that
    it finds, and those that nothing else in the query finds, which would be lost without it. None:
    fewer than k, or none.
    """

    text: str
    of: str
    posts: int | None
    only: int | None


class TakenOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a NOT or EXCLUDE kept out; None: fewer than k, or none."""

    text: str
    posts: int | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The difference to what is active: `before` posts, of which `lost` would go, and `gained` new
    ones. None: fewer than k, or none.
    """

    against: str
    before: int | None
    gained: int | None
    lost: int | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of two parts of what is there: `recent` is everything of the last two to three days,
    `kept` what was kept of the older and recent posts.

    `everything` are all posts in the days of `posts`; `branches_left_out` says how many branches
    and entries were not looked at.
    """

    period: Period
    posts: int | None
    everything: int | None
    k: int
    days: Counts
    by: Mapping[Dimension, Counts]
    overlap: tuple[Overlap, ...] = ()
    change: Change | None = None
    earned: tuple[Earned, ...] = ()
    taken_out: tuple[TakenOut, ...] = ()
    branches_left_out: int = 0

    @property
    def share(self) -> float | None:
        """The share of all posts; None where it may not be shown."""
        return share(self.posts, self.everything)

    def share_of(self, posts: int) -> float | None:
        """What share of the posts of this part these are; None where it may not be shown."""
        return share(posts, self.posts)

    @property
    def bias(self) -> str:
        """Why this part is no fair sample; empty where it is."""
        return BIASED if self.period == "kept" else ""

    def told(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "period": self.period,
            "bias": self.bias,
            "posts": self.posts,
            "everything": self.everything,
            "share": self.share,
            "k": self.k,
            "days": self.days.rows(),
            "by": {name: counts.rows() for name, counts in self.by.items()},
            "overlap": [
                {**msgspec.to_builtins(each), "covered": each.covered} for each in self.overlap
            ],
            "change": msgspec.to_builtins(self.change),
            "earned": msgspec.to_builtins(self.earned),
            "taken_out": msgspec.to_builtins(self.taken_out),
            "branches_left_out": self.branches_left_out,
        }


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What a query would have caught, in both parts."""

    query: str
    recent: Part
    kept: Part

    @property
    def parts(self) -> tuple[Part, Part]:
        return self.recent, self.kept

    def told(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {"query": self.query, "parts": [part.told() for part in self.parts]}

    def rows(self) -> list[dict[str, Any]]:
        """One row a count: the part, what it is counted by, the value, the posts."""
        return [
            {"period": part.period, "by": name, "value": key[0], "posts": posts}
            for part in self.parts
            for name, counts in (("day", part.days), *part.by.items())
            for key, posts in counts.cells.items()
        ]

    def to_pandas(self) -> "pd.DataFrame":
        import pandas as pd  # noqa: PLC0415  (half a second that most commands never need)

        return pd.DataFrame(self.rows(), columns=["period", "by", "value", "posts"])


class Suggestions(msgspec.Struct, frozen=True, kw_only=True):
    """Words that stand out in what a query finds and that it does not look for, for its author to
    choose from; two words stand beside each other.
    """

    period: Period
    terms: tuple[TypicalTerm, ...]
    k: int

    @property
    def bias(self) -> str:
        """Why they are not those of everything; empty where they are."""
        return BIASED if self.period == "kept" else ""

    def rows(self) -> list[dict[str, Any]]:
        """One row a word: how far it stands out, and in how many posts of the query it is."""
        return [msgspec.to_builtins(each) for each in self.terms]


def share(some: int | None, whole: int | None) -> float | None:
    """A share of two numbers that are shown, at most 1; None where one is not."""
    if some is None or not whole:
        return None
    return min(1.0, some / whole)
