import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from peil.database import METADATA, open_database
from stream.errors import Retry, Stop


def test_the_migrations_make_the_tables_that_the_packages_declare(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "peil.db")
    found = inspect(engine)
    made = {
        name: {column["name"]: column["nullable"] for column in found.get_columns(name)}
        for name in found.get_table_names()
        if name != "alembic_version"
    }
    declared = {
        table.name: {column.name: column.nullable for column in table.columns}
        for metadata in METADATA
        for table in metadata.sorted_tables
    }
    engine.dispose()
    assert made == declared


def test_a_database_of_a_newer_peil_is_left_alone(tmp_path: Path) -> None:
    open_database(tmp_path / "peil.db").dispose()
    engine = create_engine(f"sqlite:///{tmp_path / 'peil.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(Stop, match="newer peil"):
        open_database(tmp_path / "peil.db")


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


def test_a_damaged_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "peil.db").write_bytes(b"this is not a database " * 100)
    with pytest.raises(Stop, match="restore it from a backup"):
        open_database(tmp_path / "peil.db")
