import contextlib
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy
from elasticsearch import AuthenticationException
from elasticsearch import Elasticsearch as ElasticClient
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError
from kafka.structs import TopicPartition
from sqlalchemy.exc import OperationalError

from bench.servers.cache import cached, program
from bench.servers.elasticsearch import Elasticsearch
from bench.servers.kafka import Kafka
from bench.servers.postgres import Postgres
from bench.servers.proxy import Proxy
from bench.servers.server import HOST, Server, free_port
from stream.errors import Stop

OWNER = """
from bench.servers.postgres import Postgres
postgres = Postgres()
postgres.start()
print(*postgres.pids, postgres.data, flush=True)
input()
"""


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answers(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def kill(server: Server) -> None:
    pids = server.pids
    server.kill()
    assert not any(map(alive, pids))
    assert not answers(server.address)


# Kafka


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    with Kafka(secure=True, authorize=True, users={"reader": "reader-password"}) as kafka:
        yield kafka


def login(kafka: Kafka, user: str, password: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": kafka.address,
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(kafka.authority),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
        "bootstrap_timeout_ms": 2_000,
        "reconnect_backoff_max_ms": 500,
    }


def create(topic: str, **login: Any) -> None:
    with contextlib.closing(KafkaAdminClient(**login)) as admin:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])


def test_a_plain_kafka_answers(kafka_server: str) -> None:
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=kafka_server)) as admin:
        assert admin.describe_cluster()["brokers"]


@pytest.mark.cluster
def test_kafka_keeps_what_it_acknowledged_when_it_is_killed(kafka: Kafka) -> None:
    admin = login(kafka, "admin", kafka.users["admin"])
    create("kept", **admin)
    with contextlib.closing(KafkaProducer(**admin)) as producer:
        producer.send("kept", b"a post").get(10)
    kill(kafka)
    kafka.start()
    with contextlib.closing(KafkaConsumer(**admin, auto_offset_reset="earliest")) as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        assert next(consumer).value == b"a post"


@pytest.mark.cluster
def test_kafka_refuses_a_wrong_password(kafka: Kafka) -> None:
    with pytest.raises(KafkaTimeoutError):
        create("refused", **login(kafka, "admin", "wrong"))


@pytest.mark.cluster
def test_kafka_lets_other_users_do_only_what_they_are_allowed(kafka: Kafka) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        create("forbidden", **login(kafka, "reader", "reader-password"))


@pytest.mark.cluster
def test_clients_of_kafka_go_through_what_it_advertises() -> None:
    port = free_port()
    with (
        Proxy(f"{HOST}:{port}") as proxy,
        Kafka(port=port, advertised=proxy.address) as kafka,
    ):
        create("through", bootstrap_servers=kafka.direct)
        assert not proxy.connections
        with contextlib.closing(KafkaProducer(bootstrap_servers=kafka.address)) as producer:
            producer.send("through", b"a post").get(10)
            assert proxy.connections


# Elasticsearch


def elastic_client(server: Elasticsearch, password: str) -> ElasticClient:
    return ElasticClient(
        server.url, basic_auth=(server.user, password), ca_certs=str(server.authority)
    )


def test_a_plain_elasticsearch_answers(elastic_server: str) -> None:
    with ElasticClient(elastic_server) as client:
        assert client.info()["version"]["number"].startswith("8.")


@pytest.mark.cluster
def test_elasticsearch_keeps_what_it_acknowledged_when_it_is_killed(
    secure_elastic: Elasticsearch,
) -> None:
    with elastic_client(secure_elastic, secure_elastic.password) as client:
        client.index(index="kept", id="1", document={"text": "a post"})
    kill(secure_elastic)
    secure_elastic.start()
    with elastic_client(secure_elastic, secure_elastic.password) as client:
        assert client.get(index="kept", id="1")["_source"] == {"text": "a post"}


