"""What SQLite and PostgreSQL do not say alike, said once for every package with tables."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    String,
    Table,
    any_,
    bindparam,
    case,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

WORDS = String().with_variant(String(collation="C"), "postgresql")
"""The type of a text: compared by code point, as SQLite does. The order of a language depends on
the server's operating system, and an upgrade of that would spoil indexes.
"""

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""The type of a whole number of 64 bits. SQLite numbers rows by itself only in an `INTEGER`."""


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    replace: Sequence[str] = (),
    largest: Sequence[str] = (),
    total: Sequence[str] = (),
    newest: str | None = None,
) -> None:
    """Insert `rows`. Where a row with the same primary key is there already, its columns `replace`
    take the new value, its columns `largest` the larger one and its columns `total` the sum; it
    stays as it is when it has more in column `newest`, and when no column is named.
    """
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    new = statement.excluded
    changes: dict[str, Any] = {name: new[name] for name in replace}
    for name in largest:
        held = table.c[name]
        changes[name] = case((new[name] > held, new[name]), else_=held)
    for name in total:
        changes[name] = table.c[name] + new[name]
    keys = [column.name for column in table.primary_key]
    if changes:
        statement = statement.on_conflict_do_update(
            index_elements=keys,
            set_=changes,
            where=None if newest is None else new[newest] >= table.c[newest],
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    # One order everywhere: processes that change the same rows wait, and never for each other.
    connection.execute(statement, sorted(rows, key=lambda row: [row[key] for key in keys]))


def among(
    connection: Connection, column: ColumnElement[str], values: Sequence[str]
) -> ColumnElement[bool]:
    """That `column` has one of `values`: hundreds at once, where one statement each is slow."""
    if connection.dialect.name == "sqlite":
        return column.in_(values)
    # As one array: a parameter each costs the driver twice the time.
    return column == any_(bindparam(None, list(values), ARRAY(String)))


@contextmanager
def alone(engine: Engine, what: str) -> Generator[Connection]:
    """A transaction that does `what` and that nobody else has who asks for the same; waits for
    its turn. Committed at the end of the block, rolled back by an error.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # a file has one writer anyway
        else:
            connection.execute(select(func.pg_advisory_xact_lock(_number(what))))
        yield connection
        connection.commit()


def _number(what: str) -> int:
    """What PostgreSQL knows the lock by: the same in every process and release."""
    digest = hashlib.blake2b(f"peil {what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
