"""What the operational database on PostgreSQL says when something is wrong."""

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, delete, insert, make_url, select, update
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from bench.servers.certificates import Authority
from bench.servers.postgres import Postgres
from index.contract import RolledUp
from index.series import Series
from index.tables import gap
from ingest.memory import Memory, Progress
from ingest.runs import Runs, Slot
from ingest.tables import cursor
from peil.database import look_at, open_database
from peil.grants import put_rights
from peil.leases import Leases
from peil.postgres import place, postgres_engine
from peil.rights import RIGHTS
from privacy.access import AccessLog
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.marks import KeyMarks
from privacy.register import Register
from privacy.tables import access
from stream.clock import ManualClock
from stream.errors import PeilError, Retry, Stop
from stream.partitions import Partition
from stream.testing import START

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("postgres")]

PLANTED = "correct-horse-battery"


def told(error: BaseException) -> str:
    """All that a log may show of an error."""
    return "".join(traceback.format_exception(error))


@pytest.fixture(scope="module")
def secure() -> Iterator[Postgres]:
    """A server that wants TLS and a password, and that tests may stop."""
    with Postgres(secure=True, password=PLANTED) as server:
        yield server


def test_the_password_comes_apart_and_the_connection_is_encrypted(secure: Postgres) -> None:
    engine = open_database(secure.url, password=PLANTED)
    well, said = look_at(engine)
    engine.dispose()
    assert well
    assert "over TLS" in said
    assert PLANTED not in f"{said} {engine!r} {engine.url} {engine.pool.status()}"


def other_authority(url: URL, folder: Path) -> URL:
    return url.update_query_dict({"sslrootcert": str(Authority(folder / "other").file)})


@pytest.mark.parametrize(
    ("change", "password", "words"),
    [
        (lambda url, _: url, "another-secret", "refuses the user or the password"),
        (lambda url, _: url, "", "asks for a password"),
        (lambda url, _: url.set(username="nobody"), PLANTED, "refuses the user or the password"),
        (lambda url, _: url.set(database="nowhere"), PLANTED, "nowhere at 127.0.0.1:.*not exist"),
        (lambda url, _: url.update_query_dict({"sslmode": "disable"}), PLANTED, "without TLS"),
        (other_authority, PLANTED, "not get through TLS"),
        (lambda url, _: url.update_query_dict({"sslmood": "on"}), PLANTED, "option is unknown"),
        (lambda url, _: url.update_query_dict({"sslmode": "on"}), PLANTED, "sslmode has a wrong"),
        (lambda url, _: url.set(drivername="mysql"), PLANTED, "begins with mysql; write it as"),
        (lambda url, _: url.update_query_dict({"port": "1,2"}), PLANTED, "hosts and ports do not"),
        (lambda url, _: url.update_query_dict({"hostaddr": "z"}), PLANTED, "hostaddr is no"),
        (lambda url, _: url.update_query_dict({"service": "z"}), PLANTED, "service is not defined"),
        (lambda url, _: url.update_query_dict({"gssencmode": "z"}), PLANTED, "has a wrong value"),
        (lambda url, _: url.update_query_dict({"connect_timeout": "z"}), PLANTED, "a wrong value"),
    ],
)
def test_what_a_person_must_mend_is_said_without_the_password(
    secure: Postgres,
    tmp_path: Path,
    change: Callable[[URL, Path], URL],
    password: str,
    words: str,
) -> None:
    url = change(make_url(secure.url), tmp_path)
    with pytest.raises(Stop, match=words) as caught:
        open_database(str(url), password=password)
    assert not password or password not in told(caught.value)


@pytest.mark.parametrize(
    "options",
    ["-c bad", "bad", "-Z", "-c work_mem=x", "-c no_such=1", "-c ssl=on", "-p 3", "-c search_path"],
)
def test_options_that_the_server_does_not_take_are_said(secure: Postgres, options: str) -> None:
    url = make_url(secure.url).update_query_dict({"options": options})
    with pytest.raises(Stop, match=r"does not take what stands in `options`; check database\.url"):
        open_database(url.render_as_string(hide_password=False), password=PLANTED)


