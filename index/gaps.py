"""The periods that a source missed, as every chart shows them."""

import msgspec
from sqlalchemy import Engine, select

from index.tables import gap


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A source missed what was posted from `start` to `end` (Unix ms, exclusive)."""

    source: str
    start: int
    end: int
    why: str


def missed(engine: Engine, *, since: int, until: int) -> list[Missed]:
    """Every gap that touches that period, the earliest first."""
    statement = (
        select(gap.c.source, gap.c.start, gap.c.end, gap.c.why)
        .where(gap.c.start < until, gap.c.end > since)
        .order_by(gap.c.start, gap.c.source)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement)
        return [
            Missed(source=row.source, start=row.start, end=row.end, why=row.why) for row in rows
        ]
