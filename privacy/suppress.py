"""The first form of suppression: small counts are not shown, nor what would give them away.

Held against: reading one table, with its total, and everything that follows from it by
subtraction. Not held against yet: differences between several overlapping queries; the noise
for those comes with the dashboard. docs/privacy.md states the attacker.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

K = 10
"""Below so many distinct authors, or posts, a cell is hidden. Zero is hidden in the same way."""

SPECIAL_K = 25
"""The threshold of rules on special categories of personal data (GDPR, article 9)."""

BANDS = (25, 100)
"""Above k, kept counts tell how many authors there were only by the band that they fall in."""

Key = tuple[str, ...]


class Size(NamedTuple):
    """A cell before suppression; `authors` counts distinct ones, exact at least up to k."""

    posts: int
    authors: int


class Thresholds(NamedTuple):
    """Below how many authors, or posts, what is hidden; `special` says of a rule's id whether it
    is on a special category of personal data.
    """

    k: int
    special: Callable[[str], bool]

    def of_rule(self, rule: str) -> int:
        """The threshold of a count of this rule's posts."""
        return max(self.k, SPECIAL_K) if self.special(rule) else self.k


class Shown(NamedTuple):
    """A table that may be shown: None stands for "less than k, or withheld to protect one"."""

    cells: Mapping[Key, int | None]
    total: int | None
    hidden: int


def shown(size: Size, *, k: int = K) -> int | None:
    """The count, or None when fewer than `k` authors or posts stand behind it."""
    return size.posts if size.posts >= k and size.authors >= k else None


def band(authors: int, *, k: int = K) -> int:
    """The lower bound of the band that this number of authors, at least `k`, falls in."""
    return max(each for each in (k, *BANDS) if each <= max(authors, k))


def text(value: int | None, *, k: int = K) -> str:
    """How a count is written; zero and a small count look the same."""
    return f"<{k}" if value is None else str(value)


def suppress(
    cells: Mapping[Key, Size],
    total: Size,
    *,
    additive: bool,
    k: int = K,
    k_of: Callable[[Key], int] | None = None,
) -> Shown:
    """What of a table by one dimension may be shown. `k_of` gives cells a higher threshold.

    `additive` says that every post counts in exactly one cell, so that the cells and the total
    give away what is hidden between them. Then either nothing is hidden, or at least two cells
    are whose sum is k or more; the smallest shown cell is withheld as well until that is so.
    """
    values = {
        key: shown(size, k=k if k_of is None else max(k, k_of(key))) for key, size in cells.items()
    }
    whole = shown(total, k=k)
    if whole is None:
        return Shown(dict.fromkeys(cells), None, len(cells))
    if additive:
        _protect(cells, values, total, k=k)
    return Shown(values, whole, sum(value is None for value in values.values()))


def _protect(
    cells: Mapping[Key, Size], values: dict[Key, int | None], total: Size, *, k: int
) -> None:
    """Withhold more cells until the hidden rest of the total tells nothing about one of them."""
    while True:
        hidden = [key for key, value in values.items() if value is None]
        rest = total.posts - sum(value for value in values.values() if value is not None)
        if not hidden or (len(hidden) > 1 and rest >= k):
            return
        showing = [key for key, value in values.items() if value is not None]
        if not showing:
            return
        values[min(showing, key=lambda key: (cells[key].posts, key))] = None


Bin = TypeVar("Bin", bound=str)
Table = TypeVar("Table")


def coarsest_needed(
    bins: Sequence[Bin], ask: Callable[[Bin], Table], cells_of: Callable[[Table], Sequence[Size]],
    *, k: int = K, share: float = 0.8,
) -> tuple[Bin, Table]:  # fmt: skip
    """The finest bin in which most of what happened can be shown, and its table.

    `bins` go from fine to coarse. A bin will do when at least `share` of the posts lie in cells
    that may be shown; when none will, the coarsest is used and what is small in it is hidden.
    """
    *finer, coarsest = bins
    for name in finer:
        table = ask(name)
        sizes = cells_of(table)
        posts = sum(size.posts for size in sizes)
        visible = sum(shown(size, k=k) or 0 for size in sizes)
        if posts and visible >= share * posts:
            return name, table
    return coarsest, ask(coarsest)


def may_show_texts(size: Size, *, k: int = K) -> bool:
    """Texts are shown only of a question that at least k authors answer."""
    return shown(size, k=k) is not None
