"""Time as a value that is handed in: nothing in a step reads the machine's clock."""

import time
from datetime import UTC, datetime
from typing import Protocol

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


class Clock(Protocol):
    """The present, in milliseconds since 1970-01-01T00:00Z, and a way to let time pass.

    People and time servers set clocks, also back. So `now` is for moments that are written down
    or read from somewhere, and `elapsed` for how long ago something was in this process.
    """

    def now(self) -> int:
        """The present moment in Unix milliseconds. Never blocks."""
        ...

    def elapsed(self) -> int:
        """Milliseconds since some moment that is the same for all who ask in this process. Grows
        with the time that passes, whatever is done to the clock. Never blocks.
        """
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`. Blocks, or moves the clock when time is simulated."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def elapsed(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to: months pass in a test within a millisecond."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._elapsed = 0

    def now(self) -> int:
        return self._now

    def elapsed(self) -> int:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.advance(int(seconds * 1000))

    def advance(self, milliseconds: int) -> None:
        """Let `milliseconds` pass, which may not be negative."""
        if milliseconds < 0:
            message = f"time does not go back: {milliseconds} ms; a clock can be `set`"
            raise ValueError(message)
        self._now += milliseconds
        self._elapsed += milliseconds

    def set(self, now: int) -> None:
        """Set the clock to `now` (Unix ms), earlier or later, as people and time servers do: no
        time passes.
        """
        self._now = now


def to_datetime(milliseconds: int) -> datetime:
    """Unix milliseconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_milliseconds(moment: datetime) -> int:
    """An aware datetime as Unix milliseconds; a naive one is refused."""
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} has no time zone: say which one is meant"
        raise ValueError(message)
    return int(moment.timestamp() * 1000)
