"""Counting with what suppression needs: posts, and distinct authors exactly up to k."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

from index.contract import Cell, Dimension, Table
from privacy.suppress import MOST_A_DAY

AT_FIRST = 64
"""Of so many posts the authors are looked at before those of all are counted: where an engine only
has to say whether enough people wrote something.
"""

Key = tuple[str, ...]
Author = tuple[int, int]
"""An author as counted: the key epoch, and a number that stands for the pseudonym."""


def author_of(pseudonym: str) -> Author:
    """The key epoch and the first 64 bits of a pseudonym `<epoch>-<hex digits>`."""
    epoch, _, digits = pseudonym.partition("-")
    return int(epoch), int(digits[:16], 16)


class Tally:
    """Counts per cell. Sets of authors stop growing when k are in them: more is not needed."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._posts: dict[Key, int] = defaultdict(int)
        self._record: dict[Key, int] = defaultdict(int)
        self._seen = Counter[tuple[Key, Hashable]]()
        self._authors: dict[Key, dict[int, set[int]]] = defaultdict(dict)

    def add(self, key: Key, posts: int, authors: Iterable[Author], *, record: int = 0) -> None:
        """`posts` more in cell `key`, by these authors; k of them an epoch are enough. `record`
        is the sum of the posts' record keys.
        """
        self._posts[key] += posts
        self._record[key] += record
        epochs = self._authors[key]
        for epoch, author in authors:
            known = epochs.setdefault(epoch, set())
            if len(known) < self._k:
                known.add(author)

    def add_one(self, key: Key, author: Author, *, record: int, day: Hashable) -> None:
        """A post more in cell `key`; it does not count when its author has enough of that `day`."""
        self._seen[key, day] += 1
        counts = self._seen[key, day] <= MOST_A_DAY
        self.add(key, int(counts), [author], record=record)

    def take_off(self, key: Key, posts: int) -> None:
        """So many posts of cell `key` do not count, because their authors have enough of a day."""
        self._posts[key] -= posts

    def cell(self, key: Key = ()) -> Cell:
        """The count of one cell; over several epochs the authors are those of the largest."""
        authors = max((len(known) for known in self._authors[key].values()), default=0)
        return Cell(self._posts[key], min(self._k, authors), self._record[key])

    def keys(self) -> Iterable[Key]:
        """The cells that there are."""
        return self._posts.keys()

    def merged(self, rename: Callable[[Key], Key | None]) -> "Tally":
        """The same counts in coarser cells: `rename` says where each one goes; None: nowhere."""
        result = Tally(self._k)
        for key, posts in self._posts.items():
            coarser = rename(key)
            if coarser is None:
                continue
            result.add(coarser, posts, (), record=self._record[key])
            epochs = result._authors[coarser]
            for epoch, known in self._authors[key].items():
                together = epochs.setdefault(epoch, set())
                if len(together) < self._k:
                    together |= known
        return result

    def blocks(self, least: int) -> Iterator[Key]:
        """The cells, in the order of their keys, at which so many authors are together since the
        last such cell.
        """
        some = Tally(least)
        for key in sorted(self._posts):
            for epoch, known in self._authors[key].items():
                some.add((), 0, ((epoch, author) for author in known))
            if some.cell().authors >= least:
                yield key
                some = Tally(least)

    def table(self, dimensions: Sequence[Dimension], total: Cell) -> Table:
        """All cells, in the order of their keys."""
        cells: Mapping[Key, Cell] = {key: self.cell(key) for key in sorted(self._posts)}
        return Table(dimensions=tuple(dimensions), cells=cells, total=total, k=self._k)
