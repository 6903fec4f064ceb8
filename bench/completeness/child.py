"""The process that is killed: a collect role whose clock goes faster than the wall's."""

import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from peil.folder import WorkingFolder
from peil.health import Pulse
from peil.pipeline import Pipeline
from peil.roles import ROLES
from peil.settings import load_settings

NO_LABELS = ("enrich.backlog=0", "enrich.affordable=0")
"""Who enriches in time gives no label that takes a model: none is looked for."""


class FastClock:
    """Hours pass in minutes: since `began` (Unix ms) time goes `speed` times as fast, and it is
    `ahead` ms later besides.
    """

    def __init__(self, *, began: int, speed: float, ahead: int = 0) -> None:
        self.began = began
        self.speed = speed
        self.ahead = ahead

    def now(self) -> int:
        wall = time.time_ns() / 1_000_000
        return int(self.began + (wall - self.began) * self.speed) + self.ahead

    def elapsed(self) -> int:
        return int(time.monotonic() * self.speed * 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


def opened(folder: Path, clock: FastClock) -> Pipeline:
    working = WorkingFolder.open(folder)
    settings = load_settings(working.settings, environ={}, overrides=NO_LABELS)
    return Pipeline(working, settings, clock=clock)


def main(folder: Path, clock: FastClock, ready: Connection) -> None:
    """Collect until it is told to end, or whoever began it is gone. Says that it is `ready`."""
    stop, parent = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with opened(folder, clock) as pipeline:
        ready.send(None)
        ready.close()
        pulse = Pulse(clock=clock)
        ROLES["collect"](pipeline, pulse, lambda: stop.is_set() or os.getppid() != parent)
