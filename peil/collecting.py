"""The role `collect`: every source at its time, side by side, each in a thread of its own."""

import logging
import threading
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType
from typing import Self

from ingest.catalogue import is_endless
from ingest.contract import Collector, Rechecking
from ingest.runs import Condition, Slot
from ingest.sources import Source
from peil.crew import Crew
from peil.health import Pulse
from peil.pipeline import Pipeline
from peil.schedule import Schedule, not_yet
from stream.clock import MINUTE_MS
from stream.errors import Retry
from stream.topics import POSTS
from stream.worker import POLL_SECONDS

METRICS_MS = 10_000
RECHECK_MS = 10 * MINUTE_MS
"""So often it is looked whether posts of a source are to be looked for on their platform."""

SPARE = 4
"""A server's budget is left to collecting when less than one part in so many is left of it."""

OVERLONG = "overlong"
PAUSED = "paused"
CLOSED = "closed"
BY_HAND = "by hand"
"""Why a source cannot run: its last run goes on, somebody paused it, the register has no open
entry, another process collects from it.
"""

logger = logging.getLogger(__name__)


def collect(pipeline: Pipeline, pulse: Pulse, stopping: Callable[[], bool]) -> None:
    """Runs the sources. Another one waits, to take over when this one is gone. A file that is
    wrong costs its own source, and is told.
    """
    for declaration in pipeline.declarations.values():
        for problem in declaration.problems:
            logger.warning("%s", problem)
    while not stopping():
        with pipeline.locks.wait_for(
            "collect", clock=pipeline.clock, give_up=pulse.standing_by(stopping)
        ) as mine:
            if mine:
                with Collecting(pipeline) as collecting:
                    _go_on(pipeline, pulse, collecting, lambda: stopping() or not mine)


def _go_on(
    pipeline: Pipeline, pulse: Pulse, collecting: "Collecting", stopping: Callable[[], bool]
) -> None:
    next_metrics = pipeline.clock.elapsed()
    while not stopping():
        collecting.turn()
        if pipeline.clock.elapsed() >= next_metrics:
            collecting.tell()
            pipeline.metrics.write(pipeline.folder.metrics / "collect.prom")
            next_metrics = pipeline.clock.elapsed() + METRICS_MS
            if _can_append(pipeline):
                pulse.turned()
        pipeline.clock.sleep(POLL_SECONDS)


def _can_append(pipeline: Pipeline) -> bool:
    """Whether the log answers: without it nothing can be collected."""
    try:
        pipeline.broker.ends(POSTS.name)
    except Retry as error:
        logger.warning("nothing can be collected: %s", error)
        return False
    return True


