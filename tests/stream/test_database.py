from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, MetaData, Table, insert, select

from stream.database import WHOLE, WORDS, alone, among, upsert

metadata = MetaData()
PLAIN = Table(
    "plain",
    metadata,
    Column("a", WORDS, primary_key=True),
    Column("b", WHOLE, primary_key=True),
    Column("version", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
    Column("value", WORDS, nullable=False),
)
NUMBERED = Table("numbered", metadata, Column("number", WHOLE, primary_key=True))
LARGE = 2**62

Row = dict[str, Any]

WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3)
ROWS = st.lists(
    st.fixed_dictionaries({
        "a": st.sampled_from(["x", "X", "é", "-y"]),
        "b": st.integers(0, 1),
        "version": st.integers(LARGE, LARGE + 3),
        "until": st.integers(-LARGE, LARGE),
        "value": WORD,
    }),
    max_size=12,
)  # fmt: skip


@pytest.fixture
def tables(database: Engine) -> Engine:
    metadata.create_all(database)
    return database


def key(row: Row) -> tuple[str, int]:
    return row["a"], row["b"]


@given(ROWS, ROWS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_are_inserted_or_changed_alike_on_both(
    tables: Engine, first: list[Row], second: list[Row]
) -> None:
    held: dict[tuple[str, int], Row] = {}
    for row in first + second:
        old = held.setdefault(key(row), row)
        if row["version"] >= old["version"]:
            held[key(row)] = row | {"until": max(row["until"], old["until"])}
    with tables.connect() as connection:
        for rows in (first, second):
            upsert(
                connection,
                PLAIN,
                rows,
                replace=["version", "value"],
                largest=["until"],
                newest="version",
            )
        found = connection.execute(select(PLAIN).order_by(PLAIN.c.a, PLAIN.c.b)).mappings().all()
        connection.rollback()
    assert [dict(row) for row in found] == [held[each] for each in sorted(held)]


def test_without_a_column_to_change_what_is_there_stays(tables: Engine) -> None:
    row = {"a": "x", "b": 1, "version": 1, "until": 1, "value": "first"}
    with tables.begin() as connection:
        upsert(connection, PLAIN, [])
        upsert(connection, PLAIN, [row])
        upsert(connection, PLAIN, [row | {"value": "second"}])
        assert connection.scalars(select(PLAIN.c.value)).all() == ["first"]


def test_rows_are_numbered_by_the_database(tables: Engine) -> None:
    with tables.begin() as connection:
        numbers = [
            connection.execute(insert(NUMBERED).returning(NUMBERED.c.number)).scalar_one()
            for _ in range(3)
        ]
    assert numbers == [1, 2, 3]


def test_the_same_is_done_by_one_at_a_time(tables: Engine) -> None:
    """A number that is read and then used belongs to one, and what fails leaves nothing."""

    def take(turn: int) -> int:
        with alone(tables, "numbers") as connection:
            number = len(connection.execute(select(NUMBERED)).all()) + 1
            connection.execute(insert(NUMBERED).values(number=number))
            if turn % 4 == 0:
                raise InterruptedError
            return number

    with ThreadPoolExecutor(4) as pool:
        turns = [pool.submit(take, turn) for turn in range(16)]
        taken = [each.result() for each in turns if each.exception() is None]
    assert sorted(taken) == list(range(1, 13))


def test_many_are_looked_for_at_once(tables: Engine) -> None:
    rows = [
        {"a": f"é {number}", "b": 0, "version": 0, "until": 0, "value": ""} for number in range(700)
    ]
    wanted = [row["a"] for row in rows[::2]]
    with tables.begin() as connection:
        upsert(connection, PLAIN, rows)
        for values in (wanted, [], ["unknown", "{}", '"']):
            found = connection.scalars(
                select(PLAIN.c.a).where(among(connection, PLAIN.c.a, values))
            )
            assert set(found) == {row["a"] for row in rows if row["a"] in values}
