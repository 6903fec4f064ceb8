"""What collects over a working folder, and what is remembered of it."""

import random
from functools import cached_property

from ingest.account import Account
from ingest.admission import Admission
from ingest.catalogue import Supplies, make_collector
from ingest.contract import Collector, Resting
from ingest.intake import Ask, Intake
from ingest.memory import Memory
from ingest.rechecks import Rechecks
from ingest.runs import Cause, Runs, Slot
from ingest.sources import Source
from ingest.tallies import Tallies
from ingest.vault import Vault
from ingest.web.client import Web
from peil.foundation import Foundation
from peil.locks import Held
from privacy.gate import Gate
from stream.errors import Retry, Stop


class Ingestion:
    """The parts of `ingest` over one working folder, each made when it is first asked for.

    Parts are made by one thread; `collect`, `backfill` and `rechecks` may then be used by several,
    one a source.
    """

    def __init__(self, base: Foundation) -> None:
        self._base = base

    @cached_property
    def memory(self) -> Memory:
        return Memory(self._base.database)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self._base.database)

    @cached_property
    def tallies(self) -> Tallies:
        return Tallies(self._base.database)

    @cached_property
    def vault(self) -> Vault:
        return Vault(self._base.database, self._base.keys)

    def collect(
        self,
        source: Source,
        collector: Collector,
        *,
        wait: bool = False,
        cause: Cause = "hand",
        slot: Slot | None = None,
        stopping: Ask = lambda: False,
    ) -> Account:
        """Run `collector` for `source`, alone: its cursor has one owner. When another process
        does so, wait for its end or, without `wait` or once `stopping()`, raise Retry.
        """
        role = f"source-{source.id}"
        locks, clock = self._base.locks, self._base.clock
        lock = locks.wait_for(role, clock=clock, give_up=stopping) if wait else locks.hold(role)
        with lock as mine:
            self._check_free(mine, f"another process collects from {source.id}")
            self.runs.cut_off(source.id, self._base.clock.now(), causes=("schedule", "hand"))
            return self.intake.run(
                source, collector, cause=cause, slot=slot, stopping=stopping,
                mine=lambda: bool(mine),
            )  # fmt: skip

    def backfill(
        self, source: Source, collector: Collector, *, start: int, end: int, stopping: Ask
    ) -> Account:
        """Collect what was written in `source` in that period (Unix ms, `end` exclusive), beside
        its own runs. Retry when another process does so.
        """
        with self._base.locks.hold(f"backfill-{source.id}") as mine:
            self._check_free(mine, f"another process backfills {source.id}")
            self.runs.cut_off(source.id, self._base.clock.now(), causes=("backfill",))
            return self.intake.backfill(
                source, collector, start=start, end=end, stopping=stopping, mine=lambda: bool(mine)
            )

    @staticmethod
    def _check_free(mine: Held, busy: str) -> None:
        if not mine:
            raise Retry(f"{busy}; try again when it is done")

    @cached_property
    def admission(self) -> Admission:
        gate = Gate(
            self._base.keys,
            ledger=self._base.ledger,
            clock=self._base.clock,
            metrics=self._base.metrics,
            settings=self._base.settings.privacy,
        )
        return Admission(
            broker=self._base.broker,
            gate=gate,
            register=self._base.register,
            memory=self.memory,
            vault=self.vault,
            ledger=self._base.ledger,
            quarantine=self._base.quarantine,
            metrics=self._base.metrics,
            clock=self._base.clock,
            settings=self._base.settings.ingest,
            k=self._base.settings.privacy.k,
            longest_retention_ms=self._base.retention_ms,
        )

    @cached_property
    def intake(self) -> Intake:
        return Intake(
            admission=self.admission,
            register=self._base.register,
            memory=self.memory,
            runs=self.runs,
            tallies=self.tallies,
            clock=self._base.clock,
            rng=random.Random(),  # noqa: S311  (when a source is tried again is no secret)
            settings=self._base.settings.ingest,
            k=self._base.settings.privacy.k,
        )

    @cached_property
    def rechecks(self) -> Rechecks:
        return Rechecks(
            admission=self.admission,
            vault=self.vault,
            register=self._base.register,
            metrics=self._base.metrics,
            clock=self._base.clock,
            settings=self._base.settings.ingest,
        )

    @cached_property
    def web(self) -> Web:
        settings = self._base.settings.ingest
        web = Web(
            contact=settings.contact,
            clock=self._base.clock,
            max_bytes=settings.fetch_bytes,
            max_seconds=settings.fetch_seconds,
            private_hosts=settings.private_hosts,
            pause_seconds=settings.pause_seconds,
        )
        return self._base.closing(web, web.close)

    def resume(self, source: Source) -> bool:
        """Nobody holds `source` up any more, and what failed is tried at once: servers that wanted
        to be left alone too, as a person says that they are to be asked. False when it was not
        paused.
        """
        was_paused = self.runs.resume(source.id)
        try:
            collector = self.collector(source)
        except Stop:
            return was_paused  # it never ran so, and its next run says what is wrong
        with self._base.locks.hold(f"source-{source.id}") as mine:
            cursor = self.memory.cursor(source.id)
            if mine and cursor and isinstance(collector, Resting):  # else a run moves it just now
                self.memory.advance(source.id, collector.woken(cursor), {}, until=0)
        return was_paused

    def collector(self, source: Source) -> Collector:
        """The collector of a source that runs by itself."""
        rng = random.Random()  # noqa: S311  (when a server is come back to is no secret)
        supplies = Supplies(
            open_web=lambda: self.web, clock=self._base.clock, rng=rng, root=self._base.folder.root
        )
        return make_collector(source, supplies)
