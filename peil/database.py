"""The operational database: composed of the packages' tables, migrated by Alembic.

It holds cursors, seen-keys, the register, the ledger, the access log, roll-ups, leases, accounts
and what readers save; never a post's text.
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    column,
    create_engine,
    event,
    inspect,
    select,
    table,
)
from sqlalchemy.exc import DatabaseError

import dashboard.tables
import index.tables
import ingest.tables
import peil.leases
import privacy.tables
import rules.judging.tables
import rules.life.tables
from peil.postgres import check_server, place, postgres_engine
from stream.database import alone
from stream.errors import Stop
from stream.sqlite import named

METADATA = (
    dashboard.tables.metadata,
    index.tables.metadata,
    ingest.tables.metadata,
    privacy.tables.metadata,
    rules.life.tables.metadata,
    rules.judging.tables.metadata,
    peil.leases.metadata,
)
MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = sorted(each.name.partition("_")[0] for each in MIGRATIONS.glob("versions/[0-9]*.py"))
"""Every revision of the tables, oldest first: a migration's file begins with its name."""

VERSIONS = "alembic_version"
"""The table in which Alembic keeps which migration was the last."""

BUSY_MS = 10_000


def open_database(where: Path | str, *, password: str = "") -> Engine:
    """The database at `where`, made or migrated to this version's tables: a path is a file of
    SQLite, a text the URL of a PostgreSQL (`peil.postgres`), whose `password` comes apart.

    Stop when it is damaged, refuses us or was written by a newer peil; Retry when it cannot be
    reached, or when another process that writes or migrates takes longer than 10 s.
    """
    return _open_postgres(where, password) if isinstance(where, str) else _open_sqlite(where)


def _open_postgres(address: str, password: str) -> Engine:
    engine = postgres_engine(address, password=password)
    try:
        check_server(engine)
        _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _open_sqlite(path: Path) -> Engine:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_MS / 1000}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _name_error)
    try:
        _migrate(engine)
    except DatabaseError as error:
        engine.dispose()
        raise Stop(
            f"the operational database {path} cannot be used ({error.orig}); if it is locked, end "
            "the process that holds it; if it is damaged, restore it from a backup"
        ) from error
    except BaseException:
        engine.dispose()
        raise
    path.chmod(0o600)
    return engine


def check_tables(address: str, *, password: str) -> None:
    """Stop when the PostgreSQL at `address` has other tables than those of this peil, which
    `open_database` would make. Changes nothing.
    """
    engine = postgres_engine(address, password=password)
    try:
        check_server(engine)
        with engine.connect() as connection:
            revision = _revision(connection)
    finally:
        engine.dispose()
    if revision is None:
        raise Stop(f"{place(engine.url)} has no tables of peil: `peil doctor --setup` makes them")
    _check_known(revision)
    if revision != REVISIONS[-1]:
        raise Stop(
            f"{place(engine.url)} has the tables of an older peil (revision {revision}): "
            "`peil doctor --setup` brings them to this release"
        )


def look_at(engine: Engine) -> tuple[bool, str]:
    """Whether the database is well, and what it says of itself."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            answer = connection.exec_driver_sql("PRAGMA quick_check").scalar()
            return answer == "ok", str(answer)
        version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        encrypted = connection.exec_driver_sql(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).scalar()
    said = f"{place(engine.url)}, PostgreSQL {version}"
    return True, f"{said}, over TLS" if encrypted else f"{said}, without TLS"


def _name_error(context: ExceptionContext) -> None:
    """What the database cannot do as an error of peil; a fault of the program stays what it is."""
    original = context.original_exception
    if isinstance(original, sqlite3.OperationalError):
        file = context.engine.url.database if context.engine else ""
        what = f"the operational database {file}"
        raise named(original, what, waited=BUSY_MS / 1000) from original


def _prepare(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _migrate(engine: Engine) -> None:
    newest = REVISIONS[-1]
    with engine.connect() as connection:
        if _revision(connection) == newest:
            return
    with alone(engine, "migration") as connection:  # all of it or nothing
        current = _revision(connection)
        if current is not None:
            _check_known(current)
        if current != newest:
            _check_may_change(connection)
            _upgrade(connection)


def _check_known(revision: str) -> None:
    if revision not in REVISIONS:
        raise Stop(
            f"the operational database was written by a newer peil (revision {revision}); "
            "upgrade this installation"
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  (an upgrade is rare, and it takes long to load)
    from alembic.config import Config  # noqa: PLC0415  (the same)

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_may_change(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        return
    may = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
    if connection.exec_driver_sql(may).scalar() is False:
        raise Stop(
            f"{place(connection.engine.url)} has not the tables of this peil, and its user may "
            "not make them: run `peil doctor --setup` of this release as their owner"
        )


def _revision(connection: Connection) -> str | None:
    """The migration that was the last; None before the first."""
    if not inspect(connection).has_table(VERSIONS):
        return None
    revision = connection.scalar(select(column("version_num")).select_from(table(VERSIONS)))
    return None if revision is None else str(revision)