@pytest.mark.parametrize("limited", ["ROLE busy_role", "DATABASE postgres"])
def test_a_server_that_is_short_of_connections_is_waited_for(
    secure: Postgres, limited: str
) -> None:
    owner = open_database(secure.url, password=PLANTED)
    url = make_url(secure.url).set(username="busy_role", database="postgres")
    address = url.render_as_string(hide_password=False)
    with owner.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE busy_role LOGIN PASSWORD '{PLANTED}'")
        connection.exec_driver_sql(f"ALTER {limited} CONNECTION LIMIT 0")
    try:
        with pytest.raises(Retry, match="is short of connections"):
            open_database(address, password=PLANTED)
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql("ALTER DATABASE postgres CONNECTION LIMIT -1")
            connection.exec_driver_sql("DROP ROLE busy_role")
        owner.dispose()


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example", "db-1,db..2"])
@pytest.mark.parametrize("form", ["//peil@{}/city", "//peil@/city?host={}"])
def test_a_host_that_is_none_is_said(form: str, host: str) -> None:
    with pytest.raises(Stop, match=r"database\.url: .* is no name of a host"):
        postgres_engine(f"postgresql+psycopg:{form.format(host)}", password="")


@pytest.mark.parametrize("host", ["db", "db.", "127.0.0.1", "[::1]", "/var/run/postgresql"])
def test_hosts_of_every_form_are_taken(host: str) -> None:
    address = f"postgresql+psycopg://peil@/city?host={host.strip('[]')}"
    engine = postgres_engine(address, password="")
    assert place(engine.url) == f"the operational database city at {host.strip('[]')}"
    engine.dispose()


def test_an_expired_certificate_is_refused() -> None:
    with (
        Postgres(secure=True, expired=True) as server,
        pytest.raises(Stop, match="a certificate is missing, expired"),
    ):
        open_database(server.url, password=server.password)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def guest(engine: Engine) -> Iterator[tuple[str, str]]:
    """A user who may do nothing, and the schema that is not theirs."""
    with engine.begin() as connection:
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        role = f"guest_{schema}"
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    yield role, schema
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")


def test_a_privilege_that_is_missing_is_said(
    engine: Engine, guest: tuple[str, str], postgres_url: str
) -> None:
    role, schema = guest
    url = str(make_url(postgres_url).set(username=role))
    with pytest.raises(Stop, match="no schema to make tables in"):
        open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    with pytest.raises(Stop, match="withholds a privilege"):
        open_database(url)


def test_peils_processes_can_do_their_work_and_not_rewrite_the_access_log(
    engine: Engine, guest: tuple[str, str], postgres_url: str, tmp_path: Path
) -> None:
    role, _ = guest
    for _ in range(2):
        put_rights(engine, role, RIGHTS["operator"].tables)
    theirs = open_database(str(make_url(postgres_url).set(username=role)))
    clock = ManualClock(START)
    keys = KeyRing(tmp_path, clock=clock, longest_retention_days=90)
    keys.post_id("p", "1")
    KeyMarks(theirs).check(keys, now=START)
    log = AccessLog(theirs, keys=keys, folder=tmp_path, clock=clock)
    log.append(actor="a", purpose="p", action="count", payload="words")
    assert log.verify() == []
    ledger = Ledger(theirs)
    ledger.add_posts({"x": 1}, until=START)
    ledger.add_authors(["x"], until=START)
    assert ledger.expire(START) == 2
    memory = Memory(theirs)
    runs = Runs(theirs)
    number = runs.start("s", START, cause="schedule", slot=Slot(START))
    progress = Progress(number=number, now=START, counts={"read": 1}, watermark=START)
    memory.advance("s", {}, {}, until=START, progress=progress)
    runs.end(number, "s", START, outcome="ended")
    Register(theirs, clock=clock).open(
        "s", owner="o", purpose="p", basis="b", dpia="d", obtained="x", until=date(2026, 12, 31)
    )
    with Leases(theirs).hold("collect") as mine:
        assert mine
    Series(theirs).save(Partition("kept", date(2027, 2, 22)), RolledUp(volumes={}, phenomena={}))
    for statement in (delete(access), update(access).values(actor="b")):
        with pytest.raises(Stop, match="withholds a privilege"), theirs.begin() as connection:
            connection.execute(statement)
    theirs.dispose()


