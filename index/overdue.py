"""What should have been dropped by now."""

from collections.abc import Iterable, Sequence

from stream.clock import HOUR_MS
from stream.partitions import Partition

LATE_MS = 2 * HOUR_MS
"""Housekeeping comes by every hour."""


def overdue(partitions: Iterable[Partition], *, now: int) -> Sequence[str]:
    """What to say of the partitions that are over their term at `now` (Unix ms) for too long."""
    return [
        f"{each.name} is over its term: `peil run` or `peil expire` drops it"
        for each in sorted(partitions)
        if each.until_ms < now - LATE_MS
    ]