@pytest.mark.cluster
def test_elasticsearch_refuses_a_wrong_password(secure_elastic: Elasticsearch) -> None:
    with (
        elastic_client(secure_elastic, "wrong") as client,
        pytest.raises(AuthenticationException),
    ):
        client.info()


# PostgreSQL


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres(secure=True) as postgres:
        yield postgres


@contextlib.contextmanager
def connected(url: str, password: str | None = None) -> Generator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(password=password))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def ask(connection: sqlalchemy.Connection, statement: str) -> Any:
    return connection.execute(sqlalchemy.text(statement))


def test_a_plain_postgres_answers(postgres_server: str) -> None:
    with connected(postgres_server) as connection:
        assert ask(connection, "SELECT 1").scalar() == 1


@pytest.mark.cluster
def test_postgres_keeps_what_it_committed_when_it_is_killed(postgres: Postgres) -> None:
    with connected(postgres.url, postgres.password) as connection:
        ask(connection, "CREATE TABLE kept AS SELECT 1")
    kill(postgres)
    postgres.start()
    with connected(postgres.url, postgres.password) as connection:
        assert ask(connection, "SELECT * FROM kept").scalar() == 1


@pytest.mark.cluster
def test_postgres_refuses_a_wrong_password(postgres: Postgres) -> None:
    with (
        pytest.raises(OperationalError, match="password authentication failed"),
        connected(postgres.url, "wrong"),
    ):
        pass


@pytest.mark.cluster
def test_postgres_refuses_who_comes_without_encryption(postgres: Postgres) -> None:
    open_url = postgres.url.replace("verify-full", "disable")
    with (
        pytest.raises(OperationalError, match="no encryption"),
        connected(open_url, postgres.password),
    ):
        pass


# What they share


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder that a server which runs as nobody can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.cluster
def test_an_expired_certificate_is_refused() -> None:
    with Postgres(secure=True, expired=True) as postgres:
        trust = ssl.create_default_context(cafile=str(postgres.authority))
        with socket.create_connection((HOST, postgres.port)) as plain:
            plain.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")  # the request for TLS
            assert plain.recv(1) == b"S"
            with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
                trust.wrap_socket(plain, server_hostname=HOST)


@pytest.mark.cluster
def test_a_suspended_server_is_silent_until_it_is_resumed() -> None:
    with Postgres() as postgres:
        postgres.suspend()
        with (
            pytest.raises(OperationalError, match="timeout"),
            connected(f"{postgres.url}?connect_timeout=2"),
        ):
            pass
        postgres.resume()
        with connected(postgres.url) as connection:
            assert ask(connection, "SELECT 1").scalar() == 1


@pytest.mark.cluster
def test_a_stopped_server_is_gone_and_can_be_started_again(data: Path) -> None:
    with Postgres(data=data) as postgres:
        pids, address = postgres.pids, postgres.address
        postgres.stop()
        assert not any(map(alive, pids))
        assert not answers(address)
        postgres.restart()
        assert postgres.address == address
        assert answers(address)
    assert not answers(address)
    assert data.exists()


@pytest.mark.cluster
def test_a_server_ends_with_its_owner_and_leaves_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        *pids, data = owner.stdout.readline().split()
        assert all(alive(int(pid)) for pid in pids)
        owner.kill()
    deadline = time.monotonic() + 10
    while (any(alive(int(pid)) for pid in pids) or Path(data).exists()) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert not any(alive(int(pid)) for pid in pids)
    assert not Path(data).exists()


@pytest.mark.cluster
def test_a_server_that_cannot_start_tells_why() -> None:
    server = Postgres(settings={"no_such_setting": "1"})
    with pytest.raises(Stop, match="no_such_setting"), server:
        pass
    assert not server.data.exists()


