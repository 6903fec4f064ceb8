"""What became of the items of each source, by the hour: counts, and nothing of an item."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, delete, func, select

from ingest.tables import tally
from stream.clock import HOUR_MS
from stream.database import upsert

LOOKED = "looked"
"""Counts batches that a server answered, empty ones too: an hour without it is one in which nobody
looked, or nobody answered.
"""

READ = "read"
APPENDED = "appended"


def hour_of(moment: int) -> int:
    """The start of the hour (UTC) that `moment` lies in, both in Unix ms."""
    return moment - moment % HOUR_MS


def add(connection: Connection, source: str, now: int, counts: Mapping[str, int]) -> None:
    """Count items of `source` in the present hour, within a transaction of the caller's."""
    rows = [
        {"source": source, "hour": hour_of(now), "what": what, "amount": items}
        for what, items in counts.items()
        if items
    ]
    upsert(connection, tally, rows, total=["amount"])


class Tallies:
    """The counts of all sources in the operational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hours(self, source: str, what: str, *, since: int) -> Mapping[int, int]:
        """How many items each hour had; hours without any are left out."""
        here = (
            select(tally.c.hour, tally.c.amount)
            .where(tally.c.source == source, tally.c.what == what, tally.c.hour >= since)
            .order_by(tally.c.hour)
        )
        with self._engine.connect() as connection:
            return {row.hour: row.amount for row in connection.execute(here)}

    def totals(self, source: str, *, since: int) -> Mapping[str, int]:
        """How many items there were since then, by what became of them."""
        here = select(tally.c.what, func.sum(tally.c.amount)).where(
            tally.c.source == source, tally.c.hour >= since
        )
        with self._engine.connect() as connection:
            rows = connection.execute(here.group_by(tally.c.what))
            return Counter({what: int(items) for what, items in rows})

    def active_since(self, source: str, *, now: int, rest: int) -> int:
        """Since when `source` appends something without resting for longer than `rest` ms; `now`
        when it rested until now. Looks no further back than `rest` before `now`.
        """
        hours: Sequence[int] = sorted(self.hours(source, APPENDED, since=now - 2 * rest))
        since = now
        for hour in reversed(hours):
            if since - hour > rest or since <= now - rest:
                break
            since = hour
        return since

    def forget(self, before: int) -> int:
        """Drop the hours before then; returns how many counts."""
        with self._engine.begin() as connection:
            return connection.execute(delete(tally).where(tally.c.hour < before)).rowcount
