"""Whether a source still gives what it used to: a warning before an empty chart is noticed."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import msgspec

from stream.clock import HOUR_MS

PATIENCE = 6
"""Silent for so many times the usual interval is worth a warning."""

ENOUGH = 4
"""Intervals that must be known before one is usual."""


class Run(msgspec.Struct, frozen=True):
    """One run of a source: when it began (Unix ms), what it appended, how it ended."""

    started: int
    appended: int
    outcome: str


def warning(runs: Sequence[Run], *, now: int) -> str | None:
    """What is wrong with a source by its last runs, oldest first; None when nothing is."""
    ended = [run for run in runs if run.outcome != "running"]
    if len(ended) >= 2 and all(run.outcome == "failed" for run in ended[-2:]):  # noqa: PLR2004  (it says two)
        return "its last two runs failed; see the program's log"
    fruitful = [run.started for run in runs if run.appended]
    intervals = [later - earlier for earlier, later in pairwise(fruitful)]
    if len(intervals) < ENOUGH:
        return None
    usual = max(median(intervals), 1)
    silent = now - fruitful[-1]
    if silent <= PATIENCE * usual:
        return None
    return (
        f"nothing new for {silent / HOUR_MS:.0f} hours, where {usual / HOUR_MS:.1f} are usual; "
        "is its page still there?"
    )
