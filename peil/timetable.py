"""Whether the times at which a source is to run make sense."""

from datetime import UTC, datetime
from itertools import pairwise

from ingest.sources import SHORTEST_SECONDS, Source
from peil.schedule import next_run
from stream.clock import to_milliseconds

TIMES = 30
"""So many runs are looked at: a pattern within a day shows in them."""

FROM = to_milliseconds(datetime(2026, 1, 1, tzinfo=UTC))
"""Any day does: a pattern is the same in every year."""


def wrong_times(source: Source, *, timezone: str) -> str | None:
    """What is wrong with the `cron` of a source, as this machine's timetable reads it."""
    if source.cron is None:
        return None
    times = [FROM]
    try:
        while len(times) < TIMES:
            at = next_run(source, last=times[-1], timezone=timezone)
            if at is None:
                break
            times.append(at)
    except ValueError as error:
        return f"cron = {source.cron!r} is no time: {error}"
    if len(times) == 1:
        return f"cron = {source.cron!r} never comes: look at its day and month"
    apart = [(later - earlier) // 1000 for earlier, later in pairwise(times[1:])]
    if apart and min(apart) < SHORTEST_SECONDS:
        return (
            f"cron = {source.cron!r} comes again after {min(apart) // 60} minutes: ten minutes is "
            "the shortest"
        )
    return None
