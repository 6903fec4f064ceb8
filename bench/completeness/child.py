"""The process that is killed: a collect role whose clock goes faster than the wall's."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from peil.folder import WorkingFolder
from peil.health import Pulse
from peil.pipeline import Pipeline
from peil.roles import ROLES
from peil.settings import load_settings


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
    return Pipeline(working, load_settings(working.settings, environ={}), clock=clock)


def main(folder: Path, clock: FastClock) -> None:
    """Collect until it is told to end, or whoever began it is gone."""
    stop, parent = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with opened(folder, clock) as pipeline:
        print("ready", flush=True)
        pulse = Pulse(clock=clock)
        ROLES["collect"](pipeline, pulse, lambda: stop.is_set() or os.getppid() != parent)


if __name__ == "__main__":
    began, speed, ahead = sys.argv[2:]
    main(Path(sys.argv[1]), FastClock(began=int(began), speed=float(speed), ahead=int(ahead)))