class Collecting:
    """Runs of sources and looks at their platforms, each in a thread: at most `ingest.at_once`
    of those on a schedule, and one of each that does not end. One source costs no other one: not
    by an error, and not by being slow. Use it as a context: leaving it ends all threads, each
    after the batch at hand.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._runs = pipeline.ingestion.runs
        self._clock = pipeline.clock
        self._schedule = Schedule(
            pipeline.ingestion.runs, timezone=pipeline.settings.timezone, metrics=pipeline.metrics
        )
        self._crew = Crew()
        self._ending = threading.Event()
        self._recheck_at: dict[str, int] = {}
        sources = pipeline.sources.values()
        self._endless = [each for each in sources if is_endless(each)]  # whatever its schedule
        self._scheduled = [
            each for each in sources if (each.every or each.cron) and each not in self._endless
        ]

    def __enter__(self) -> Self:
        """Begin: runs that a kill ended are to be made up for. What threads share is made here,
        where there is one thread.
        """
        _ = self._pipeline.ingestion.intake, self._pipeline.ingestion.rechecks
        locks, now = self._pipeline.locks, self._clock.now()
        for source in self._pipeline.sources:
            with locks.hold(f"source-{source}") as free:
                if free:
                    self._runs.cut_off(source, now, causes=("schedule", "hand"))
            with locks.hold(f"backfill-{source}") as free:
                if free:
                    self._runs.cut_off(source, now, causes=("backfill",))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        left = self._crew.join(seconds=self._pipeline.settings.service.drain_seconds / 2)
        if left:
            logger.warning(
                "%s did not end in time: what they had not brought comes again", ", ".join(left)
            )

    def turn(self) -> None:
        """Begin what is due now. Blocks for the database, never for a source."""
        now = self._clock.now()
        pauses = self._runs.pauses(now)
        open_ = {each.source for each in self._pipeline.register.entries() if each.until > now}
        hindrance = partial(self._hindrance, paused=pauses, open_=open_)
        conditions = self._runs.conditions()
        for source in self._endless:
            waits = not_yet(conditions.get(source.id, Condition()), now)
            if not waits and hindrance(source) is None:
                self._begin(source, None)
        at_work = sum(self._crew.is_at_work(each.id) for each in self._scheduled)
        room = max(0, self._pipeline.settings.ingest.at_once - at_work)
        for turn in self._schedule.due(self._scheduled, now=now, room=room, hindrance=hindrance):
            self._begin(turn.source, turn.slot)
        for source in self._pipeline.sources.values():  # those that run by hand too
            if source.id in open_ and source.id not in pauses:
                self._recheck(source)

    def at_work(self) -> list[str]:
        """What goes on now: the sources that run, and the looks at their platforms."""
        return self._crew.names()

    def tell(self) -> None:
        """Set the gauges of every source."""
        now, gauge = self._clock.now(), self._pipeline.metrics.gauge
        pauses, conditions = self._runs.pauses(now), self._runs.conditions()
        for name in self._pipeline.sources:
            condition = conditions.get(name, Condition())
            gauge("peil_ingest_running", self._crew.is_at_work(name), source=name)
            gauge("peil_ingest_paused", name in pauses, source=name)
            gauge("peil_ingest_failures", condition.failures, source=name)
            if condition.watermark is not None:
                lag = max(0, now - condition.watermark) / 1000
                gauge("peil_ingest_lag_seconds", lag, source=name)
            if condition.budget is not None:
                gauge("peil_ingest_budget_requests", condition.budget.remaining, source=name)

    def _hindrance(
        self, source: Source, *, paused: Collection[str], open_: Collection[str]
    ) -> str | None:
        if self._crew.is_at_work(source.id):
            return OVERLONG
        if source.id not in open_:
            return CLOSED
        if source.id in paused:
            return PAUSED
        return BY_HAND if self._pipeline.locks.is_held(f"source-{source.id}") else None

    def _begin(self, source: Source, slot: Slot | None) -> None:
        try:
            collector = self._pipeline.ingestion.collector(source)
        except Exception as error:  # noqa: BLE001  (a collector of another package may do anything)
            self._pipeline.ingestion.intake.fail(source, error, slot=slot, endless=slot is None)
            logger.warning("%s: %s", source.id, self._runs.condition(source.id).error)
            return
        self._crew.start(source.id, partial(self._run, source, collector, slot))

    def _run(self, source: Source, collector: Collector, slot: Slot | None) -> None:
        account = self._pipeline.ingestion.collect(
            source, collector, cause="schedule", slot=slot, stopping=self._ending.is_set
        )
        logger.info("source %s: read %d", source.id, account.read)

    def _recheck(self, source: Source) -> None:
        """Begin to look for what is due of `source`, unless that was done a moment ago."""
        name = f"re-check of {source.id}"
        now = self._clock.elapsed()
        if now < self._recheck_at.get(source.id, now) or self._crew.is_at_work(name):
            return
        at_work = sum(each.startswith("re-check of ") for each in self.at_work())
        if at_work >= self._pipeline.settings.ingest.at_once:
            return
        self._recheck_at[source.id] = now + RECHECK_MS
        try:
            collector = self._pipeline.ingestion.collector(source)
        except Exception:  # noqa: BLE001  (its run says what is wrong)
            return
        if isinstance(collector, Rechecking):
            self._crew.start(name, partial(self._look_again, source, collector))

    def _look_again(self, source: Source, collector: Rechecking) -> None:
        try:
            outcomes = self._pipeline.ingestion.rechecks.all(
                source,
                collector,
                held=self._pipeline.held,
                stopping=partial(self._let_pass, source),
            )
        except Retry as error:
            wait = int((error.after or 0) * 1000)
            self._recheck_at[source.id] = self._clock.elapsed() + max(RECHECK_MS, wait)
            raise
        if outcomes:
            logger.info("source %s: looked again: %s", source.id, dict(outcomes))

    def _let_pass(self, source: Source) -> bool:
        """Wait while collecting needs the server; whether to end."""
        while not self._ending.is_set():
            now = self._clock.now()
            if source.id in self._runs.pauses(now):
                return True
            collects = self._crew.is_at_work(source.id) and source not in self._endless
            if collects:
                self._ending.wait(POLL_SECONDS)  # for a thread, which takes no time of the clock
            elif _is_short(self._runs.condition(source.id), now):
                self._clock.sleep(POLL_SECONDS)
            else:
                return False
        return True


def _is_short(condition: Condition, now: int) -> bool:
    """Whether what the server still allows is to be left to collecting."""
    budget = condition.budget
    return budget is not None and now < budget.resets and budget.remaining * SPARE < budget.limit
