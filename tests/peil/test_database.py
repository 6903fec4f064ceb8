import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from peil.database import METADATA, MIGRATIONS, REVISIONS, look_at, open_database
from stream.errors import Retry, Stop

CLUSTER = pytest.mark.cluster


def shape(engine: Engine) -> dict[str, Any]:
    """Tables with their columns, keys and indexes, as they can be compared."""
    found = inspect(engine)
    whole = {"BIGINT": "INTEGER"} if engine.dialect.name == "sqlite" else {}  # the same there

    def column(each: Any) -> tuple[str, str, bool, bool]:
        kind = str(each["type"])
        counted = "nextval" in str(each["default"])
        return each["name"], whole.get(kind, kind), each["nullable"], counted

    return {
        name: (
            sorted(map(column, found.get_columns(name))),
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((each["name"], each["column_names"]) for each in found.get_indexes(name)),
        )
        for name in found.get_table_names()
        if name != "alembic_version"
    }


def address(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_the_migrations_make_the_tables_that_the_packages_declare(database: Engine) -> None:
    migrated = shape(database)
    for metadata in METADATA:
        metadata.drop_all(database)
    assert shape(database) == {}
    for metadata in METADATA:
        metadata.create_all(database)
    assert shape(database) == migrated


def test_the_revisions_are_the_chain_that_alembic_reads() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    chain = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert chain[::-1] == REVISIONS


def test_a_database_of_a_newer_peil_is_left_alone(database: Engine, tmp_path: Path) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    where = tmp_path / "peil.db" if database.dialect.name == "sqlite" else address(database)
    with pytest.raises(Stop, match="newer peil"):
        open_database(where)


PROGRAM = """
import sys
from pathlib import Path
from peil.database import open_database
print("ready", flush=True)
sys.stdin.readline()
open_database(sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])).dispose()
"""


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=CLUSTER)])
def test_processes_that_start_at_once_migrate_once(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = tmp_path / "peil.db"
    where = str(path) if engine == "sqlite" else request.getfixturevalue("postgres_url")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, where],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = [process.communicate("go\n", timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    made = open_database(path if engine == "sqlite" else where)
    assert look_at(made)[0]
    made.dispose()


# SQLite


def test_a_locked_database_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peil.database.BUSY_MS", 50)
    engine = open_database(tmp_path / "peil.db")
    other = sqlite3.connect(tmp_path / "peil.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Retry, match="locked by another process"), engine.begin() as connection:
        connection.execute(text("DELETE FROM cursor"))
    other.close()
    engine.dispose()


def test_what_keeps_the_file_from_being_used_is_said_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "peil.db"
    open_database(path).dispose()
    path.unlink()
    path.mkdir()
    with pytest.raises(Stop, match=f"the operational database {path} cannot be used"):
        open_database(path)


def test_a_damaged_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "peil.db").write_bytes(b"this is not a database " * 100)
    with pytest.raises(Stop, match="restore it from a backup"):
        open_database(tmp_path / "peil.db")
