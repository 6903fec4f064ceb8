"""A store that remembers its answers until there is something new to see.

Many people look at the same pages, and an answer changes only when the store is reloaded. The
first who asks waits; who asks the same meanwhile waits for that answer and does not ask again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from datetime import date
from typing import Any, TypeVar, cast

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

MOST = 2_000
"""So many answers are remembered; the ones not asked for longest go first."""

T = TypeVar("T")


class Remembered:
    """Counts of `store` are asked once between two reloads; texts are drawn anew each time.

    Safe to share between threads when the store's questions are.
    """

    def __init__(self, store: Asked, *, most: int = MOST) -> None:
        self._store = store
        self._most = most
        self._answers: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def reload(self) -> bool:
        """See what is new, and forget what was answered before it; False when nothing is new."""
        newer = self._store.reload()
        if newer:
            with self._lock:
                self._answers.clear()
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

    def typical_terms(
        self, question: Question, *, against: Question, limit: int = 50
    ) -> Sequence[Term]:
        return self._once(
            ("typical_terms", question, against, limit),
            lambda: self._store.typical_terms(question, against=against, limit=limit),
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

    def _once(self, key: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            known = self._answers.get(key)
            if known is None:
                mine: Future[T] = Future()
                self._answers[key] = mine
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
            else:
                self._answers.move_to_end(key)
        if known is not None:
            return cast("T", known.result())
        try:
            mine.set_result(ask())
        except BaseException as error:  # noqa: BLE001  (it is raised again for all who wait)
            with self._lock:
                if self._answers.get(key) is mine:
                    del self._answers[key]
            mine.set_exception(error)
        return mine.result()
