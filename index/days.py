"""The counts of questions by local day.

A question is asked in many ways in a row (its blocks, by week, in all), which are sums of these
counts: so those of the whole time are remembered until the posts change.
"""

from collections.abc import Callable, Hashable

import msgspec

from index.contract import Question, TooBroad
from index.once import Once
from index.tally import Key, Tally
from index.values import local_day, start_of

MOST_REMEMBERED = 100
"""Questions whose days are remembered."""


class Days:
    """Counts by day, which `count` makes. Threads may share it."""

    def __init__(self, count: Callable[[Question], Tally], *, timezone: str) -> None:
        self._count = count
        self._timezone = timezone
        self._once = Once(most=MOST_REMEMBERED)

    def of(self, question: Question, *, state: Hashable) -> Tally:
        """The counts of each day in which there are posts. `state` is another one whenever posts
        may have changed.
        """
        ends = [None if at is None else self._starts(at) for at in (question.since, question.until)]
        if "" in ends:
            return self._count(question)
        whole = msgspec.structs.replace(question, since=None, until=None)
        try:
            days = self._once((state, whole), lambda: self._count(whole))
        except TooBroad:
            return self._count(question)
        since, until = ends

        def within(key: Key) -> Key | None:
            after = since is None or key[0] >= since
            return key if after and (until is None or key[0] < until) else None

        return days.merged(within)

    def _starts(self, at: int) -> str:
        """The day that begins at this moment (Unix ms); empty when none does."""
        day = local_day(at, self._timezone)
        return day.isoformat() if start_of(day, self._timezone) == at else ""