class Silent(Server):
    """One that starts and never answers."""

    def _command(self) -> Sequence[str]:
        return ["sleep", "60"]

    def _answers(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("given", "told"),
    [("0.2", "gave no answer in 0.2 s"), ("long", "TEST_SERVER_SECONDS is 'long'")],
)
def test_a_start_takes_as_long_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, given: str, told: str
) -> None:
    monkeypatch.setenv("TEST_SERVER_SECONDS", given)
    server = Silent(data=None, port=None)
    with pytest.raises(Stop, match=told), server:
        pass
    assert not server.data.exists()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Stop, match="apt-get install maven"):
        program("mvn")


def test_what_is_cached_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEST_SERVER_CACHE", str(tmp_path))
    made = []

    def fill(work: Path) -> Path:
        made.append(work)
        time.sleep(0.1)
        (work / "kept").mkdir()
        (work / "thrown away").touch()
        return work / "kept"

    asking = [threading.Thread(target=cached, args=("thing", fill)) for _ in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(made) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thing", "thing.lock"]


def test_what_was_cached_half_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_SERVER_CACHE", str(tmp_path))

    def fill(work: Path) -> Path:
        kept = work / "kept"
        kept.mkdir()
        (kept / "file").write_text("half")
        if len(attempts) == 1:
            raise Stop("the network is down")
        return kept

    attempts = [1]
    with pytest.raises(Stop):
        cached("thing", fill)
    attempts.append(2)
    assert (cached("thing", fill) / "file").exists()


# The proxy


@pytest.fixture
def echo() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that says everything again, and what it has heard."""
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                while data := self.request.recv(100):
                    heard.append(data)
                    self.request.sendall(data)

    with socketserver.ThreadingTCPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"{HOST}:{server.server_address[1]}", heard
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: tuple[str, list[bytes]]) -> Iterator[Proxy]:
    with Proxy(echo[0]) as proxy:
        yield proxy


def client(proxy: Proxy) -> socket.socket:
    host, _, port = proxy.address.partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def say(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(100)


def test_the_proxy_carries_both_ways(proxy: Proxy) -> None:
    with client(proxy) as one, client(proxy) as other:
        assert (say(one, b"one"), say(other, b"other")) == (b"one", b"other")
        assert proxy.connections == 2


def test_the_proxy_delays(proxy: Proxy) -> None:
    with client(proxy) as one:
        proxy.delay(0.1)
        start = time.monotonic()
        assert say(one, b"slow") == b"slow"
        assert 0.2 <= time.monotonic() - start < 2


def test_the_proxy_cuts(proxy: Proxy) -> None:
    with client(proxy) as one:
        say(one, b"before")
        proxy.cut()
        assert one.recv(100) == b""
    with client(proxy) as other:
        assert say(other, b"after") == b"after"


def test_the_proxy_resets(proxy: Proxy) -> None:
    with client(proxy) as one:
        say(one, b"before")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            one.recv(100)


def test_the_proxy_closes_one_half(proxy: Proxy, echo: tuple[str, list[bytes]]) -> None:
    with client(proxy) as one:
        say(one, b"before")
        proxy.half_close()
        assert one.recv(100) == b""
        one.sendall(b"after")
        deadline = time.monotonic() + 5
        while b"after" not in echo[1] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert b"after" in echo[1]


def test_the_proxy_refuses_and_accepts(proxy: Proxy) -> None:
    with client(proxy) as one:
        say(one, b"before")
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            client(proxy)
        assert say(one, b"still") == b"still"
    proxy.accept()
    with client(proxy) as other:
        assert say(other, b"after") == b"after"


def test_the_proxy_stalls_until_it_is_healed(proxy: Proxy) -> None:
    proxy.stall()
    with client(proxy) as one:
        one.sendall(b"late")
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.recv(100)
        one.settimeout(5)
        proxy.heal()
        assert one.recv(100) == b"late"


def test_a_client_sees_that_the_target_of_the_proxy_is_down() -> None:
    with Proxy(f"{HOST}:{free_port()}") as proxy, client(proxy) as one:
        assert one.recv(100) == b""
