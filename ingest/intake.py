"""The way in: collector, gate, log, and only then the cursor."""

import random
from collections.abc import Callable, Iterator

from ingest.account import Account
from ingest.admission import Admission, Work
from ingest.backoff import trouble_of
from ingest.contract import Backfilling, Batch, Collector, OfOrganisations
from ingest.memory import Memory
from ingest.runs import Cause, Runs, Slot, Trouble
from ingest.settings import IngestSettings
from ingest.sources import Source
from ingest.tallies import Tallies
from privacy.register import Register
from stream.clock import DAY_MS, HOUR_MS, Clock
from stream.errors import Retry, Stop
from stream.post import RawPost

Ask = Callable[[], bool]
"""Something that is asked again and again. Never blocks."""

AUTHORS_DAYS = 30
"""In so many days at least k people must have written in a source that is no organisation."""


def _no() -> bool:
    return False


def _yes() -> bool:
    return True


class Intake:
    """Runs collectors through the gate into topic `posts`. Shared between threads, one a source:
    they wait for the network side by side, and for the gate, the log and the database in turn.
    """

    def __init__(
        self,
        *,
        admission: Admission,
        register: Register,
        memory: Memory,
        runs: Runs,
        tallies: Tallies,
        clock: Clock,
        rng: random.Random,
        settings: IngestSettings,
        k: int,
    ) -> None:
        self._admission = admission
        self._register = register
        self._memory = memory
        self._runs = runs
        self._tallies = tallies
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._k = k

    def run(
        self,
        source: Source,
        collector: Collector,
        *,
        cause: Cause = "hand",
        slot: Slot | None = None,
        stopping: Ask = _no,
        mine: Ask = _yes,
    ) -> Account:
        """Collect everything that `source` has; returns the account of it. Ends after the batch
        at hand when `stopping` says so or somebody pauses the source, before it when somebody
        closes it, and raises Retry before the next one when `mine` says that another process may
        collect from it.

        Raises Stop when the register has no open entry or the source is paused, and what the
        collector raises; what was acknowledged until then stays, the error is kept with the run,
        and the next run goes on after it.
        """
        self._check_may_run(source)
        number = self._runs.start(source.id, self._clock.now(), cause=cause, slot=slot)
        work = Work(source, collector, number, source.id, mine)
        work.unread = self._runs.condition(source.id).unread
        self._follow(work, lambda: collector.poll(self._memory.cursor(source.id)), stopping)
        return work.account

    def backfill(
        self,
        source: Source,
        collector: Collector,
        *,
        start: int,
        end: int,
        stopping: Ask = _no,
        mine: Ask = _yes,
    ) -> Account:
        """Collect what was written in `source` from `start` to `end` (exclusive, Unix ms). As
        `run`, with a cursor of its own: one that was ended goes on where it was, and one that was
        done begins anew. What is older than the source keeps posts is `too_old`.
        """
        if not isinstance(collector, Backfilling):
            raise Stop(
                f"source {source.id}: collector {source.collector!r} cannot bring what is past; "
                "what its platform still shows comes with `peil sources run`"
            )
        self._check_may_run(source)
        number = self._runs.start(source.id, self._clock.now(), cause="backfill")
        work = Work(source, collector, number, f"{source.id} backfill {start} {end}", mine)
        cursor = self._memory.cursor(work.cursor)
        if self._follow(work, lambda: collector.backfill(start, end, cursor), stopping):
            self._memory.drop_cursor(work.cursor)
        return work.account

    def fail(self, source: Source, error: Exception, *, slot: Slot | None, endless: bool) -> None:
        """A run of `source` by schedule failed before it could begin."""
        now = self._clock.now()
        number = self._runs.start(source.id, now, cause="schedule", slot=slot)
        trouble = self._trouble(source.id, error, endless=endless)
        self._runs.end(number, source.id, now, outcome="failed", trouble=trouble)

    def _trouble(
        self, source: str, error: Exception, *, endless: bool, answered: bool = False
    ) -> Trouble:
        condition = self._runs.condition(source)
        failures = condition.failures if endless else condition.unanswered
        return trouble_of(
            error, failures=failures, endless=endless, rng=self._rng, answered=answered
        )

    def _check_may_run(self, source: Source) -> None:
        self._register.entry(source.id)
        pause = self._runs.pauses(self._clock.now()).get(source.id)
        if pause is not None:
            raise Stop(
                f"source {source.id} is paused ({pause.why}); resume it with: peil sources resume "
                f"{source.id}"
            )

    def _follow(self, work: Work, begin: Callable[[], Iterator[Batch]], stopping: Ask) -> bool:
        """Take every batch of a run and note how it ends; whether it came to its end."""
        outcome, trouble = "stopped", None
        source, endless = work.source.id, work.collector.endless
        try:
            self._check_authors(work.source, work.collector)
            if self._take_all(work, begin(), stopping):
                outcome = "ended"
        except Exception as error:
            outcome = "failed"
            trouble = self._trouble(source, error, endless=endless, answered=work.answered)
            raise
        finally:
            if work.mine():  # else another process says that it was cut off
                now = self._clock.now()
                self._runs.end(work.number, source, now, outcome=outcome, trouble=trouble)
        return outcome == "ended"

    def _take_all(self, work: Work, batches: Iterator[Batch], stopping: Ask) -> bool:
        """Whether the batches came to their end; else the iterator is closed before it."""
        source, checked, answered = work.source.id, self._clock.now(), False
        failing = self._runs.condition(source).failures > 0
        try:
            for batch in batches:
                has_posts = any(isinstance(item, RawPost) for item in batch.items)
                work.unread = 0 if has_posts else work.unread + len(batch.rejected)
                work.answered = False  # a log that cannot take the batch is nobody's answer
                try:
                    self._admission.take(work, batch)
                except Stop:
                    if self._is_open(source):
                        raise
                    return False
                work.answered = answered = answered or batch.answered
                if batch.rejected and work.unread >= self._settings.reject_run:
                    raise Stop(
                        f"source {source}: the last {work.unread} items could not be read "
                        f"({batch.rejected[-1].why}); its format has changed, see "
                        "`peil quarantine list`"
                    )
                if failing and work.collector.endless and batch.read:
                    self._runs.well(source)
                    failing = False
                now = self._clock.now()
                if now - checked >= HOUR_MS:
                    self._check_authors(work.source, work.collector)
                    checked = now
                if stopping() or source in self._runs.pauses(now):
                    return False
            if work.collector.endless:
                raise Retry(f"source {source}: its stream ended by itself")
            return True
        finally:
            if close := getattr(batches, "close", None):  # a generator lets its connection go
                close()

    def _is_open(self, source: str) -> bool:
        try:
            self._register.entry(source)
        except Stop:
            return False
        return True

    def _check_authors(self, source: Source, collector: Collector) -> None:
        """A source that is no organisation must have many authors, else it follows persons."""
        entry = self._register.entry(source.id)
        if entry.organisation:
            return
        as_one = f"open it as one with: peil sources open {source.id} --organisation"
        if isinstance(collector, OfOrganisations) and collector.organisations:
            raise Stop(
                f"source {source.id}: {source.collector!r} collects accounts, which only a "
                f"verified organisation may be; when it is one, {as_one}"
            )
        now, month = self._clock.now(), AUTHORS_DAYS * DAY_MS
        if self._tallies.active_since(source.id, now=now, rest=month) > now - month:
            return
        if self._memory.authors(source.id, since=now - month) < self._k:
            raise Stop(
                f"source {source.id}: fewer than {self._k} people wrote there in the last "
                f"{AUTHORS_DAYS} days, so it would follow persons; close it, or, when it is one "
                f"verified organisation, {as_one}"
            )