@pytest.mark.parametrize(
    ("kind", "source"), [(IntegrityError, PLANTED), (DataError, f"{PLANTED}\0")]
)
def test_what_stands_in_a_row_is_not_said(
    engine: Engine, kind: type[SQLAlchemyError], source: str
) -> None:
    row = {"source": source, "start": 1, "end": 2, "why": "w"}
    with pytest.raises(kind) as caught, engine.begin() as connection:
        connection.execute(insert(gap).values([row, row]))
    assert PLANTED not in told(caught.value)


@pytest.mark.parametrize(
    ("setting", "statement", "kind", "words"),
    [
        ("lock_timeout = 50", "LOCK TABLE gap", Retry, "held a lock for too long"),
        ("statement_timeout = 50", "SELECT pg_sleep(9)", Retry, "a statement took too long"),
        ("transaction_read_only = on", "DELETE FROM run", Retry, "a standby"),
        ("search_path = pg_catalog", "DELETE FROM run", Stop, "other tables than this version"),
    ],
)
def test_what_passes_by_is_told_from_what_stays(
    engine: Engine, setting: str, statement: str, kind: type[PeilError], words: str
) -> None:
    with engine.begin() as other, engine.connect() as connection:
        other.exec_driver_sql("LOCK TABLE gap IN ROW EXCLUSIVE MODE")
        connection.exec_driver_sql(f"SET LOCAL {setting}")
        with pytest.raises(kind, match=words):
            connection.exec_driver_sql(statement)


def test_two_in_each_others_way_can_try_again(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(cursor), [{"source": s, "value": ""} for s in ("a", "b")])
    ways = [("a", "b"), ("b", "a")]
    met = threading.Barrier(2)

    def change(way: tuple[str, str]) -> bool:
        with engine.begin() as connection:
            for source in way:
                connection.execute(
                    update(cursor).where(cursor.c.source == source).values(value="x")
                )
                if source == way[0]:
                    met.wait(10)
        return True

    with ThreadPoolExecutor(2) as pool:
        changes = [pool.submit(change, way) for way in ways]
        errors = [each.exception() for each in changes]
    (error,) = [each for each in errors if each is not None]
    assert isinstance(error, Retry)
    assert "in each other's way" in str(error)


@pytest.mark.parametrize(
    "setting", ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"]
)
def test_nothing_is_waited_for_without_end_unless_the_address_says_so(
    engine: Engine, postgres_url: str, setting: str
) -> None:
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SHOW {setting}").scalar() not in {"0", None}
    other = open_database(f"{postgres_url}%20-c{setting}=0")
    with other.connect() as connection:
        assert connection.exec_driver_sql(f"SHOW {setting}").scalar() == "0"
    other.dispose()


def test_who_rests_in_a_transaction_does_not_keep_the_others_out(postgres_url: str) -> None:
    resting = open_database(f"{postgres_url}%20-cidle_in_transaction_session_timeout=100")
    other = open_database(postgres_url)
    with resting.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE gap")
        with other.begin() as waiting:
            waiting.exec_driver_sql("LOCK TABLE gap")  # got when the server ended the other one
        with pytest.raises(Retry, match="rested for too long"):
            connection.execute(select(gap))
    resting.dispose()
    other.dispose()


def test_a_connection_that_was_cut_costs_one_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with engine.begin() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({mine}, 5000)")
        with pytest.raises(Retry):
            connection.execute(select(gap))
    with engine.begin() as connection:
        connection.execute(select(gap))


def test_a_server_that_was_away_is_found_again(secure: Postgres) -> None:
    engine = open_database(secure.url, password=PLANTED)
    secure.stop()
    with pytest.raises(Retry, match="cannot be reached") as caught, engine.connect():
        pass
    assert PLANTED not in told(caught.value)
    secure.start()
    with engine.connect() as connection:
        connection.execute(select(gap))
    secure.restart()
    with engine.connect() as connection:
        connection.execute(select(gap))
    engine.dispose()
