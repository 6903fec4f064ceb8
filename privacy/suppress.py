"""Suppression: small counts are not shown, nor what would give them away.

Three things together: a cell of fewer than k authors or posts is hidden; in a table whose cells
add up nothing is hidden alone; and what is shown has noise (`privacy.noise`). What a question is
before it is counted, `index.simplest` decides. docs/privacy.md states the attacker, what holds
against him, and what was measured.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

K = 10
"""Below so many distinct authors, or posts, a cell is hidden. Zero is hidden in the same way."""

SPECIAL_K = 25
"""The threshold of rules on special categories of personal data (GDPR, article 9)."""

MOST_A_DAY = 3
"""So many posts of one author on one local day are counted in a cell; more of them are not. Of
posts that go at different times each kind has its own three.
"""

BANDS = (25, 100)
"""Above k, kept counts tell how many authors there were only by the band that they fall in."""

Key = tuple[str, ...]


class Size(NamedTuple):
    """A cell before suppression; `authors` counts distinct ones, exact at least up to k, and
    `record` is the sum of its posts' record keys.
    """

    posts: int
    authors: int
    record: int = 0


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


def shown(size: Size, *, k: int = K, noise: int = 0) -> int | None:
    """The count with `noise`, or None when fewer than `k` authors or posts stand behind it or
    seem to: so the edge of what is shown is not exactly at k posts.
    """
    if size.posts < k or size.authors < k:
        return None
    posts = size.posts + noise
    return posts if posts >= k else None


def band(authors: int, *, k: int = K) -> int:
    """The lower bound of the band that this number of authors, at least `k`, falls in."""
    return max(each for each in (k, *BANDS) if each <= max(authors, k))


def about(posts: int) -> int:
    """The order of a number of posts, at least 1: the largest of 1, 2, 5, 10, 20, 50 and so on
    that it reaches. So nobody sees that there is one more.
    """
    step: int = 10 ** (len(str(posts)) - 1)
    return max(each for each in (step, 2 * step, 5 * step) if each <= posts)


def text(value: int | None, *, k: int = K) -> str:
    """How a count is written; zero and a small count look the same."""
    return f"<{k}" if value is None else str(value)


def suppress(
    cells: Mapping[Key, Size],
    total: Size,
    *,
    additive: Sequence[bool],
    k: int = K,
    k_of: Callable[[Key], int] | None = None,
    noise: Callable[[Key, Size], int] = lambda _key, _size: 0,
) -> Shown:
    """What of a table may be shown. `k_of` gives cells a higher threshold; `noise` is that of a
    cell, of the total when its key is empty.

    `additive` says of each dimension that a post has one value of it: cells along it add up to a
    sum that can be known, which gives away what is hidden between them. So of the cells of one
    sum either none is hidden, or at least two are that together have k authors and posts, with
    the highest threshold of the sum's cells; shown cells are withheld as well until that is so.
    """

    def least(key: Key) -> int:
        return k if k_of is None else max(k, k_of(key))

    whole = shown(total, k=k, noise=noise((), total))
    if whole is None:
        return Shown(dict.fromkeys(cells), None, len(cells))
    values = {key: shown(size, k=least(key), noise=noise(key, size)) for key, size in cells.items()}
    sums = [_Sum(keys, k=max(map(least, keys))) for keys in _sums(cells, additive)]
    _protect(cells, values, sums)
    return Shown(values, whole, sum(value is None for value in values.values()))


@dataclass
class _Sum:
    """The cells of a sum that can be known, and what is hidden of them.

    How many authors the hidden cells have together is not known: at least as many as the one of
    them with most, and no more are counted on.
    """

    keys: Sequence[Key]
    k: int
    hidden: int = 0
    some: int = 0
    posts: int = 0
    authors: int = 0

    def hide(self, size: Size) -> None:
        """A cell more of it is hidden."""
        self.hidden += 1
        # A cell that holds nothing protects none: that it is empty may be known.
        self.some += size.posts > 0
        self.posts += size.posts
        self.authors = max(self.authors, size.authors)

    @property
    def safe(self) -> bool:
        """Whether the sum less what is shown tells of no few people."""
        enough = self.some > 1 and min(self.posts, self.authors) >= self.k
        return enough or not self.some or self.hidden == len(self.keys)


def _protect(
    cells: Mapping[Key, Size], values: dict[Key, int | None], sums: Sequence[_Sum]
) -> None:
    """Withhold more cells until every sum is safe, and no more than needed as far as one sees cell
    by cell: first of the sum that has least choice.
    """
    sums_of: dict[Key, list[_Sum]] = defaultdict(list)
    for each in sums:
        for key in each.keys:
            sums_of[key].append(each)
            if values[key] is None:
                each.hide(cells[key])

    def order(key: Key) -> tuple[int, int, Key]:
        # Best in sums that need it, worst in those that would need another cell because of it.
        waste = sum(each.safe + (not each.some) for each in sums_of[key])
        return waste, cells[key].posts, key

    while unsafe := [each for each in sums if not each.safe]:
        tightest = min(unsafe, key=lambda each: len(each.keys) - each.hidden)
        withheld = min((key for key in tightest.keys if values[key] is not None), key=order)
        values[withheld] = None
        for each in sums_of[withheld]:
            each.hide(cells[withheld])


def _sums(cells: Mapping[Key, Size], additive: Sequence[bool]) -> Sequence[Sequence[Key]]:
    """The cells of each sum that can be known: all of them, a row, a column."""
    groups: dict[tuple[str | None, ...], list[Key]] = defaultdict(list)
    places = range(len(additive))
    for along in (places, *((place,) for place in places if len(places) > 1)):
        if all(additive[place] for place in along):
            for key in cells:
                fixed = (None if place in along else value for place, value in enumerate(key))
                groups[tuple(fixed)].append(key)
    return list(groups.values())


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
