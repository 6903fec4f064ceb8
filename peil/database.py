"""The operational database: composed of the packages' tables, migrated by Alembic.

It holds cursors, seen-keys, the register, the ledger, the access log and roll-ups; never a
post's text.
"""

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DatabaseError

import index.tables
import ingest.tables
import privacy.tables
import rules.tables
from stream.errors import Stop
from stream.sqlite import named

METADATA = (
    index.tables.metadata,
    ingest.tables.metadata,
    privacy.tables.metadata,
    rules.tables.metadata,
)
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 10_000


def open_database(path: Path) -> Engine:
    """The database at `path`, made or migrated to this version's tables.

    Stop when the file is damaged or was written by a newer peil. Waits up to 10 s for another
    process that writes.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_MS / 1000})
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


def _name_error(context: ExceptionContext) -> None:
    """What the database cannot do as an error of peil; a fault of the program stays what it is."""
    original = context.original_exception
    if isinstance(original, sqlite3.OperationalError):
        raise named(original, "the operational database", waited=BUSY_MS / 1000) from original


def _prepare(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {each.revision for each in scripts.walk_revisions()}:
        raise Stop(
            f"the operational database was written by a newer peil (revision {current}); "
            "upgrade this installation"
        )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
