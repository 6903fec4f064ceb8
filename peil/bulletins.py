"""How each source does, in one document: for the command line, the doctor and other programs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from index.gaps import Missed, missed
from ingest.catalogue import is_endless
from ingest.contract import Budget
from ingest.health import Rate, failing, rate, silence, warned
from ingest.runs import Cause, Condition, Pause, Recovery, Run
from ingest.sources import Source
from ingest.tallies import APPENDED, LOOKED
from ingest.timestamps import EARLIEST, LATEST
from peil.pipeline import Pipeline
from peil.schedule import next_run, tried_again
from privacy.register import Entry
from stream.clock import DAY_MS, HOUR_MS, to_datetime

State = Literal[
    "running", "waiting", "paused", "closed", "failing", "silent", "never ran", "by hand"
]
"""`failing` counts until a run went well; `by hand` is a source on no schedule."""

HISTORY_MS = 60 * DAY_MS
"""So far back it is looked for what is usual."""

COUNTED_DAYS = 7
GAPS_DAYS = 30


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run: when it began and ended, and how it went (`ingest.runs.Run`)."""

    started: datetime
    ended: datetime | None
    outcome: str
    cause: Cause | None
    slot: datetime | None
    read: int
    appended: int


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """The error of the last run: `retry` asks for time, `stop` for a person, `fault` for whoever
    wrote the collector. `failures` runs failed in a row, since `since`.
    """

    error: str
    recovery: Recovery
    failures: int
    since: datetime


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a source up, why, since and until when (None: until it is resumed)."""

    by: str
    why: str
    since: datetime
    until: datetime | None


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests its server still allows, until it counts anew."""

    remaining: int
    limit: int
    resets: datetime


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A period that the source missed, as charts shade it."""

    start: datetime
    end: datetime
    why: str


class Bulletin(msgspec.Struct, frozen=True, kw_only=True):
    """How a source does. `items` counts by what became of them, and `slots` the times that it was
    to run and did not by why, both in the last seven days; `gaps` are those of thirty.
    """

    source: str
    title: str
    collector: str
    runs: str
    """`every` or `cron` of its schedule, `always` or `by hand`."""

    state: State
    trouble: str | None
    """What a person should look at; None when nothing is wrong, or it does not run anyway."""

    open_until: datetime | None
    next_run: datetime | None
    last_run: LastRun | None
    posts_per_hour: Rate
    lag_seconds: float | None
    failing: Failing | None
    paused: Paused | None
    budget: Requests | None
    items: Mapping[str, int]
    slots: Mapping[str, int]
    warnings: list[str]
    """What its last run warned of, and when; of one that does not end, in the last day."""

    gaps: list[Missing]


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is read at once of all sources, by their ids."""

    now: int
    entries: Mapping[str, Entry]
    conditions: Mapping[str, Condition]
    pauses: Mapping[str, Pause]
    runs: Mapping[str, Run]
    gaps: Sequence[Missed]


def bulletins(pipeline: Pipeline) -> list[Bulletin]:
    """How every source does."""
    known = _known(pipeline)
    return [_bulletin(pipeline, source, known) for source in pipeline.sources.values()]


def bulletin(pipeline: Pipeline, source: Source) -> Bulletin:
    """How one source does."""
    return _bulletin(pipeline, source, _known(pipeline))


def _known(pipeline: Pipeline) -> _Known:
    now = pipeline.clock.now()
    return _Known(
        now=now,
        entries={entry.source: entry for entry in pipeline.register.entries()},
        conditions=pipeline.ingestion.runs.conditions(),
        pauses=pipeline.ingestion.runs.pauses(now),
        runs=pipeline.ingestion.runs.newest(),
        gaps=missed(pipeline.database, since=now - GAPS_DAYS * DAY_MS, until=now + HOUR_MS),
    )


