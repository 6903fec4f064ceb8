"""Leases: locks between machines, kept in the operational database on PostgreSQL.

The database's clock counts for all, so machines whose clocks differ agree on who holds what.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Engine,
    MetaData,
    Table,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from peil.locks import Held, waiting
from stream.clock import Clock
from stream.database import WHOLE, WORDS
from stream.errors import PeilError, Retry

logger = logging.getLogger(__name__)

SECONDS = 30.0
"""How long a lease lasts when its holder cannot renew it: so late others take over."""

RENEWALS = 5
"""A lease is renewed so often in its time: some may fail."""

PAUSE_SECONDS = 1.0

metadata = MetaData()

lease = Table(
    "lease",
    metadata,
    Column("role", WORDS, primary_key=True),
    Column("holder", WORDS, nullable=False),
    Column("number", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
)


class Lease:
    """A lease that was got: true until its end, which it moves on by itself while it is held.

    `number` grows with every taking of the role, so what an earlier holder still does can be told
    from what this one does.
    """

    def __init__(self, role: str, number: int, *, until: float) -> None:
        self.role = role
        self.number = number
        self._until = until
        self._lost = threading.Event()

    def __bool__(self) -> bool:
        if not self._lost.is_set() and _uptime() >= self._until:
            self.lose("its time passed without a renewal")
        return not self._lost.is_set()

    def check(self) -> None:
        """Retry when the lease is lost."""
        if not self:
            raise Retry(f"the lease of `{self.role}` was lost; another process may hold it now")

    def prolong(self, until: float) -> None:
        """It now lasts to `until`, in seconds of this machine's uptime."""
        self._until = until

    def lose(self, why: str) -> None:
        """It is lost for good."""
        if not self._lost.is_set():
            self._lost.set()
            logger.warning("the lease of `%s` was lost: %s", self.role, why)


class Leases:
    """`Locks` between all processes that share one database.

    `holder` names this process to a person who looks into the table. A process that dies keeps
    its leases for at most `seconds`.
    """

    def __init__(self, engine: Engine, *, holder: str = "", seconds: float = SECONDS) -> None:
        self._engine = engine
        self._holder = holder or f"{socket.gethostname()} {os.getpid()}"
        self._seconds = seconds

    @contextmanager
    def hold(self, role: str) -> Generator[Held]:
        mine = self._take(role)
        if mine is None:
            yield False
            return
        ended = threading.Event()
        renewing = threading.Thread(
            target=self._keep, args=(mine, ended), name=f"lease-{role}", daemon=True
        )
        renewing.start()
        try:
            yield mine
        finally:
            ended.set()
            renewing.join()
            self._give_back(mine)

    def wait_for(
        self, role: str, *, clock: Clock, give_up: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[Held]:
        return waiting(self.hold, role, clock=clock, give_up=give_up, pause=PAUSE_SECONDS)

    def is_held(self, role: str) -> bool:
        held = select(lease.c.role).where(lease.c.role == role, lease.c.until > _now())
        with self._engine.connect() as connection:
            return connection.execute(held).first() is not None

    def _take(self, role: str) -> Lease | None:
        # The end as this machine sees it lies before the one that the database writes down.
        until = _uptime() + self._seconds
        statement = insert(lease).values(
            role=role, holder=self._holder, number=1, until=self._end()
        )
        new = statement.excluded
        taking = statement.on_conflict_do_update(
            index_elements=[lease.c.role],
            set_={"holder": new.holder, "number": lease.c.number + 1, "until": new.until},
            where=lease.c.until <= _now(),
        ).returning(lease.c.number)
        with self._engine.begin() as connection:
            number = connection.execute(taking).scalar()
        return None if number is None else Lease(role, number, until=until)

    def _keep(self, mine: Lease, ended: threading.Event) -> None:
        """Renew until the block has ended or the lease is lost."""
        while not ended.wait(self._seconds / RENEWALS) and mine:
            until = _uptime() + self._seconds
            renewal = update(lease).where(*_is(mine)).values(until=self._end())
            try:
                with self._engine.begin() as connection:
                    renewed = connection.execute(renewal).rowcount
            except PeilError as error:
                logger.warning("the lease of `%s` could not be renewed: %s", mine.role, error)
                continue
            if not renewed:
                mine.lose("another process took it")
            elif mine:
                mine.prolong(until)

    def _give_back(self, mine: Lease) -> None:
        """Let the next one take it at once."""
        over = update(lease).where(*_is(mine)).values(until=_now())
        try:
            with self._engine.begin() as connection:
                connection.execute(over)
        except PeilError as error:
            logger.warning("the lease of `%s` ends by itself: %s", mine.role, error)

    def _end(self) -> ColumnElement[int]:
        return _now() + int(self._seconds * 1000)


def _is(mine: Lease) -> tuple[ColumnElement[bool], ...]:
    return lease.c.role == mine.role, lease.c.number == mine.number


def _now() -> ColumnElement[int]:
    """The present by the database's clock, in Unix ms; it moves on within a transaction."""
    return cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)


def _uptime() -> float:
    """Seconds since this machine was started, those counted in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
