"""What every part over a working folder stands on."""

from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Engine

from peil.backends import Backend, Cluster, Embedded, open_locks, open_operational
from peil.folder import WorkingFolder
from peil.locks import Locks
from peil.settings import Settings
from privacy.access import AccessLog
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.marks import KeyMarks
from privacy.register import Register
from stream.broker import Broker
from stream.clock import DAY_MS, Clock
from stream.metrics import PrometheusMetrics
from stream.quarantine import Quarantine

Part = TypeVar("Part")


class Foundation:
    """What every part of peil over one working folder stands on: settings, clock, database, log,
    keys and what privacy remembers, each opened when it is first asked for.

    One a process, made by one thread. Use it as a context: leaving it closes what was opened, the
    last first.
    """

    def __init__(
        self,
        folder: WorkingFolder,
        settings: Settings,
        *,
        clock: Clock,
        metrics: PrometheusMetrics | None = None,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.clock = clock
        self.metrics = metrics or PrometheusMetrics()
        self._closers: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened, the last first. Calling it twice is harmless."""
        while self._closers:
            self._closers.pop()()

    def closing(self, part: Part, close: Callable[[], None]) -> Part:
        """`part`, which `close` closes when all is closed."""
        self._closers.append(close)
        return part

    @property
    def retention_ms(self) -> int:
        """The longest time that any post is kept."""
        return self.settings.privacy.longest_retention_days * DAY_MS

    @cached_property
    def database(self) -> Engine:
        engine = open_operational(self.folder, self.settings)
        return self.closing(engine, engine.dispose)

    @cached_property
    def locks(self) -> Locks:
        return open_locks(self.folder, self.database)

    @cached_property
    def backend(self) -> Backend:
        if self.settings.engine == "cluster":
            return Cluster(self.settings, locks=lambda: self.locks, clock=self.clock)
        return Embedded(self.folder, self.settings, locks=self.locks, clock=self.clock)

    @cached_property
    def broker(self) -> Broker:
        broker = self.backend.broker()
        return self.closing(broker, broker.close)

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.broker, clock=self.clock)

    # Privacy.

    @cached_property
    def keys(self) -> KeyRing:
        return self.keys_marked_in(self.database)

    def keys_marked_in(self, database: Engine) -> KeyRing:
        """The keys of this folder; Stop when they are not those that `database` knows."""
        marks = KeyMarks(database)

        def check(keys: KeyRing) -> None:
            marks.check(keys, now=self.clock.now())

        keys = self.key_ring(on_new=check)
        check(keys)
        return keys

    def key_ring(self, *, on_new: Callable[[KeyRing], None] = lambda _keys: None) -> KeyRing:
        """The keys of this folder, held against no marks: for who only looks."""
        return KeyRing(
            self.folder.keys,
            clock=self.clock,
            longest_retention_days=self.settings.privacy.longest_retention_days,
            on_new=on_new,
        )

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    @cached_property
    def register(self) -> Register:
        return Register(self.database, clock=self.clock)

    @cached_property
    def access(self) -> AccessLog:
        return AccessLog(self.database, keys=self.keys, folder=self.folder.keys, clock=self.clock)
