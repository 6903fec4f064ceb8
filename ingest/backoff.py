"""When a source that failed is tried again."""

import random
import traceback
from pathlib import Path

import msgspec

from ingest.runs import Recovery, Trouble
from ingest.several import PartsRetry, PartsStop
from stream.clock import HOUR_MS, MINUTE_MS
from stream.errors import Retry, Stop

SHORTEST_MS = MINUTE_MS
LONGEST_MS = 6 * HOUR_MS
LONGEST_ENDLESS_MS = 10 * MINUTE_MS
"""A stream goes on without us, and holds what was missed only for so long."""

STOPPED_MS = HOUR_MS
JITTER = 0.25
"""What failed at once is not tried again at once: so much longer at most."""


def trouble_of(
    error: Exception, *, failures: int, endless: bool, rng: random.Random, answered: bool = False
) -> Trouble:
    """What `error` means for a source that failed `failures` times in a row before without any
    answer; now it had one when `answered` says so.

    Retry: after as long as the server asked for, and at least after a minute, which doubles with
    every failure up to six hours, or ten minutes for a source that does not end. Where a part of
    the source answered, the others wait for nobody: it runs at its next slot. Anything else needs
    a person and is tried again at the next slot; a source that has none, because it does not end,
    after an hour. Parts that fail and were not asked this time change nothing of that.
    """
    if not isinstance(error, (PartsRetry, PartsStop)):
        return _trouble(error, failures=failures, endless=endless, rng=rng, answered=answered)
    lasting = error.lasting
    answered = answered or lasting.others
    if lasting.asked:
        found = _trouble(error, failures=failures, endless=endless, rng=rng, answered=answered)
    else:
        after = error.after if isinstance(error, Retry) and not answered else None
        found = Trouble(
            error=str(error),
            recovery="retry" if isinstance(error, Retry) else "stop",
            wait=int(after * 1000) if after else None,
            answered=answered or None,
        )
    return msgspec.structs.replace(found, failures=lasting.failures, since=lasting.since)


def _trouble(
    error: Exception, *, failures: int, endless: bool, rng: random.Random, answered: bool
) -> Trouble:
    if isinstance(error, Retry) and answered and not endless:
        return Trouble(error=str(error), recovery="retry", wait=None, answered=True)
    if isinstance(error, Retry):
        longest = LONGEST_ENDLESS_MS if endless else LONGEST_MS
        own = min(longest, SHORTEST_MS * 2 ** min(failures, 20))
        shortest = max(own, int((error.after or 0) * 1000))
        wait = int(shortest * (1 + rng.uniform(0, JITTER)))
        return Trouble(error=str(error), recovery="retry", wait=wait)
    recovery: Recovery = "stop" if isinstance(error, Stop) else "fault"
    said = str(error) if recovery == "stop" else fault(error)
    at_slot = STOPPED_MS if endless else None
    return Trouble(error=said, recovery=recovery, wait=at_slot, answered=answered)


def fault(error: Exception) -> str:
    """Where the program failed, without what the error says: that can be out of an item."""
    *_, last = traceback.extract_tb(error.__traceback__)
    place = f"{Path(last.filename).name}, line {last.lineno}"
    return f"{type(error).__name__} in {place}: a fault of the program; tell who wrote it"
