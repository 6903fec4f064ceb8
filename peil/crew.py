"""Threads with names, one at a time a name."""

import logging
import threading
import time
from collections.abc import Callable

from ingest.backoff import fault
from stream.errors import PeilError

logger = logging.getLogger(__name__)


class Crew:
    """Starts threads and waits for their end. Used by one thread, which starts them all."""

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` in a thread of its own; `name` may not be at work. What it raises is logged,
        and ends only itself.
        """
        if self.is_at_work(name):
            raise ValueError(f"{name} is at work already")
        thread = threading.Thread(target=_guarded, args=(name, work), name=name, daemon=True)
        self._threads[name] = thread
        thread.start()

    def is_at_work(self, name: str) -> bool:
        """Whether the thread of that name has not ended."""
        thread = self._threads.get(name)
        return thread is not None and thread.is_alive()

    def names(self) -> list[str]:
        """The threads that have not ended."""
        self._threads = {name: each for name, each in self._threads.items() if each.is_alive()}
        return list(self._threads)

    def join(self, *, seconds: float) -> list[str]:
        """Wait until all have ended, so long at most; returns the names of those that have not."""
        deadline = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        return self.names()


def _guarded(name: str, work: Callable[[], None]) -> None:
    try:
        work()
    except PeilError as error:
        logger.warning("%s: %s", name, error)
    except Exception as error:  # noqa: BLE001  (one source's fault costs that source)
        logger.error("%s: %s", name, fault(error))  # noqa: TRY400  (its text can be out of an item)
