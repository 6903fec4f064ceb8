"""The move of the operational database from one engine to another, as from SQLite to PostgreSQL."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, Table, func, insert, select, tuple_
from sqlalchemy.exc import DataError

from peil.database import METADATA
from peil.leases import lease
from stream.database import alone
from stream.errors import Stop

ROWS_AT_ONCE = 2_000

TABLES = tuple(
    table for metadata in METADATA for table in metadata.sorted_tables if table is not lease
)
"""What is moved: all but the leases, which belong to processes that run."""

Progress = Callable[[str, int, int], None]
"""Told a table's name, how many rows more of it are in the target, and how many it has in all."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that both sides hold alike; `checksum` is SHA-256 over its rows in order."""

    name: str
    rows: int
    checksum: str


def copy_database(source: Engine, target: Engine, progress: Progress) -> Sequence[Copied]:
    """Copy every row of `source` to `target`, both from `open_database`; returns what both hold
    now, read again.

    Nobody else writes to a source of SQLite meanwhile. When it was cut off, the next call goes on
    where it was. Stop before anything is written when the target holds other rows than the first
    ones of the source, and at the end when both sides differ.
    """
    with alone(source, "copy") as connection:
        starts = {table: _held(connection, target, table) for table in TABLES}
        for table, (done, last) in starts.items():
            _copy(connection, target, table, done=done, last=last, progress=progress)
        _continue_numbers(target)
        return [_verified(connection, target, table) for table in TABLES]


def checksums(engine: Engine) -> Sequence[Copied]:
    """What `engine` holds, in the same terms."""
    with engine.connect() as connection:
        return [_summed(connection, table) for table in TABLES]


def _held(source: Connection, target: Engine, table: Table) -> tuple[int, RowMapping | None]:
    """How many rows of the source the target holds already, and the last of them."""
    done, last = 0, None
    with target.connect() as connection:
        for ours, theirs in zip_longest(_rows(source, table), _rows(connection, table)):
            if theirs is None:
                break
            if ours is None or dict(ours) != dict(theirs):
                raise Stop(
                    f"table {table.name} of the target holds rows of its own; nothing was copied. "
                    "Move into a database that is empty, or that a move before this one began"
                )
            done, last = done + 1, ours
    return done, last


def _copy(
    source: Connection,
    target: Engine,
    table: Table,
    *,
    done: int,
    last: RowMapping | None,
    progress: Progress,
) -> None:
    total = source.execute(select(func.count()).select_from(table)).scalar_one()
    progress(table.name, done, total)
    while page := _page(source, table, last):
        try:
            with target.begin() as connection:
                connection.execute(insert(table), [dict(row) for row in page])
        except DataError as error:
            raise Stop(
                f"table {table.name}: the target cannot hold one of the rows {done + 1} to "
                f"{done + len(page)}; look there for a text with a NUL character"
            ) from error
        done, last = done + len(page), page[-1]
        progress(table.name, len(page), total)


def _continue_numbers(target: Engine) -> None:
    """PostgreSQL counts rows apart from them: it goes on after the highest number."""
    if target.dialect.name != "postgresql":
        return
    with target.begin() as connection:
        for table in TABLES:
            column = table.autoincrement_column
            if column is None:
                continue
            highest = connection.execute(select(func.max(column))).scalar()
            if highest is not None:
                sequence = func.pg_get_serial_sequence(table.name, column.name)
                connection.execute(select(func.setval(sequence, highest)))


def _verified(source: Connection, target: Engine, table: Table) -> Copied:
    ours = _summed(source, table)
    with target.connect() as connection:
        theirs = _summed(connection, table)
    if ours != theirs:
        raise Stop(
            f"table {table.name} differs after the copy: {ours.rows} rows and {theirs.rows}; was "
            "the target in use? Empty it and begin again"
        )
    return ours


def _summed(connection: Connection, table: Table) -> Copied:
    digest, count = hashlib.sha256(), 0
    for row in _rows(connection, table):
        digest.update(msgspec.json.encode(tuple(row.values())))
        count += 1
    return Copied(str(table.name), count, digest.hexdigest())


def _rows(connection: Connection, table: Table) -> Iterator[RowMapping]:
    """All rows in the order of their keys: the same on both engines."""
    last: RowMapping | None = None
    while page := _page(connection, table, last):
        yield from page
        last = page[-1]


def _page(connection: Connection, table: Table, last: RowMapping | None) -> Sequence[RowMapping]:
    keys = list(table.primary_key)
    following = select(table).order_by(*keys).limit(ROWS_AT_ONCE)
    if last is not None:
        following = following.where(tuple_(*keys) > tuple(last[key] for key in keys))
    return connection.execute(following).mappings().all()
