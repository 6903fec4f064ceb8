"""Who does something alone: one contract on one machine and between several."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bench.servers.postgres import Postgres
from peil.database import open_database
from peil.folder import WorkingFolder
from peil.leases import Lease, Leases
from peil.locks import Locks
from stream.clock import ManualClock, SystemClock
from stream.errors import Retry
from stream.testing import START

CLUSTER = pytest.mark.cluster
SHORT = 2.0
"""Seconds that a lease lasts here."""


@pytest.fixture(params=["folder", pytest.param("leases", marks=CLUSTER)])
def several(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Locks, Locks]]:
    """The same locks as two processes see them."""
    if request.param == "folder":
        yield WorkingFolder(tmp_path), WorkingFolder(tmp_path)
    else:
        engine = open_database(request.getfixturevalue("postgres_url"))
        yield Leases(engine, holder="one"), Leases(engine, holder="two")
        engine.dispose()


def test_a_role_is_held_by_one(several: tuple[Locks, Locks]) -> None:
    one, two = several
    assert not two.is_held("collect")
    with one.hold("collect") as mine, two.hold("index") as other:
        assert mine
        assert other
        assert two.is_held("collect")
        with two.hold("collect") as theirs:
            assert not theirs
        assert mine
        assert one.is_held("collect")
    assert not one.is_held("collect")
    with two.hold("collect") as theirs:
        assert theirs


def test_an_error_in_the_block_lets_go(several: tuple[Locks, Locks]) -> None:
    one, two = several
    with pytest.raises(InterruptedError), one.hold("collect"):
        raise InterruptedError
    assert not two.is_held("collect")


def test_who_waits_gets_it_in_the_end_or_gives_up(several: tuple[Locks, Locks]) -> None:
    one, two = several
    asked: list[bool] = []

    def impatient() -> bool:
        asked.append(one.is_held("collect"))
        return len(asked) > 3

    with one.hold("collect"):
        with two.wait_for("collect", clock=ManualClock(START), give_up=impatient) as theirs:
            assert not theirs
        assert asked == [True] * 4
    with two.wait_for("collect", clock=ManualClock(START)) as theirs:
        assert theirs


# Leases


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(postgres_url)
    yield engine
    engine.dispose()


PROGRAM = f"""
import sys, time
from peil.database import open_database
from peil.leases import Leases
from stream.errors import Retry
with Leases(open_database(sys.argv[1]), holder="a child", seconds={SHORT}).hold("collect") as mine:
    print(mine.number, flush=True)
    while mine:
        time.sleep(0.01)
    try:
        mine.check()
    except Retry as error:
        print(error, flush=True)
"""


@contextmanager
def child(url: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds `collect` with number 1 until it loses it."""
    words = [sys.executable, "-c", PROGRAM, url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        yield process
        process.kill()


def taken(leases: Leases) -> Lease | None:
    """The lease of `collect`, taken and given back; None when another one holds it."""
    with leases.hold("collect") as mine:
        return mine if isinstance(mine, Lease) else None


def until(true: Callable[[], bool], *, seconds: float = 10.0) -> float:
    """How many seconds it took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds
        time.sleep(0.02)
    return time.monotonic() - start


@CLUSTER
def test_the_number_grows_with_every_taking(engine: Engine) -> None:
    leases = Leases(engine)
    assert [lease.number for _ in range(3) if (lease := taken(leases))] == [1, 2, 3]


@CLUSTER
def test_a_lease_is_renewed_while_its_block_runs(engine: Engine) -> None:
    one, two = Leases(engine, seconds=SHORT), Leases(engine)
    with one.hold("collect") as mine:
        for _ in range(12):
            time.sleep(SHORT / 8)
            assert mine
            assert taken(two) is None


@CLUSTER
def test_what_a_killed_process_held_is_free_after_its_end(
    engine: Engine, postgres_url: str
) -> None:
    leases = Leases(engine)
    with child(postgres_url) as process:
        assert leases.is_held("collect")
        process.send_signal(signal.SIGKILL)
        process.wait()
        with leases.wait_for("collect", clock=SystemClock()) as mine:
            assert isinstance(mine, Lease)
            assert mine.number == 2


@CLUSTER
def test_who_was_suspended_finds_its_lease_lost_and_takes_nothing_away(
    engine: Engine, postgres_url: str
) -> None:
    leases = Leases(engine)
    with child(postgres_url) as process:
        process.send_signal(signal.SIGSTOP)
        until(lambda: not leases.is_held("collect"))
        with leases.hold("collect") as mine:
            assert mine
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate(timeout=10)
            assert said == ("the lease of `collect` was lost; another process may hold it now\n")
            assert process.returncode == 0
            assert leases.is_held("collect")
            assert mine


@CLUSTER
def test_a_lease_that_another_took_is_lost_at_the_next_renewal(engine: Engine) -> None:
    with Leases(engine, seconds=2 * SHORT).hold("collect") as mine:
        with engine.begin() as connection:
            connection.execute(text("UPDATE lease SET number = number + 1"))
        until(lambda: not mine, seconds=SHORT)
        assert isinstance(mine, Lease)
        with pytest.raises(Retry, match="was lost"):
            mine.check()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server that tests may stop."""
    with Postgres() as server:
        yield server


@CLUSTER
def test_a_lease_outlives_a_restart_of_the_database(server: Postgres) -> None:
    engine = open_database(server.url)
    with Leases(engine, seconds=5.0).hold("collect") as mine:
        server.restart()
        for _ in range(12):
            time.sleep(0.5)
            assert mine
            assert taken(Leases(engine)) is None
    engine.dispose()


@CLUSTER
def test_without_the_database_a_lease_ends_before_others_can_take_it(server: Postgres) -> None:
    engine = open_database(server.url)
    leases = Leases(engine, seconds=SHORT)
    with leases.hold("collect") as mine:
        server.suspend()
        took = until(lambda: not mine)
        server.resume()
        assert SHORT / 2 < took <= SHORT + 0.1
        until(lambda: not leases.is_held("collect"))
        assert not mine
    engine.dispose()
