"""How often may be asked, and how often a password may be guessed. Kept in memory: whoever could
restart the dashboard to begin anew needs to guess nothing.
"""

import math
from collections import OrderedDict
from threading import Lock

from stream.clock import HOUR_MS, MINUTE_MS, Clock

MOST_KEYS = 20_000
"""So many are remembered; then the one that was longest silent is forgotten."""

FREE_TRIES = 10
"""Wrong passwords for one account before somebody has to wait; twice as long with each more."""

FREE_TRIES_OF_ADDRESS = 30
"""Wrong passwords from one address, which an office may share."""

LONGEST_WAIT_OF_ACCOUNT = 60
"""Seconds. No longer, so that nobody is locked out for good by somebody else's guesses: still
1,440 guesses a day at most, wherever they come from.
"""

LONGEST_WAIT_OF_ADDRESS = 900


class Rates:
    """Requests a minute by key: as many at once, then as they come free. Threads may share it.

    The generic cell rate algorithm: of each key only the moment is held at which all it was
    granted is used up.
    """

    def __init__(self, *, a_minute: int, clock: Clock) -> None:
        self._step = MINUTE_MS / a_minute
        self._clock = clock
        self._lock = Lock()
        self._used_up: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> int:
        """The seconds that `key` has to wait; 0 when it may go on, which is counted."""
        now = self._clock.elapsed()
        with self._lock:
            end = max(self._used_up.get(key, 0), now) + self._step
            if end - now > MINUTE_MS:
                return math.ceil((end - now - MINUTE_MS) / 1000)
            self._used_up[key] = end
            self._used_up.move_to_end(key)
            if len(self._used_up) > MOST_KEYS:
                self._used_up.popitem(last=False)
            return 0


class Attempts:
    """Wrong passwords by account and by address. Threads may share it.

    An attempt counts as failed from its beginning, so that a hundred at once are a hundred.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """How often, and when last (`Clock.elapsed`)."""

    def begin(self, *, account: str, address: str) -> int:
        """The seconds to wait before a password may be tried; 0 when it may be now."""
        by_account, by_address = f"account {account}", f"address {address}"
        with self._lock:
            wait = max(
                self._wait(by_account, free=FREE_TRIES, longest=LONGEST_WAIT_OF_ACCOUNT),
                self._wait(by_address, free=FREE_TRIES_OF_ADDRESS, longest=LONGEST_WAIT_OF_ADDRESS),
            )
            if wait == 0:
                self._note(by_account)
                self._note(by_address)
            return wait

    def succeeded(self, *, account: str, address: str) -> None:
        """The attempt was right: the account begins anew. The address only gets this one back,
        or who has an account could clear it between guesses at another.
        """
        with self._lock:
            self._failed.pop(f"account {account}", None)
            key = f"address {address}"
            count, last = self._failed.get(key, (0, 0))
            if count > 1:
                self._failed[key] = (count - 1, last)
            else:
                self._failed.pop(key, None)

    def failures(self, account: str) -> int:
        """How often in a row the password of `account` was wrong."""
        with self._lock:
            return self._count(f"account {account}")[0]

    def _note(self, key: str) -> None:
        count, _ = self._count(key)
        self._failed[key] = (count + 1, self._clock.elapsed())
        self._failed.move_to_end(key)
        if len(self._failed) > MOST_KEYS:
            self._failed.popitem(last=False)

    def _wait(self, key: str, *, free: int, longest: int) -> int:
        count, last = self._count(key)
        if count < free:
            return 0
        seconds = min(1 << min(count - free, 20), longest)  # a large count is no larger number
        return max(0, math.ceil((last + seconds * 1000 - self._clock.elapsed()) / 1000))

    def _count(self, key: str) -> tuple[int, int]:
        """What is held of `key`; an hour after the last failure it is forgotten."""
        count, last = self._failed.get(key, (0, 0))
        return (0, 0) if self._clock.elapsed() - last >= HOUR_MS else (count, last)
