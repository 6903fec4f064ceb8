"""The periods that a source missed, as every chart shows them."""

import msgspec
from sqlalchemy import Engine, select

from index.tables import gap

FIRST = 0
"""In 1970 nobody posted anything: a gap begins no earlier."""


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A source missed what was posted from `start` to `end` (Unix ms, exclusive)."""

    source: str
    start: int
    end: int
    why: str


def missed(engine: Engine, *, since: int, until: int) -> list[Missed]:
    """Every gap that touches that period, the earliest first, up to `until`: what is missing later
    is nobody's to know yet, and one that a false clock left would shade years to come.
    """
    statement = (
        select(gap.c.source, gap.c.start, gap.c.end, gap.c.why)
        .where(gap.c.start < until, gap.c.end > since)
        .order_by(gap.c.start, gap.c.source)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement)
        return [
            Missed(
                source=row.source,
                start=max(FIRST, row.start),
                end=min(until, row.end),
                why=row.why,
            )
            for row in rows
        ]
