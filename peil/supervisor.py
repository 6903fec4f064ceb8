"""One process per role: started, watched, restarted with back-off, drained in order."""

import logging
import multiprocessing
import signal
from collections.abc import Callable, Collection, Sequence
from multiprocessing import resource_tracker
from types import FrameType
from typing import TYPE_CHECKING

from stream.clock import Clock

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

logger = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
HEALTHY_AFTER_MS = 60_000
TURN = 0.2

Target = Callable[[str], int]
"""What a role's process runs; it gets the role's name and returns the exit code."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a process to finish its work and end. A role starts with them blocked."""

STOPPED = 3
"""A role's exit code for an error that no restart mends: a person must act."""


class Role:
    """A role's process and when it may start again after it ended."""

    def __init__(self, name: str, target: Target, *, clock: Clock, spared: bool = False) -> None:
        self.name = name
        self._spared = spared
        self._target = target
        self._clock = clock
        self._process: SpawnProcess | None = None
        self._started = 0
        self._wait = FIRST_WAIT
        self._start_at = clock.elapsed()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def watch(self) -> int | None:
        """Start, restart or leave alone; returns the exit code that ends the whole run, if any."""
        if self.alive:
            return None
        now = self._clock.elapsed()
        if self._process is not None:
            code = self._process.exitcode
            self._process = None
            if code == STOPPED and not self._spared:
                logger.error("role %s stopped for a reason that a person must mend", self.name)
                return STOPPED
            if now - self._started > HEALTHY_AFTER_MS:
                self._wait = FIRST_WAIT
            if code == STOPPED:
                logger.error(
                    "role %s stopped for a reason that a person must mend; the other roles run "
                    "on, and it is tried again in %.0f s",
                    self.name,
                    self._wait,
                )
            else:
                logger.warning(
                    "role %s ended with %s; again in %.0f s", self.name, code, self._wait
                )
            self._start_at = now + int(self._wait * 1000)
            self._wait = min(LONGEST_WAIT, self._wait * 2)
        if now >= self._start_at:
            self._process = multiprocessing.get_context("spawn").Process(
                target=_run, args=(self._target, self.name), name=f"peil-{self.name}"
            )
            # A signal that comes before the role can handle it waits until then. The tracker that
            # multiprocessing starts beside the first process unblocks signals: it goes first.
            resource_tracker.ensure_running()
            before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                self._process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._started = now
        return None

    def drain(self, *, seconds: float) -> bool:
        """Ask the process to finish its batch and end; False when it had to be killed."""
        process, self._process = self._process, None
        if process is None or not process.is_alive():
            return True
        process.terminate()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
            return False
        return True


def _run(target: Target, name: str) -> None:
    raise SystemExit(target(name))


class Supervisor:
    """Runs roles until SIGTERM or SIGINT, then drains them in the order a post takes.

    One of `spared` that a person must mend is tried again and does not end the others.
    """

    def __init__(
        self,
        roles: Sequence[str],
        target: Target,
        *,
        clock: Clock,
        drain_seconds: float,
        spared: Collection[str] = (),
    ) -> None:
        self._roles = [Role(name, target, clock=clock, spared=name in spared) for name in roles]
        self._clock = clock
        self._drain_seconds = drain_seconds
        self._stopping = False

    def run(self) -> int:
        """Block until a signal or an error that no restart mends; returns the exit code.

        Must be called from the main thread, because it handles signals.
        """
        for number in SIGNALS:
            signal.signal(number, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = 0
        while not self._stopping:
            codes = [role.watch() for role in self._roles]
            if any(each is not None for each in codes):
                code = STOPPED
                break
            self._clock.sleep(TURN)
        for role in self._roles:
            if not role.drain(seconds=self._drain_seconds):
                logger.error("role %s did not end in time and was killed", role.name)
        return code

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
