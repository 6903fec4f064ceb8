"""The dashboard over a working folder: what the pages are made of, and how it is served."""

from collections.abc import Callable, Sequence
from functools import partial
from zoneinfo import ZoneInfo

from dashboard.application import create
from dashboard.calendar import load_calendar
from dashboard.city import City, Snapshot
from dashboard.entrance import Entrance
from dashboard.purposes import Purposes, load_purposes
from dashboard.registers import LANGUAGES
from dashboard.serving import serve
from dashboard.translations import load_translations
from dashboard.views.sources import ALWAYS, CLOSED, GAPS_DAYS, OVER, Failure, Hold, SourceState
from index.answers import Answers, Log
from index.gaps import missed
from index.remembered import Remembered
from ingest.catalogue import is_endless
from ingest.health import silence
from ingest.runs import Condition, Pause, Run
from ingest.sources import Source
from ingest.tallies import APPENDED
from peil.bulletins import HISTORY_MS, following_run, state_of, trouble_of
from peil.guidance import personal
from peil.health import Pulse
from peil.pipeline import Pipeline
from privacy.register import Entry
from privacy.suppress import about
from rules.guidance import load_guidance
from rules.lint.linter import known_of
from stream.clock import DAY_MS, to_datetime


def entrance_of(pipeline: Pipeline) -> Entrance:
    """The doors of this folder's dashboard; Stop when its settings are not safe."""
    settings = pipeline.settings
    return Entrance.of(
        settings.dashboard,
        engine=pipeline.database,
        purposes=Purposes(
            load_purposes(pipeline.folder.config),
            folder=settings.purpose,
            titles={str(name): title for name, title in settings.dashboard.purpose_titles.items()},
            clock=pipeline.clock,
            timezone=settings.timezone,
        ),
        log=pipeline.access,
        clock=pipeline.clock,
    )


def city_of(pipeline: Pipeline) -> City:
    """What the pages are made of. Everything is made here: requests come in many threads."""
    settings = pipeline.settings
    store = Remembered(pipeline.store)
    store.reload()

    def ask(*, reader: str, purpose: str, log: Log) -> Answers:
        return pipeline.answers(purpose=purpose, reader=reader, log=log, store=store)

    return City(
        timezone=settings.timezone,
        k=settings.privacy.k,
        clock=pipeline.clock,
        database=pipeline.database,
        access=pipeline.access,
        metrics=pipeline.metrics,
        book=pipeline.readers_book,
        guidance=load_guidance(pipeline.folder.config),
        events=load_calendar(pipeline.folder.config),
        translations=load_translations(pipeline.folder.config),
        source_titles={
            language: {
                source.id: source.titles.get(language, source.title)
                for source in pipeline.sources.values()
            }
            for language in LANGUAGES
        },
        sources=partial(source_states, pipeline),
        ask=ask,
        snapshot=Snapshot(store.reload, clock=pipeline.clock),
        standings=pipeline.rulebook.library.standings,
        known=known_of(pipeline.book, personal=personal),
        single_author=settings.rules.single_author,
    )


def show(
    pipeline: Pipeline,
    pulse: Pulse,
    stopping: Callable[[], bool],
    *,
    listening: Callable[[], None] = lambda: None,
) -> None:
    """The role `dashboard`: answers until it is told to end; `listening` is told once it does."""
    entrance = entrance_of(pipeline)
    city = city_of(pipeline)
    serve(
        create(city, entrance),
        entrance.site,
        city.snapshot,
        every=pipeline.settings.dashboard.refresh_seconds,
        turn=pulse.turned,
        stopping=stopping,
        listening=listening,
    )


def source_states(pipeline: Pipeline) -> list[SourceState]:
    """Every source: whether it is open, when it ran, and what a person should look at."""
    entries = {entry.source: entry for entry in pipeline.register.entries()}
    runs, conditions = pipeline.runs.newest(), pipeline.runs.conditions()
    now = pipeline.clock.now()
    pauses = pipeline.runs.pauses(now)
    gaps = missed(pipeline.database, since=now - GAPS_DAYS * DAY_MS, until=now)
    return [
        _state(
            pipeline,
            source,
            entry=entries.get(source.id),
            last=runs.get(source.id),
            condition=conditions.get(source.id, Condition()),
            pause=pauses.get(source.id),
            gaps=[gap.end for gap in gaps if gap.source == source.id],
        )
        for source in pipeline.sources.values()
    ]


def _state(
    pipeline: Pipeline,
    source: Source,
    *,
    entry: Entry | None,
    last: Run | None,
    condition: Condition,
    pause: Pause | None,
    gaps: Sequence[int],
) -> SourceState:
    now = pipeline.clock.now()
    zone = pipeline.settings.timezone
    is_open = entry is not None and entry.until > now
    at_work = last is not None and last.outcome == "running"
    appended = pipeline.tallies.hours(source.id, APPENDED, since=now - HISTORY_MS)
    state = state_of(
        source,
        condition,
        pause,
        last,
        is_open=is_open,
        at_work=at_work and pipeline.locks.is_held(f"source-{source.id}"),
        silent=silence(appended, now=now) is not None,
    )
    trouble = None if state == "paused" else trouble_of(pipeline, source.id)
    if entry is None and last is not None:
        trouble = CLOSED
    elif entry is not None and entry.until <= now:
        trouble = OVER
    following = None
    if is_open and state != "running":
        following = following_run(pipeline, source, condition, pause)
    return SourceState(
        source=source.id,
        title=source.title,
        titles=source.titles,
        collector=source.collector,
        keeps=source.keep,
        schedule=source.every or source.cron or (ALWAYS if is_endless(source) else ""),
        open_until=None if entry is None else to_datetime(entry.until).date(),
        next_run=None if following is None else _moment(max(following, now), zone),
        last_run=None if last is None else _moment(last.started, zone),
        read=_least(last.read if last else 0, k=pipeline.settings.privacy.k),
        appended=_least(last.appended if last else 0, k=pipeline.settings.privacy.k),
        outcome=last.outcome if last else "",
        state=state,
        failure=None if condition.error is None else _failure(condition, zone),
        hold=None if pause is None else _hold(pause, zone),
        gaps=len(gaps),
        last_gap=_moment(max(gaps), zone) if gaps else None,
        trouble=trouble,
    )


def _failure(condition: Condition, timezone: str) -> Failure:
    return Failure(
        times=condition.failures,
        since=_moment(condition.failing_since or 0, timezone),
        error=condition.error or "",
    )


def _hold(pause: Pause, timezone: str) -> Hold:
    """Who holds it up is nobody's to see here: there is no page about staff."""
    return Hold(
        why=pause.why, until=None if pause.until is None else _moment(pause.until, timezone)
    )


def _least(posts: int, *, k: int) -> int | None:
    """What readers may know of the size of a run, which can be of one post."""
    return about(posts) if posts >= k else None


def _moment(at: int, timezone: str) -> str:
    """As clocks in the city have it."""
    return to_datetime(at).astimezone(ZoneInfo(timezone)).isoformat(timespec="minutes")
