"""Counts of one question by time and by value, coarsened and suppressed."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from index.contract import Asked, Bin, Cell, Dimension, Question, TooBroad
from index.disclosure import RULES, Disclosure, size_of, visible
from index.results import Counts
from index.simplest import axis
from index.values import bins_between
from privacy.suppress import coarsest_needed, shown

BINS: tuple[Bin, ...] = ("day", "week", "month")
MAX_BINS = 10_000
MAX_VALUES = 50_000

Key = tuple[str, ...]


class Asking(NamedTuple):
    """The period that was asked for, in Unix milliseconds, and the local day that is not over."""

    since: int | None
    until: int | None
    today: date


class Breakdowns:
    """The tables of a question that was settled, of which k people at least answer each cell."""

    def __init__(self, store: Asked, disclosure: Disclosure, *, timezone: str) -> None:
        self._store = store
        self._disclosure = disclosure
        self._timezone = timezone

    def over_time(
        self,
        question: Question,
        asking: Asking,
        *,
        k: int,
        bins: Sequence[Bin] = BINS,
        by: Dimension | None = None,
    ) -> Counts:
        """Counts per bin, every bin of the time in which anything at all may be shown: by the
        finest of `bins` in which most of it can be shown. With `by` also per value of that.
        """
        name, table = coarsest_needed(
            bins,
            lambda each: self._store.count_over_time(question, bin=each, by=by),
            lambda each: [size_of(cell) for cell in each.cells.values()],
            k=k,
        )
        names = bins_between([*self._axis(question, name, asking), *visible(table, k=k)], name)
        if len(names) > MAX_BINS:
            raise TooBroad(f"{len(names)} bins by {name} are too many: narrow the period")
        keys: list[Key] = [(each,) for each in names]
        if by is not None:
            k_of = self._disclosure.k_of_rule if by in RULES else lambda _key: k
            values = sorted(
                {
                    key[1]
                    for key, cell in table.cells.items()
                    if shown(size_of(cell), k=max(k, k_of(key))) is not None
                }
            )
            keys = [(each, value) for each in names for value in values]
        cells: dict[Key, Cell] = {key: Cell(0, 0) for key in keys}
        cells |= table.cells
        result = self._disclosure.counts(question, table, cells, k=k, keep_hidden=True)
        return msgspec.structs.replace(result, cells={key: result.cells[key] for key in keys})

    def top(self, question: Question, by: Dimension, limit: int, *, k: int) -> Counts:
        """The largest counts per value of `by`."""
        # All values first: what is cut off would otherwise seem to be what is hidden.
        table = self._store.top(question, by=by, limit=MAX_VALUES)
        result = self._disclosure.counts(question, table, table.cells, k=k, keep_hidden=False)
        largest = sorted(result.cells.items(), key=lambda item: (-(item[1] or 0), item[0]))
        return Counts(
            dimensions=result.dimensions, cells=dict(largest[:limit]), total=result.total, k=k
        )

    def _axis(self, question: Question, name: Bin, asking: Asking) -> Sequence[str]:
        """The first and the last bin of a table by time. All posts decide: where a question's own
        bins begin and end would tell that something small is there.
        """
        everywhere = question.scope if question.seen_since is not None else "kept"
        whole = Question(scope=everywhere, seen_since=question.seen_since)
        days = self._store.blocks(whole, least=self._disclosure.thresholds.k)
        asked = msgspec.structs.replace(whole, since=asking.since, until=asking.until)
        return axis(asked, days, name, today=asking.today, timezone=self._timezone)
