"""Which rules are on a special category of personal data, by what counts or did not long ago."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise, product

from rules.life.descriptions import Description
from rules.life.fresh import Fresh
from rules.life.history import PUBLISHED, Change
from rules.life.library import Library
from stream.clock import DAY_MS

HELD_MS = 37 * DAY_MS
"""Posts that a marked version matched are there for 30 days (`enrich.worker.SPECIAL_TERM_MS`), and
a few more where nobody kept house: so long after it counted its rule is special.
"""


class Special:
    """By what is counted, which need not be what a file says. Threads may share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._marked = Fresh(self._read, now=library.now)

    def __call__(self, rule: str) -> bool:
        """Whether there can be posts that a marked version of `rule` matched."""
        return rule in self._marked()

    def _read(self) -> frozenset[str]:
        since = self._library.now() - HELD_MS
        return frozenset(
            history[0].rule
            for history, described in self._library.lives()
            if last_marked(history, described) > since
        )


def last_marked(history: Sequence[Change], described: Sequence[Description]) -> float:
    """Until when the version of which these are all, oldest first, counted while it was marked
    (Unix ms; infinite: it does now, 0: it never did).
    """
    counted = _spans((each.at, each.state in PUBLISHED) for each in history)
    marked = _spans((each.at, each.version.document.special_category) for each in described)
    both = (
        (max(since, marked_since), min(until, marked_until))
        for (since, until), (marked_since, marked_until) in product(counted, marked)
    )
    return max((until for since, until in both if since < until), default=0)


def _spans(told: Iterable[tuple[float, bool]]) -> list[tuple[float, float]]:
    """From when until when something was so."""
    return [
        (since, until)
        for (since, is_so), (until, _) in pairwise([*told, (math.inf, False)])
        if is_so
    ]
