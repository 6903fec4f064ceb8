import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import settings
from sqlalchemy import Connection, Engine, create_engine, event, inspect

from bench.servers.elasticsearch import Elasticsearch
from bench.servers.kafka import Kafka
from bench.servers.postgres import Postgres
from ingest.bluesky import connection
from ingest.web.client import Web
from peil import database as database_module
from peil.database import open_database
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import Settings
from stream.clock import Clock, ManualClock, to_datetime
from stream.testing import START
from tests.ingest.jetstream import SPEED, FastClock

# The encoder takes some seconds to build and 80 MB to keep: all tests share one.
os.environ.setdefault("PEIL_ENRICH__MODELS", str(Path(__file__).parents[1] / ".cache" / "models"))

# What tests start reads Python's modules as they were compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long one example takes is the machine's affair; pytest-timeout ends what hangs.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")

SERVERS = {"kafka_server", "elastic_server", "secure_elastic", "postgres_server"}

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A small web server on this machine that answers as a test says and notes what it got."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.requests.append((self.path, headers))
                answer = site.answers.get(self.path, (404, {}, b"nothing here"))
                status, extra, body = answer(headers) if callable(answer) else answer
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    return

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def asked(self, path: str) -> list[dict[str, str]]:
        return [headers for each, headers in self.requests if each == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def impatient() -> Iterator[None]:
    """A request that fails is not tried again."""
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


@pytest.fixture
def web(impatient: None) -> Iterator[Web]:
    """A way to the web that leads to this machine."""
    with Web(contact="data@example.org", clock=ManualClock(START), max_bytes=99_999,
             max_seconds=60, private_hosts=("127.0.0.1",)) as web:  # fmt: skip
        yield web


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> FastClock:
    """A clock faster than the wall's, for a stream. What a busy machine takes to connect stays
    bounded by the wall.
    """
    monkeypatch.setattr(connection, "SLOWEST_SECONDS", connection.SLOWEST_SECONDS * SPEED)
    return FastClock()


Opened = Callable[..., Pipeline]


@pytest.fixture
def open_city(tmp_path: Path) -> Iterator[Opened]:
    """Makes a folder with a source that is open in the register, and its rules published. Its
    `declaration` is the source's file, where it has one.
    """
    with ExitStack() as stack:

        def open_(source: str, *, clock: Clock, declaration: str = "",
                  organisation: bool = False) -> Pipeline:  # fmt: skip
            folder = WorkingFolder.init(tmp_path / "city")
            if declaration:
                (folder.config / "sources" / f"{source}.toml").write_text(declaration)
            settings = Settings.model_validate(
                {
                    "purpose": "a test",
                    "rules": {"single_author": True},
                    "enrich": {"models": os.environ["PEIL_ENRICH__MODELS"]},
                    "ingest": {"contact": "data@example.org", "private_hosts": ["127.0.0.1"]},
                }
            )
            pipeline = stack.enter_context(Pipeline(folder, settings, clock=clock))
            pipeline.register.open(
                source, owner="o", purpose="p", basis="b", dpia="d", obtained="x",
                organisation=organisation,
                until=to_datetime(clock.now()).date() + timedelta(days=300),
            )  # fmt: skip
            pipeline.publish_rules()
            return pipeline

        yield open_


@pytest.fixture(scope="session", autouse=True)
def _migrated_once() -> Iterator[None]:
    """What the migrations make in an empty database is made by the same statements, one by one, in
    each further one of this process: Alembic takes ten times as long to find them again.
    """
    said: dict[str, list[tuple[str, Any]]] = {}
    upgrade = database_module._upgrade

    def replayed(connection: Connection) -> None:
        engine = connection.dialect.name
        if inspect(connection).get_table_names():
            upgrade(connection)
        elif engine in said:
            for statement, parameters in said[engine]:  # so that errors are told as Alembic's are
                connection.exec_driver_sql(statement, parameters)
        else:
            heard: list[tuple[str, Any]] = []

            def hear(*told: Any) -> None:
                _, _, statement, parameters, _, many = told
                assert not many
                if not statement.lstrip().startswith(("SELECT", "PRAGMA")):
                    heard.append((statement, parameters))

            event.listen(connection, "before_cursor_execute", hear)
            upgrade(connection)
            event.remove(connection, "before_cursor_execute", hear)
            said[engine] = heard

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "_upgrade", replayed)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the same real servers share a worker, so that each server is started once. What
    takes a minute begins before the rest, so that no worker is left alone with it at the end.
    """
    for item in items:
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("cluster")
        if item.get_closest_marker("cluster") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(servers_of(item)))
    items.sort(key=lambda item: item.get_closest_marker("kill") is None)


def servers_of(item: pytest.Item) -> str:
    """The name of the servers that a test shares with others. What asks a fixture for them only
    as it runs may need any of those without logins.
    """
    names = set(getattr(item, "fixturenames", ()))
    if names.isdisjoint(SERVERS - {"postgres_server"}):
        if "secured" in names:
            return "secured"
        call = getattr(item, "callspec", None)
        if "postgres_server" in names or (call and call.params.get("database") == "postgresql"):
            return "postgres"
    return "cluster"


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[str]:
    """A real Kafka's `host:port`: that of `TEST_KAFKA`, or one started for this run."""
    if given := os.environ.get("TEST_KAFKA"):
        yield given
        return
    with Kafka() as kafka:
        yield kafka.address


@pytest.fixture(scope="session")
def elastic_server() -> Iterator[str]:
    """A real Elasticsearch's URL: that of `TEST_ELASTICSEARCH`, or one started for this run."""
    if given := os.environ.get("TEST_ELASTICSEARCH"):
        yield given
        return
    with Elasticsearch() as elasticsearch:
        yield elasticsearch.url


@pytest.fixture(scope="session")
def secure_elastic() -> Iterator[Elasticsearch]:
    """An Elasticsearch with TLS and logins. Who kills it starts it again."""
    with Elasticsearch(secure=True) as elasticsearch:
        yield elasticsearch


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL's URL: that of `TEST_POSTGRES`, or one started for this run."""
    if given := os.environ.get("TEST_POSTGRES"):
        yield given
        return
    with Postgres() as postgres:
        yield postgres.url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty schema of its own in a real PostgreSQL."""
    name = f"test_{secrets.token_hex(8)}"
    server = create_engine(postgres_server)
    with server.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    yield f"{postgres_server}{'&' if '?' in postgres_server else '?'}options=-csearch_path%3D{name}"
    with server.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.cluster)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The operational database, empty, once on each engine."""
    if request.param == "sqlite":
        engine = open_database(tmp_path / "peil.db")
    else:
        engine = open_database(request.getfixturevalue("postgres_url"))
    yield engine
    engine.dispose()
