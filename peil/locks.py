"""Locks between processes: who does something alone, on one machine or on several."""

import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from stream.clock import Clock

logger = logging.getLogger(__name__)


class Held(Protocol):
    """What a lock gives: true while it is held."""

    def __bool__(self) -> bool:
        """Whether the lock is held now; once false, it stays so. Never blocks."""
        ...


class Locks(Protocol):
    """One lock a role. `WorkingFolder` keeps them on one machine, `Leases` between several."""

    def hold(self, role: str) -> AbstractContextManager[Held]:
        """Hold the lock for `role` while the block runs; false when another one holds it.

        Between machines it can also turn false inside the block: then another one may hold it,
        and the block is to end soon.
        """
        ...

    def wait_for(
        self, role: str, *, clock: Clock, give_up: Callable[[], bool] = ...
    ) -> AbstractContextManager[Held]:
        """As `hold`, waiting for another one that holds it; false when `give_up()` turns true
        before it lets go.
        """
        ...

    def is_held(self, role: str) -> bool:
        """Whether a living process holds the lock for `role`. Looking holds nobody up."""
        ...


@contextmanager
def waiting(
    hold: Callable[[str], AbstractContextManager[Held]],
    role: str,
    *,
    clock: Clock,
    give_up: Callable[[], bool],
    pause: float,
) -> Generator[Held]:
    """`Locks.wait_for` by trying `hold` every `pause` seconds."""
    said = False
    while not give_up():
        with hold(role) as mine:
            if mine:
                yield mine
                return
        if not said:
            logger.warning("another process does `%s`; waiting for its end", role)
            said = True
        clock.sleep(pause)
    yield False
