"""What a reader gets: suppressed, with nothing in it that names a person or a post."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from index.contract import Dimension

if TYPE_CHECKING:
    import pandas as pd


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many posts; None is "less than k, or none"."""

    posts: int | None
    k: int

    def rows(self) -> list[dict[str, Any]]:
        """One row."""
        return [{"posts": self.posts}]

    def to_pandas(self) -> "pd.DataFrame":
        return _frame(self.rows(), columns=["posts"])


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by a dimension, which for time says how coarse it is. In time every bin is there;
    elsewhere what is too small is left out, so that nobody sees which small values exist.
    """

    dimensions: tuple[Dimension, ...]
    cells: Mapping[tuple[str, ...], int | None]
    total: int | None
    k: int

    def rows(self) -> list[dict[str, Any]]:
        """One row a cell, `posts` None where it may not be shown."""
        return [
            {**dict(zip(self.dimensions, key, strict=True)), "posts": posts}
            for key, posts in self.cells.items()
        ]

    def to_pandas(self) -> "pd.DataFrame":
        return _frame(self.rows(), columns=[*self.dimensions, "posts"])


Labelled = Literal["language", "topic", "sentiment"]
"""What models say of a text."""


class ShownLabel(msgspec.Struct, frozen=True, kw_only=True):
    """What a model said of a text, how sure it was (0..1), and which model that was. Without a
    value it was not sure enough, or did not look.
    """

    of: Labelled
    value: str | None
    confidence: float
    model: str
    version: str


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """A text drawn at random: its keyword in context (the whole text where a reason was given),
    its day and labels, never who or exactly when.
    """

    row: int
    day: str
    language: str
    source: str
    left: str
    keyword: str
    right: str
    labels: tuple[ShownLabel, ...]


IN_ROWS = [name for name in Excerpt.__struct_fields__ if name != "labels"]
"""What a row of a table has of an excerpt."""


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Excerpts of a question's texts; none when fewer than k authors stand behind it."""

    excerpts: tuple[Excerpt, ...]
    posts: int | None
    k: int

    def rows(self) -> list[dict[str, Any]]:
        """One row an excerpt, without its labels."""
        return [{name: getattr(each, name) for name in IN_ROWS} for each in self.excerpts]

    def to_pandas(self) -> "pd.DataFrame":
        return _frame(self.rows(), columns=IN_ROWS)


class TypicalTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A word that at least k authors used, and how typical it is."""

    word: str
    posts: int
    score: float


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A word that at least k authors used, for whoever types a query; `posts` tells only of what
    order their number is (`privacy.suppress.about`).
    """

    word: str
    posts: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """One question counted as a whole and by several dimensions."""

    count: Count
    by: Mapping[Dimension, Counts]

    def rows(self) -> list[dict[str, Any]]:
        """One row a cell: the dimension, its value, the posts."""
        return [
            {"dimension": name, "value": key[0], "posts": posts}
            for name, counts in self.by.items()
            for key, posts in counts.cells.items()
        ]

    def to_pandas(self) -> "pd.DataFrame":
        return _frame(self.rows(), columns=["dimension", "value", "posts"])


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two questions side by side over the values of one dimension."""

    first: Counts
    second: Counts

    def rows(self) -> list[dict[str, Any]]:
        """One row a value that is shown of either; None where it may not be shown, or is none."""
        (dimension,) = self.first.dimensions
        return [
            {
                dimension: key[0],
                "first": self.first.cells.get(key),
                "second": self.second.cells.get(key),
            }
            for key in dict.fromkeys([*self.first.cells, *self.second.cells])
        ]

    def to_pandas(self) -> "pd.DataFrame":
        return _frame(self.rows(), columns=[*self.first.dimensions, "first", "second"])


def _frame(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415  (half a second that most commands never need)

    return pd.DataFrame(list(rows), columns=list(columns))
