"""When sources run: their slots, and what becomes of each.

A source's *slots* are the moments at which its `every` or `cron` wants it to run. A slot that
comes while the source cannot run waits; when the next one comes first, it is missed, and counted
with why. So after any time away a source runs once, and says how many slots it makes up.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import msgspec
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ingest.backoff import JITTER
from ingest.runs import Condition, Runs, Slot
from ingest.sources import Source
from ingest.web.limits import LONGEST_MS
from stream.clock import to_datetime, to_milliseconds
from stream.metrics import Metrics

DOWN = "down"
FAILING = "failing"
FULL = "full"
"""Why a slot was missed: peil was down, the source waited after an error, as many others ran as
may. `Schedule.due` is told the other reasons.
"""

EVERY_HOUR = ("*", "*/1", "0-23")
"""How the hour of a `cron` says so."""

NEVER_RAN = to_milliseconds(to_datetime(0).replace(year=2000))

LONGEST_WAIT_MS = int(LONGEST_MS * (1 + JITTER))
"""No wait after a failure is longer than what a server may ask for, and some more by chance."""

logger = logging.getLogger(__name__)


def slots(source: Source, *, after: int, timezone: str) -> Iterator[int]:
    """The slots after `after` (Unix ms), one after the other; none when it is on no schedule.

    `every` counts in absolute time from `after`. `cron` is local time: where the clock skips its
    hour, it comes after the skip; where an hour comes twice, it comes the first time, but every
    time when it comes every hour.
    """
    before = to_datetime(after)
    if source.every is not None:
        every = IntervalTrigger(seconds=source.every_seconds, start_date=before, timezone=UTC)
        while (at := every.get_next_fire_time(before, before)) is not None:
            yield to_milliseconds(before := at)
    elif source.cron is not None:
        zone = ZoneInfo(timezone)
        hourly = source.cron.split()[1] in EVERY_HOUR
        cron = CronTrigger.from_crontab(source.cron, timezone=zone)
        # From two hours before: a time that the clock skips is found only from before the skip.
        start = before - timedelta(hours=2)
        while (at := cron.get_next_fire_time(None, start.astimezone(zone))) is not None:
            # A moment later, because the trigger counts a time equal to `now` as still to come.
            start = at.astimezone(UTC) + timedelta(seconds=1)
            if at > before and (at.fold == 0 or hourly):
                yield to_milliseconds(at)


def next_run(source: Source, *, last: int | None, timezone: str) -> int | None:
    """When `source` is to run next, in Unix ms, if its last slot was at `last` (None: it never
    ran, and is to run now); None when it is not scheduled. A time in the past means now.
    """
    if last is None:
        return NEVER_RAN if source.every or source.cron else None
    return next(slots(source, after=last, timezone=timezone), None)


class Turn(msgspec.Struct, frozen=True):
    """A source that is to run now, and the slot that it answers; None for one that does not end."""

    source: Source
    slot: Slot | None


class _Waiting(msgspec.Struct, frozen=True):
    """A source that is to run, the slots that passed since it was last accounted for, and how many
    it missed before those.
    """

    source: Source
    passed: Sequence[int]
    condition: Condition


class Schedule:
    """Says what is to run, and keeps the account of every slot. One a deployment, used by one
    thread: that of the role `collect`, which holds a lock.

    What is due is decided by the triggers and by what the database holds, so a restart changes
    nothing.
    """

    def __init__(self, runs: Runs, *, timezone: str, metrics: Metrics) -> None:
        self._runs = runs
        self._timezone = timezone
        self._metrics = metrics
        self._why: dict[str, str] = {}
        """Why a source could not run when it was last looked at."""

    def due(
        self,
        sources: Iterable[Source],
        *,
        now: int,
        room: int,
        hindrance: Callable[[Source], str | None],
    ) -> list[Turn]:
        """What is to run at `now` (Unix ms): at most `room` of `sources`, first those that ran
        longest ago. `hindrance` says why a source cannot run now; the slots that it misses by that
        are written down. A turn that is not begun (`Runs.start`) is given again.
        """
        conditions = self._runs.conditions()
        ready: list[_Waiting] = []
        for source in sources:
            waiting = self._look(source, conditions.get(source.id, Condition()), now)
            if waiting is None:
                self._why.pop(source.id, None)
            elif why := hindrance(source) or not_yet(waiting.condition, now):
                self._hold(waiting, why)
            else:
                ready.append(waiting)
        ready.sort(key=lambda each: (each.condition.ran or 0, each.source.id))
        for waiting in ready[room:]:
            self._hold(waiting, FULL)
        return [Turn(each.source, self._slot(each)) for each in ready[:room]]

    def _look(self, source: Source, condition: Condition, now: int) -> _Waiting | None:
        """What waits of `source`; None when it is not to run."""
        if not (source.every or source.cron):
            return None
        if condition.slot is None:
            return _Waiting(source, (now,), condition)
        if condition.slot > now:
            logger.warning("source %s: the clock went back; its slots begin anew", source.id)
            self._runs.skip(source.id, condition, slot=now, missed=condition.missed)
            return None
        following = slots(source, after=condition.slot, timezone=self._timezone)
        passed = list(takewhile(lambda at: at <= now, following))
        if passed or condition.wait is not None:
            return _Waiting(source, passed, condition)
        return None

    def _hold(self, waiting: _Waiting, why: str) -> None:
        """It cannot run now. Its last slot waits; those before it are missed."""
        if len(waiting.passed) > 1:
            source, condition = waiting.source.id, waiting.condition
            slot, missed = waiting.passed[-2], self._missed(waiting)
            if self._runs.skip(source, condition, slot=slot, missed=missed):
                self._count(waiting)
        self._why[waiting.source.id] = why

    def _slot(self, waiting: _Waiting) -> Slot:
        """What a run answers that begins now."""
        last = waiting.passed[-1] if waiting.passed else waiting.condition.slot
        slot = Slot(last or 0, self._missed(waiting))
        self._count(waiting)
        self._why.pop(waiting.source.id, None)
        return slot

    def _missed(self, waiting: _Waiting) -> Mapping[str, int]:
        """The slots before its last one, with those of before, by why."""
        missed = Counter(waiting.condition.missed)
        if len(waiting.passed) > 1:
            missed[self._why.get(waiting.source.id, DOWN)] += len(waiting.passed) - 1
        return missed

    def _count(self, waiting: _Waiting) -> None:
        source, newly = waiting.source.id, len(waiting.passed) - 1
        if newly > 0:
            why = self._why.get(source, DOWN)
            self._metrics.count("peil_ingest_missed_slots_total", newly, source=source, why=why)


def not_yet(condition: Condition, now: int) -> str | None:
    """Why a source that failed is not tried again yet."""
    again = tried_again(condition, now=now)
    return FAILING if again is not None and now < again else None


def tried_again(condition: Condition, *, now: int) -> int | None:
    """When a source that failed runs again, whatever its slots (Unix ms); None when these say. A
    clock that went back does not hold it, nor longer than it may a wait that is kept.
    """
    if condition.wait is None or condition.failed_at is None:
        return None
    if condition.failed_at > now:
        return now
    return condition.failed_at + min(condition.wait, LONGEST_WAIT_MS)
