"""When which source is due: decided by its trigger and its last run alone."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ingest.sources import Source
from stream.clock import to_datetime, to_milliseconds

NEVER_RAN = datetime(2000, 1, 1, tzinfo=ZoneInfo("UTC"))


def next_run(source: Source, *, last: int | None, timezone: str) -> int | None:
    """When `source` is to run next, in Unix ms, if its last run began at `last` (None: never).

    None when it is not scheduled. What was missed while nothing ran is made up by one run, not
    by many: a time in the past means now.
    """
    zone = ZoneInfo(timezone)
    before = to_datetime(last).astimezone(zone) if last is not None else NEVER_RAN
    if source.every is not None:
        if last is None:
            return to_milliseconds(NEVER_RAN)
        trigger = IntervalTrigger(seconds=source.every_seconds, start_date=before, timezone=zone)
        fires = trigger.get_next_fire_time(before, before)
    elif source.cron is not None:
        # A moment later, because the trigger counts a time equal to `now` as still to come.
        trigger = CronTrigger.from_crontab(source.cron, timezone=zone)
        fires = trigger.get_next_fire_time(None, before + timedelta(seconds=1))
    else:
        return None
    return None if fires is None else to_milliseconds(fires)


def due(
    sources: Iterable[Source], *, last_runs: Mapping[str, int], now: int, timezone: str
) -> list[Source]:
    """The sources whose time has come, the longest overdue first."""
    waiting: list[tuple[int, Source]] = []
    for source in sources:
        at = next_run(source, last=last_runs.get(source.id), timezone=timezone)
        if at is not None and at <= now:
            waiting.append((at, source))
    return [source for _, source in sorted(waiting, key=lambda pair: (pair[0], pair[1].id))]
