"""The dashboard over a working folder: what the pages are made of, and how it is served."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
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
from dashboard.views.sources import ALWAYS, CLOSED, OVER, Failure, Hold, SourceState
from index.answers import Answers, Log
from index.remembered import Remembered
from peil.bulletins import Bulletin, Failing, Paused, bulletins
from peil.guidance import personal
from peil.health import Pulse
from peil.pipeline import Pipeline
from privacy.suppress import about
from rules.documents import Book
from rules.guidance import Guidance, load_guidance
from rules.life.fresh import Fresh
from rules.life.library import Standings
from rules.life.readers import ShownRules
from rules.lint.linter import known_of
from stream.clock import to_datetime

logger = logging.getLogger(__name__)

SCHEDULES = {"always": ALWAYS, "by hand": ""}
"""How a page says what is no interval and no cron line."""


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
        shown=ShownRules(pipeline.book, pipeline.rulebook.library),
        files=Fresh(partial(_files, pipeline), now=pipeline.clock.now),
        guidance=_guidance(pipeline),
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
        judgements=pipeline.judgements,
        known=known_of(pipeline.book, personal=personal),
        single_author=settings.rules.single_author,
    )


def _files(pipeline: Pipeline) -> tuple[Book, Standings]:
    """In this order: what is brought in meanwhile has a file, and so none is missed."""
    standings = pipeline.rulebook.library.standings()
    return pipeline.book_in(pipeline.folder.config), standings


def _guidance(pipeline: Pipeline) -> Mapping[str, Guidance]:
    guides = load_guidance(pipeline.folder.config)
    for each in guides.unread:
        logger.warning("%s; the page is not shown", each)
    return guides.rules


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
    return [_state(pipeline, each) for each in bulletins(pipeline)]


def _state(pipeline: Pipeline, found: Bulletin) -> SourceState:
    """Of a bulletin what readers may see."""
    source, last, following = pipeline.sources[found.source], found.last_run, found.next_run
    zone, k = pipeline.settings.timezone, pipeline.settings.privacy.k
    return SourceState(
        source=found.source,
        title=found.title,
        titles=source.titles,
        collector=found.collector,
        keeps=source.keep,
        schedule=SCHEDULES.get(found.runs, found.runs),
        open_until=None if found.open_until is None else found.open_until.date(),
        next_run=None if following is None else _moment(following, zone),
        last_run=None if last is None else _moment(last.started, zone),
        read=_least(last.read if last else 0, k=k),
        appended=_least(last.appended if last else 0, k=k),
        outcome=last.outcome if last else "",
        state=found.state,
        failure=None if found.failing is None else _failure(found.failing, zone),
        hold=None if found.paused is None else _hold(found.paused, zone),
        gaps=len(found.gaps),
        last_gap=_moment(max(each.end for each in found.gaps), zone) if found.gaps else None,
        trouble=_trouble(found, now=pipeline.clock.now()),
    )


def _trouble(found: Bulletin, *, now: int) -> str | None:
    """A source that was never opened troubles nobody; one that is open no more does."""
    if found.open_until is None:
        return CLOSED if found.last_run else None
    return OVER if found.open_until <= to_datetime(now) else found.trouble


def _failure(failing: Failing, timezone: str) -> Failure:
    since = _moment(failing.since, timezone)
    return Failure(times=failing.failures, since=since, error=failing.error)


def _hold(paused: Paused, timezone: str) -> Hold:
    """Who holds it up is nobody's to see here: there is no page about staff."""
    until = None if paused.until is None else _moment(paused.until, timezone)
    return Hold(why=paused.why, until=until)


def _least(posts: int, *, k: int) -> int | None:
    """What readers may know of the size of a run, which can be of one post."""
    return about(posts) if posts >= k else None


def _moment(at: datetime, timezone: str) -> str:
    """As clocks in the city have it."""
    return at.astimezone(ZoneInfo(timezone)).isoformat(timespec="minutes")
