"""What is due: triggers and the stored last run decide, so a month passes in a test."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ingest.sources import Source
from stream.clock import to_datetime
from stream.errors import Stop

Trigger = CronTrigger | IntervalTrigger


class Schedule:
    """The sources that run by themselves, each with its trigger.

    Runs that were missed while nothing was up are made good by one run, not by many. A source
    that never ran is due at once.
    """

    def __init__(self, sources: Sequence[Source], *, timezone: str) -> None:
        zone = ZoneInfo(timezone)
        self._triggers: Mapping[str, Trigger] = {
            source.id: trigger
            for source in sources
            if source.enabled and (trigger := _trigger(source, zone)) is not None
        }

    def sources(self) -> Sequence[str]:
        """The ids of all sources that have a schedule."""
        return tuple(self._triggers)

    def next_run(self, source: str, *, last_run: int | None, now: int) -> int:
        """When `source` is to run, Unix ms; not later than `now` means that it is due."""
        if last_run is None:
            return now
        last = to_datetime(last_run)
        fire: datetime | None = self._triggers[source].get_next_fire_time(last, last)
        if fire is None:
            raise Stop(f"source {source}: its schedule has no further date; give it another one")
        return int(fire.timestamp() * 1000)

    def due(self, *, last_runs: Mapping[str, int], now: int) -> Sequence[str]:
        """The sources to run at `now` (Unix ms), the longest waiting first."""
        waiting = [
            (self.next_run(source, last_run=last_runs.get(source), now=now), source)
            for source in self._triggers
        ]
        return [source for moment, source in sorted(waiting) if moment <= now]


def _trigger(source: Source, zone: ZoneInfo) -> Trigger | None:
    if source.cron is not None:
        try:
            return CronTrigger.from_crontab(source.cron, timezone=zone)
        except ValueError as error:
            raise Stop(
                f"source {source.id}: cron = {source.cron!r} is not a crontab line ({error}); "
                "write five fields such as `15 6 * * *`"
            ) from error
    if source.every is not None:
        return IntervalTrigger(
            seconds=int(source.every / timedelta(seconds=1)), timezone=ZoneInfo("UTC")
        )
    return None
