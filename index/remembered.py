"""A store that remembers its answers until there is something new to see.

Many people look at the same pages, and an answer changes only when the store is reloaded. The
first who asks waits; who asks the same meanwhile waits for that answer and does not ask again.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from index.contract import (
    Asked,
    Bin,
    Cell,
    Dimension,
    Hit,
    Question,
    Table,
    Term,
)
from index.once import Once

MOST = 2_000
"""So many answers are remembered; the ones not asked for longest go first."""


class Remembered:
    """Counts of `store` are asked once between two reloads; texts are drawn anew each time.

    Safe to share between threads when the store's questions are.
    """

    def __init__(self, store: Asked, *, most: int = MOST) -> None:
        self._store = store
        self._once = Once(most=most)

    def reload(self) -> bool:
        """See what is new, and forget what was answered before it; False when nothing is new."""
        newer = self._store.reload()
        if newer:
            self._once.forget()
        return newer

    def count(self, question: Question) -> Cell:
        return self._once(("count", question), lambda: self._store.count(question))

    def count_over_time(
        self, question: Question, *, bin: Bin = "day", by: Dimension | None = None
    ) -> Table:
        return self._once(
            ("over_time", question, bin, by),
            lambda: self._store.count_over_time(question, bin=bin, by=by),
        )

    def top(self, question: Question, *, by: Dimension, limit: int = 50) -> Table:
        return self._once(
            ("top", question, by, limit), lambda: self._store.top(question, by=by, limit=limit)
        )

    def compare(self, first: Question, second: Question, *, by: Dimension) -> tuple[Table, Table]:
        return self._once(
            ("compare", first, second, by), lambda: self._store.compare(first, second, by=by)
        )

    def terms(
        self, question: Question, *, against: Question, least: int, pairs: bool = False
    ) -> Sequence[Term]:
        return self._once(
            ("terms", question, against, least, pairs),
            lambda: self._store.terms(question, against=against, least=least, pairs=pairs),
        )

    def differ(self, first: Question, second: Question, *, least: int) -> bool:
        return self._once(
            ("differ", first, second, least),
            lambda: self._store.differ(first, second, least=least),
        )

    def blocks(self, question: Question, *, least: int) -> Sequence[date]:
        return self._once(
            ("blocks", question, least), lambda: self._store.blocks(question, least=least)
        )

    def words(self, prefix: str, *, limit: int, least: int, until: int) -> Mapping[str, int]:
        return self._once(
            ("words", prefix, limit, least, until),
            lambda: self._store.words(prefix, limit=limit, least=least, until=until),
        )

    def sample(self, question: Question, *, limit: int, seed: int) -> Sequence[Hit]:
        return self._store.sample(question, limit=limit, seed=seed)

    def search(self, question: Question, *, limit: int, before: int | None = None) -> Sequence[Hit]:
        return self._store.search(question, limit=limit, before=before)
