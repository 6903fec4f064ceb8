import contextlib
import secrets
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Engine,
    LargeBinary,
    Table,
    create_engine,
    delete,
    func,
    insert,
    make_url,
    select,
    text,
)

from ingest.runs import Runs
from ingest.tables import cursor, seen
from peil.copying import TABLES, Progress, copy_database
from peil.database import open_database
from peil.leases import lease
from privacy.access import AccessLog
from privacy.keys import KeyRing
from stream.clock import ManualClock
from stream.errors import Retry, Stop
from stream.testing import START

pytestmark = pytest.mark.cluster

ROWS = 23
WORDS = ("a", "B", "-c", "é", "C", "a-b", "ab", "a b", "\N{SNOWMAN}", "😀", "")


def filler(table: Table, number: int) -> dict[str, Any]:
    """A row unlike the others; their keys are ordered otherwise in a language than by code."""
    row: dict[str, Any] = {}
    for place, column in enumerate(table.columns):
        if isinstance(column.type, Boolean):
            row[column.name] = number % 2 == 0
        elif isinstance(column.type, LargeBinary):
            row[column.name] = bytes([number, 0, 255])
        elif column.type.python_type is int:
            row[column.name] = number + 1 if place == 0 else 2**62 + number
        else:
            row[column.name] = f"{WORDS[number % len(WORDS)]}{number // len(WORDS) or ''}"
    return row


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peil.copying.ROWS_AT_ONCE", 7)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A file with rows in every table."""
    monkeypatch.setattr("peil.database.BUSY_MS", 50)
    engine = open_database(tmp_path / "source.db")
    with engine.begin() as connection:
        for table in (*TABLES, lease):
            connection.execute(insert(table), [filler(table, number) for number in range(ROWS)])
    yield engine
    engine.dispose()


@pytest.fixture
def target(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(postgres_url)
    yield engine
    engine.dispose()


def quietly(_table: str, _more: int, _all: int) -> None:
    return


def rows(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_every_row_of_every_table_is_moved(source: Engine, target: Engine) -> None:
    told: Counter[str] = Counter()

    def progress(table: str, more: int, total: int) -> None:
        told[table] += more
        assert total == ROWS

    copied = copy_database(source, target, progress)
    assert {each.name for each in copied} == {table.name for table in TABLES} == set(told)
    assert {each.rows for each in copied} == set(told.values()) == {ROWS}
    assert rows(target, lease) == 0
    for table in TABLES:
        ordered = select(table).order_by(*table.primary_key)
        with source.connect() as ours, target.connect() as theirs:
            assert ours.execute(ordered).all() == theirs.execute(ordered).all()
    assert Runs(target).start("s", START, cause="hand") == ROWS + 1


def test_a_copy_that_was_cut_off_goes_on(source: Engine, target: Engine) -> None:
    def stop_at(turn: int) -> Progress:
        calls = iter(range(turn, -1, -1))

        def progress(_table: str, _more: int, _all: int) -> None:
            if next(calls, 0) == 0:
                raise InterruptedError

        return progress

    held = [0]
    for turn in range(3, 99, 9):
        with contextlib.suppress(InterruptedError):
            copy_database(source, target, stop_at(turn))
        held.append(sum(rows(target, table) for table in TABLES))
    assert held == sorted(held)
    assert len(set(held)) > 5
    copied = copy_database(source, target, quietly)
    assert {each.rows for each in copied} == {ROWS}
    assert copy_database(source, target, quietly) == copied


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO cursor VALUES ('b', 'of its own')",
        "INSERT INTO objection VALUES ('zzz', 1)",
        "INSERT INTO key_mark VALUES ('', 'of another key')",
    ],
)
def test_a_target_with_rows_of_its_own_is_left_alone(
    source: Engine, target: Engine, statement: str
) -> None:
    with target.begin() as connection:
        connection.execute(text(statement))
    before = [rows(target, table) for table in TABLES]
    with pytest.raises(Stop, match="holds rows of its own; nothing was copied"):
        copy_database(source, target, quietly)
    assert [rows(target, table) for table in TABLES] == before


def test_a_target_that_is_used_meanwhile_is_found_out(source: Engine, target: Engine) -> None:
    def progress(table: str, more: int, _all: int) -> None:
        if table == seen.name and more:
            with target.begin() as connection:
                connection.execute(text("UPDATE cursor SET value = 'moved on' WHERE source = 'B'"))

    with pytest.raises(Stop, match="table cursor differs after the copy: 23 rows and 23"):
        copy_database(source, target, progress)


def test_nobody_writes_to_the_source_meanwhile(source: Engine, target: Engine) -> None:
    def progress(_table: str, _more: int, _all: int) -> None:
        with pytest.raises(Retry, match="locked"), source.begin() as connection:
            connection.execute(delete(cursor))

    copy_database(source, target, progress)


def test_a_text_that_the_target_cannot_hold_is_named(source: Engine, target: Engine) -> None:
    with source.begin() as connection:
        connection.execute(insert(cursor), {"source": "zz", "value": "planted\0"})
    with pytest.raises(Stop, match=r"table cursor: .* rows 15 to 21; .* NUL") as caught:
        copy_database(source, target, quietly)
    assert "planted" not in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def dutch(postgres_server: str) -> Iterator[Engine]:
    """A database whose order is that of a language."""
    name = f"dutch_{secrets.token_hex(8)}"
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'nl'"
        )
        url = make_url(postgres_server).set(database=name)
        engine = open_database(url.render_as_string(hide_password=False))
        yield engine
        engine.dispose()
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


def test_the_order_of_a_language_changes_nothing(source: Engine, dutch: Engine) -> None:
    with dutch.connect() as connection:
        assert connection.scalar(text("SELECT 'a' < 'B'"))
    assert {each.rows for each in copy_database(source, dutch, quietly)} == {ROWS}
    assert copy_database(source, dutch, quietly)


def test_the_access_log_stays_one_chain(tmp_path: Path, target: Engine) -> None:
    clock = ManualClock(START)
    keys = KeyRing(tmp_path / "keys", clock=clock, longest_retention_days=90)
    source = open_database(tmp_path / "peil.db")
    logs = [
        AccessLog(engine, keys=keys, folder=tmp_path / "keys", clock=clock)
        for engine in (source, target)
    ]
    for number in range(9):
        logs[0].append(actor="a", purpose="p", action="count", payload=f"words {number}")
    copy_database(source, target, quietly)
    source.dispose()
    assert logs[1].append(actor="a", purpose="p", action="count", payload="words 9") == 10
    assert logs[1].verify() == []
    assert [entry.payload for entry in logs[1].entries()] == [f"words {n}" for n in range(10)]