def _bulletin(pipeline: Pipeline, source: Source, known: _Known) -> Bulletin:
    now, entry = known.now, known.entries.get(source.id)
    is_open = entry is not None and entry.until > now
    condition = known.conditions.get(source.id, Condition())
    pause, last = known.pauses.get(source.id), known.runs.get(source.id)
    appended = pipeline.ingestion.tallies.hours(source.id, APPENDED, since=now - HISTORY_MS)
    looked = pipeline.ingestion.tallies.hours(source.id, LOOKED, since=now - HISTORY_MS)
    silent = silence(appended, now=now)
    warnings = warned(condition, endless=is_endless(source), now=now)
    at_work = last is not None and last.outcome == "running"
    at_work = at_work and pipeline.locks.is_held(f"source-{source.id}")
    state = _state(source, condition, pause, last, is_open=is_open, at_work=at_work,
                   silent=silent is not None)  # fmt: skip
    trouble = failing(condition, now=now) or silent or "; ".join(warnings) or None
    following = None
    if is_open and not at_work:
        timezone = pipeline.settings.timezone
        following = _following(source, condition, pause, timezone=timezone, now=now)
    return Bulletin(
        source=source.id,
        title=source.title,
        collector=source.collector,
        runs=source.every or source.cron or ("always" if is_endless(source) else "by hand"),
        state=state,
        trouble=None if state in ("closed", "paused") else trouble,
        open_until=None if entry is None else _moment(entry.until),
        next_run=None if following is None else _moment(max(following, now)),
        last_run=None if last is None else _last_run(last),
        posts_per_hour=rate(appended, looked, now=now),
        lag_seconds=_lag(condition, now),
        failing=_failing(condition),
        paused=None if pause is None else _paused(pause),
        budget=None if condition.budget is None else _requests(condition.budget),
        items=pipeline.ingestion.tallies.totals(source.id, since=now - COUNTED_DAYS * DAY_MS),
        slots=pipeline.ingestion.runs.missed(source.id, since=now - COUNTED_DAYS * DAY_MS),
        warnings=warnings,
        gaps=[
            Missing(start=_moment(gap.start), end=_moment(gap.end), why=gap.why)
            for gap in known.gaps
            if gap.source == source.id
        ],
    )


def _state(
    source: Source,
    condition: Condition,
    pause: Pause | None,
    last: Run | None,
    *,
    is_open: bool,
    at_work: bool,
    silent: bool,
) -> State:
    """What a source is up to, in a word: the first of these that holds."""
    runs_by_itself = bool(source.every or source.cron or is_endless(source))
    states: Sequence[tuple[State, bool]] = (
        ("closed", not is_open),
        ("paused", pause is not None),
        ("failing", condition.failures > 0),
        ("silent", silent and runs_by_itself),
        ("running", at_work),
        ("by hand", not runs_by_itself),
        ("never ran", last is None),
        ("waiting", True),
    )
    return next(state for state, holds in states if holds)


def _following(
    source: Source, condition: Condition, pause: Pause | None, *, timezone: str, now: int
) -> int | None:
    """When it is to run next; None when that is not known."""
    if pause is not None and pause.until is None:
        return None
    not_before = pause.until if pause is not None and pause.until is not None else 0
    following = tried_again(condition, now=now)
    if following is None and is_endless(source):
        following = 0
    elif following is None:
        following = next_run(source, last=condition.slot, timezone=timezone)
    return None if following is None else max(following, not_before)


def _last_run(run: Run) -> LastRun:
    return LastRun(
        started=_moment(run.started),
        ended=None if run.ended is None else _moment(run.ended),
        outcome=run.outcome,
        cause=run.cause,
        slot=None if run.slot is None else _moment(run.slot),
        read=run.read,
        appended=run.appended,
    )


def _lag(condition: Condition, now: int) -> float | None:
    return None if condition.watermark is None else max(0, now - condition.watermark) / 1000


def _failing(condition: Condition) -> Failing | None:
    if not condition.failures or condition.recovery is None:
        return None
    return Failing(
        error=condition.error or "",
        recovery=condition.recovery,
        failures=condition.failures,
        since=_moment(condition.failing_since or 0),
    )


def _paused(pause: Pause) -> Paused:
    return Paused(
        by=pause.actor,
        why=pause.why,
        since=_moment(pause.since),
        until=None if pause.until is None else _moment(pause.until),
    )


def _requests(budget: Budget) -> Requests:
    return Requests(remaining=budget.remaining, limit=budget.limit, resets=_moment(budget.resets))


def _moment(milliseconds: int) -> datetime:
    """A moment that is kept, which a server's word may have led to: no such word is to cost the
    view of a source, and of all others with it.
    """
    return to_datetime(max(EARLIEST, min(milliseconds, LATEST - 1)))
