"""`peil doctor` and the start of a role: each fault of a server, named with what to do."""

import gc
import json
import os
import secrets
import socketserver
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from elasticsearch import Elasticsearch as Client
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.protocol.admin import DescribeConfigsResponse
from kafka.protocol.metadata import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    MetadataRequest,
    MetadataResponse,
)
from sqlalchemy import create_engine, inspect, make_url

from bench.servers.certificates import Authority
from bench.servers.secured import Secured
from index.elastic.mapping import VERSION
from peil.database import open_database
from peil.diagnosis import Finding, diagnose
from peil.folder import WorkingFolder
from peil.granting import set_up
from peil.grants import put_login, put_rights
from peil.pipeline import Pipeline
from peil.rights import RIGHTS
from peil.settings import Settings, load_settings
from stream.clock import SystemClock
from stream.errors import Stop
from stream.kafka.grants import Grants
from stream.partitions import Partition
from stream.settings import KafkaSettings
from stream.testing import make_post
from stream.topics import TOPICS

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(200),
    # kafka-python leaves sockets open that it could not log in with.
    pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"),
]

COMMAND = (sys.executable, "-c", "from peil.command import main; main()")
NOBODY = Path("/nowhere")
IMPATIENT = {"PEIL_STREAM__KAFKA__TIMEOUT_SECONDS": "2"}
"""For what fails anyway."""


@pytest.fixture(autouse=True)
def _left_open() -> Iterator[None]:
    yield
    gc.collect()  # now, and not when nobody expects it


@pytest.fixture
def city(secured_city: WorkingFolder) -> WorkingFolder:
    return secured_city


@pytest.fixture
def plain(cluster_environ: dict[str, str]) -> dict[str, str]:
    """What the environment says of a cluster without logins."""
    return cluster_environ


def settings_of(city: WorkingFolder, environ: Mapping[str, str]) -> Settings:
    return load_settings(city.settings, environ=environ)


@contextmanager
def opened(city: WorkingFolder, environ: Mapping[str, str]) -> Generator[Pipeline]:
    with Pipeline(city, settings_of(city, environ), clock=SystemClock()) as pipeline:
        yield pipeline


def looked_at(city: WorkingFolder, environ: Mapping[str, str]) -> list[Finding]:
    with opened(city, environ) as pipeline:
        return diagnose(pipeline)


def setting_up(city: WorkingFolder, environ: Mapping[str, str], passwords: Path) -> list[Finding]:
    with opened(city, environ) as pipeline:
        return list(set_up(pipeline, passwords))


def wrong(findings: list[Finding]) -> dict[str, str]:
    """What is wrong, by part; what was not looked at because of another part is left out."""
    found = {each.what: each.detail for each in findings if each.state == "wrong"}
    return {what: detail for what, detail in found.items() if "not looked at" not in detail}


def starting(city: WorkingFolder, environ: Mapping[str, str], role: str) -> Any:
    """A role that starts and ends by itself, or after a while."""
    words = [*COMMAND, "-C", str(city.root), "run", "--role", role]
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | environ,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"{role} goes on: {error.stdout!r} {error.stderr!r}")


@contextmanager
def running(
    city: WorkingFolder, environ: Mapping[str, str], role: str
) -> Generator[Callable[[], str]]:
    """A role that goes on until the block ends; gives what it said so far."""
    log = city.root.parent / f"{role}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "-C", str(city.root), "run", "--role", role],
            stdout=output, stderr=subprocess.STDOUT, env=os.environ | environ,
        )  # fmt: skip
        try:
            yield log.read_text
        finally:
            process.terminate()
            process.wait(60)


def wait_for(what: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


# Setting up.


def test_setting_up_is_told_and_may_be_done_again(city: WorkingFolder, secured: Secured) -> None:
    first, again = (setting_up(city, secured.environ(), secured.passwords) for _ in range(2))
    assert wrong(first) == {}
    assert again == first
    for role, rights in RIGHTS.items():
        named = [each.what for each in first if each.detail.startswith(f"peil_{role}:")]
        assert sorted(named) == sorted(rights.servers)
    findings = looked_at(city, secured.environ("operator"))
    assert wrong(findings) == {}
    (backups,) = [each for each in findings if each.what == "backups"]
    assert (backups.state, backups.detail[:20]) == ("warning", "there is no snapshot")
    soon = [each.detail for each in findings if each.what == "certificates"]
    assert [each.partition(" at ")[0] for each in soon] == [
        "that of kafka", "that of elasticsearch", "that of postgres",
    ]  # fmt: skip
    assert all("renew it" in each for each in soon)  # they are of tests, and end in ten days
    assert not any(secret in f"{first}{findings}" for secret in secured.secrets())


def test_without_logins_all_that_is_needed_is_made(
    city: WorkingFolder, plain: dict[str, str]
) -> None:
    words = [*COMMAND, "-C", str(city.root), "doctor", "--setup", "--passwords", str(NOBODY)]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, env=os.environ | plain
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "peil_" not in done.stdout
    for what in ("the tables are", f"{plain['PEIL_STREAM__KAFKA__PREFIX']}labelled", "template"):
        assert what in done.stdout
    assert wrong(looked_at(city, plain)) == {}


def test_who_has_a_password_keeps_it_and_a_file_that_is_none_is_told(
    city: WorkingFolder, secured: Secured, tmp_path: Path
) -> None:
    assert wrong(setting_up(city, secured.environ(), secured.passwords)) == {}
    (tmp_path / "index-kafka").write_text("\n")
    (tmp_path / "operator-elasticsearch").write_bytes(b"\xff\xfe")
    found = setting_up(city, secured.environ(), tmp_path)
    told = [each.detail for each in found if each.state == "wrong"]
    for file, why in (
        (tmp_path / "index-kafka", "the file is empty; write the password in it"),
        (tmp_path / "operator-elasticsearch", "its password cannot be read (it is not text)"),
    ):
        assert f"peil_{file.name.partition('-')[0]} ({file}): {why}" in told
    assert len(told) == 2
    assert wrong(looked_at(city, secured.environ("operator"))) == {}


def test_who_cannot_log_in_yet_is_told(city: WorkingFolder, plain: dict[str, str]) -> None:
    found = setting_up(city, plain | {"PEIL_DATABASE__PASSWORD": "any"}, NOBODY)
    assert [each.detail for each in found if each.state == "wrong"] == [
        f"peil_{role} ({NOBODY / f'{role}-postgres'}): it cannot log in yet: there is no such "
        "file with its password"
        for role in RIGHTS
    ]


def test_brokers_that_refuse_nobody_anything_are_told(kafka_server: str) -> None:
    settings = KafkaSettings(servers=(kafka_server,))
    with (
        closing(Grants(settings, topics=TOPICS)) as grants,
        pytest.raises(Stop, match=r"set authorizer\.class\.name"),
    ):
        grants.put_rights("peil_index", groups={})


def test_on_one_machine_nothing_is_set_up(city: WorkingFolder) -> None:
    with pytest.raises(Stop, match="nothing is to be set up"):
        setting_up(city, {}, NOBODY)


def test_a_look_at_a_cluster_makes_nothing_there(plain: dict[str, str], tmp_path: Path) -> None:
    """No topic, no table: a prefix that is mistyped would leave them behind."""
    kafka = json.loads(plain["PEIL_STREAM__KAFKA__SERVERS"])[0]
    prefix = plain["PEIL_STREAM__KAFKA__PREFIX"]
    folder = WorkingFolder.init(tmp_path / "city")
    engine = create_engine(plain["PEIL_DATABASE__URL"])
    for _ in range(2):
        told = wrong(looked_at(folder, plain))
        assert "has no tables of peil: `peil doctor --setup` makes them" in told["database"]
        assert "is missing, or hidden from this user" in told["kafka"]
        assert f"Kafka has no topic {prefix}" in told["log"]
    on_one_machine = plain | {"PEIL_ENGINE": "embedded"}
    assert set(wrong(looked_at(folder, on_one_machine))) == {"database"}
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        assert not [each for each in admin.list_topics() if each.startswith(prefix)]
    setting_up(folder, plain, NOBODY)
    assert wrong(looked_at(folder, plain)) == {}


# Logins, certificates, rights.


def test_wrong_passwords_are_told_of_each_server_and_at_start(
    city: WorkingFolder, secured: Secured
) -> None:
    setting_up(city, secured.environ(), secured.passwords)
    guess = "planted-wrong-guess"
    guesses = {name: guess for name in secured.environ() if name.endswith("PASSWORD")}
    assert len(guesses) == len(TOLD)
    findings = looked_at(city, secured.environ("operator") | guesses | IMPATIENT)
    told = wrong(findings)
    assert set(told) == {"database", "kafka", "index"}
    assert "refuses the user or the password; check database.url" in told["database"]
    assert "refuses the login of 'peil_operator'" in told["kafka"]
    assert "check stream.kafka.user and stream.kafka.password_file" in told["kafka"]
    assert "does not accept the login (401): check index.elastic.user" in told["index"]

    def at_start(what: str) -> None:
        role, variable = TOLD[what]
        done = starting(city, secured.environ(role) | {variable: guess}, role)
        assert done.returncode == 3
        mine = told[what].replace("peil_operator", f"peil_{role}")
        assert mine in done.stderr
        assert "Traceback" not in done.stderr
        assert guess not in done.stdout + done.stderr

    with ThreadPoolExecutor() as pool:
        for each in [pool.submit(at_start, what) for what in TOLD]:
            each.result()
    assert guess not in str(findings)


TOLD = {
    "database": ("collect", "PEIL_DATABASE__PASSWORD"),
    "kafka": ("enrich", "PEIL_STREAM__KAFKA__PASSWORD"),
    "index": ("index", "PEIL_INDEX__ELASTIC__PASSWORD"),
}
"""Which role is started with which password wrong."""


def trusting(environ: Mapping[str, str], authority: Path) -> dict[str, str]:
    url = make_url(environ["PEIL_DATABASE__URL"])
    return dict(environ) | {
        "PEIL_STREAM__KAFKA__CA_FILE": str(authority),
        "PEIL_INDEX__ELASTIC__CA_FILE": str(authority),
        "PEIL_DATABASE__URL": str(url.update_query_dict({"sslrootcert": str(authority)})),
    }


def test_an_unknown_authority_is_told_of_each_server(
    city: WorkingFolder, secured: Secured, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).file
    told = wrong(looked_at(city, trusting(secured.environ(), stranger) | IMPATIENT))
    assert set(told) == {"database", "kafka", "index"}
    assert "not trusted" in told["database"]
    assert "sslrootcert" in told["database"]
    for what, setting in (("kafka", "stream.kafka.ca_file"), ("index", "index.elastic.ca_file")):
        assert "unable to get local issuer certificate" in told[what]
        assert setting in told[what]


def test_an_expired_certificate_is_told_of_each_server(city: WorkingFolder, tmp_path: Path) -> None:
    with Secured(tmp_path, expired=True) as servers:
        environ = servers.environ() | IMPATIENT
        findings = looked_at(city, environ)
        done = starting(city, environ, "enrich")
    told = wrong(findings)
    assert set(told) == {"database", "kafka", "index"}
    assert "a certificate is missing, expired" in told["database"]
    for what in ("kafka", "index"):
        assert "certificate has expired" in told[what]
    ended = [each.detail for each in findings if each.what == "certificates"]
    assert len(ended) == 3
    assert all("ended on" in each for each in ended)
    assert done.returncode == 3
    assert told["database"] in done.stderr


def test_a_privilege_that_is_missing_is_told_of_each_server_and_at_start(
    city: WorkingFolder, secured: Secured
) -> None:
    """A user who may log in everywhere, and do nothing."""
    password = secrets.token_hex(8)
    with opened(city, secured.environ()) as pipeline:
        settings = pipeline.settings
        put_login(pipeline.database, "peil_guest", password)
        put_rights(pipeline.database, "peil_guest", {})
        with closing(Grants(settings.stream.kafka, topics=TOPICS)) as grants:
            grants.put_login("peil_guest", password)
        with Client(
            list(settings.index.elastic.servers),
            basic_auth=(secured.elastic.user, secured.elastic.password),
            ca_certs=str(secured.elastic.authority),
        ) as client:
            client.security.put_user(username="peil_guest", password=password, roles=[])
    guest = secured.environ_of(
        "peil_guest", dict.fromkeys(("kafka", "elasticsearch", "postgres"), password)
    )
    told = wrong(looked_at(city, guest))
    assert "topic peil.rules is missing, or hidden from this user" in told["kafka"]
    assert "or hides it from this user; `peil doctor --setup` makes it" in told["log"]
    assert "does not allow cluster:monitor/main (403)" in told["index"]
    assert "`peil doctor --setup`" in told["index"]
    assert "withholds a privilege from this user; `peil doctor --setup`" in told["register"]
    done = starting(city, guest, "enrich")
    assert done.returncode == 3
    assert "withholds a privilege from this user; `peil doctor --setup`" in done.stderr


def test_tables_of_an_older_release_wait_for_their_owner(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    with engine.begin() as connection:
        user = f"user_{connection.exec_driver_sql('SELECT current_schema()').scalar_one()}"
        connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN")
    put_rights(engine, user, RIGHTS["index"].tables)
    theirs = str(make_url(postgres_url).set(username=user))
    open_database(theirs).dispose()  # nothing is to be changed
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(Stop, match=r"has not the tables of this peil.*`peil doctor --setup`"):
        open_database(theirs)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {user}")
        connection.exec_driver_sql(f"DROP ROLE {user}")
    engine.dispose()


# What somebody changed by hand.


def test_what_was_changed_by_hand_is_told_and_at_start(
    city: WorkingFolder, plain: dict[str, str]
) -> None:
    kafka, elastic = (
        json.loads(plain[f"PEIL_{name}__SERVERS"])[0]
        for name in ("STREAM__KAFKA", "INDEX__ELASTIC")
    )
    prefix, index = plain["PEIL_STREAM__KAFKA__PREFIX"], plain["PEIL_INDEX__ELASTIC__PREFIX"]
    partition = Partition("kept", (datetime.now(UTC) + timedelta(days=20)).date())
    setting_up(city, plain, NOBODY)
    with opened(city, plain) as pipeline:
        pipeline.store.write(partition, [make_post(1)])
        pipeline.store.flush()
    retention = {"retention.ms": "1000000000"}
    posts = ConfigResource(ConfigResourceType.TOPIC, f"{prefix}posts", configs=retention)
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        admin.alter_configs([posts])
    with Client(elastic) as client:
        name = f"{index}-{partition.name}-v{VERSION}"
        client.indices.put_mapping(index=name, properties={"mine": {"type": "keyword"}})
    more = plain | {"PEIL_STREAM__KAFKA__PARTITIONS": "6", "PEIL_STREAM__LEASE_SECONDS": "6"}
    found = [each.detail for each in looked_at(city, more) if each.state == "wrong"]
    assert len(found) == 4
    for topic in ("posts", "labelled"):
        assert any(
            f"topic {prefix}{topic} has 4 partitions and 6 are asked for: set" in each
            for each in found
        )
    changed = f"topic {prefix}posts: retention.ms is 1000000000 and should be"
    assert any(changed in each and "set it back" in each for each in found)
    mapped = f"{name} has a mapping that was changed by hand (field mine is not peil's): `peil doc"
    assert any(mapped in each for each in found)
    with running(city, more, "index") as said:
        wait_for(lambda: all(each in said() for each in found))
    assert "Traceback" not in said()


# Servers that are others.


def test_servers_that_are_something_else_are_told(
    city: WorkingFolder, plain: dict[str, str], secured: Secured, site: Any
) -> None:
    site.answers["/"] = (200, {"Content-Type": "application/json"}, b'{"version": {"number": "8"}}')
    postgres = make_url(plain["PEIL_DATABASE__URL"])
    mistaken = {
        "PEIL_STREAM__KAFKA__SERVERS": json.dumps([f"{postgres.host}:{postgres.port}"]),
        "PEIL_INDEX__ELASTIC__SERVERS": json.dumps([site.url("")]),
        "PEIL_DATABASE__URL": f"postgresql+psycopg://somebody@{secured.kafka.address}/peil",
    }
    told = wrong(looked_at(city, plain | mistaken | IMPATIENT))
    assert set(told) == {"database", "kafka", "index"}
    assert "what answers there is not Elasticsearch" in told["index"]
    assert "is no PostgreSQL; check database.url" in told["database"]
    assert "does not answer as Kafka does" in told["kafka"]
    assert "check stream.kafka.servers, and stream.kafka.security" in told["kafka"]


ELASTIC = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("7.17.29", "is version 7.17.29; peil needs 8.x"),
        ("9.1.0", "is version 9.1.0; peil needs 8.x"),
        ("8.11.4", "is 8.11; peil is tested with 8.19: upgrade it"),
    ],
)
def test_an_elasticsearch_of_another_version_is_told(
    city: WorkingFolder, site: Any, version: str, words: str
) -> None:
    about = {"version": {"number": version}, "tagline": "You Know, for Search"}
    site.answers["/"] = (200, ELASTIC, json.dumps(about).encode())
    nothing = (200, ELASTIC, b"{}")
    site.answers["/peil-*?allow_no_indices=true"] = nothing
    site.answers["/peil-*?allow_no_indices=true&features=aliases"] = nothing
    assert words in wrong(looked_at(city, alone_at(site)))["index"]


def alone_at(site: Any) -> dict[str, str]:
    return {
        "PEIL_ENGINE": "cluster",
        "PEIL_INDEX__ELASTIC__SERVERS": json.dumps([site.url("")]),
        "PEIL_STREAM__KAFKA__SERVERS": '["127.0.0.1:9"]',
    } | IMPATIENT


def test_an_elasticsearch_that_does_not_know_the_headers_is_told(
    city: WorkingFolder, site: Any
) -> None:
    """As 7.17 answers."""
    cause = {"type": "status_exception", "reason": "Accept version must be 7 or 6, but found 8."}
    error = {"type": "media_type_header_exception", "reason": "Invalid", "caused_by": cause}
    site.answers["/"] = (400, ELASTIC, json.dumps({"error": error, "status": 400}).encode())
    told = wrong(looked_at(city, alone_at(site)))["index"]
    assert "is of another major version: peil needs 8.x" in told


class OtherKafka:
    """Answers as a broker of another version: what it speaks, that it is alone, no topics."""

    def __init__(self, speaks: Mapping[int, tuple[int, int]]) -> None:
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while size := self.rfile.read(4):
                    self.wfile.write(outer.answer(self.rfile.read(int.from_bytes(size))))

        self._speaks = speaks
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: bytes) -> bytes:
        key, version, number = struct.unpack(">hhi", request[:8])
        answer: Any
        if key == ApiVersionsRequest.API_KEY:
            version = min(version, self._speaks[key][1])
            answer = ApiVersionsResponse(
                version=version,
                api_keys=[(each, *versions) for each, versions in self._speaks.items()],
            )
        elif key == MetadataRequest.API_KEY:
            asked: Any = MetadataRequest.decode(request, version=version, header=True)
            host, port = self._server.server_address[:2]
            answer = MetadataResponse(
                version=version,
                brokers=[(1, host, port, None)],
                controller_id=1,
                topics=[
                    MetadataResponse.MetadataResponseTopic(error_code=3, name=each.name)
                    for each in asked.topics or ()
                ],
            )
        else:
            answer = DescribeConfigsResponse(version=version, results=[])
        answer.with_header(correlation_id=number)
        return bytes(answer.encode(header=True, framed=True))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.parametrize(
    ("speaks", "words"),
    [
        (
            {0: (0, 9), 2: (0, 6), 3: (0, 9), 18: (0, 3), 32: (0, 3)},
            "broker 1 is Kafka 2.8; peil needs 3.0 or newer: upgrade it",
        ),
        (
            {0: (90, 99), 2: (90, 99), 3: (90, 99), 18: (0, 3), 32: (90, 99)},
            "does not speak this client's protocol: use brokers of Kafka 3 or 4",
        ),
    ],
)
def test_a_kafka_of_another_version_is_told(
    city: WorkingFolder, speaks: Mapping[int, tuple[int, int]], words: str
) -> None:
    with OtherKafka(speaks) as kafka:
        environ = {
            "PEIL_ENGINE": "cluster",
            "PEIL_STREAM__KAFKA__SERVERS": json.dumps([kafka.address]),
            "PEIL_INDEX__ELASTIC__SERVERS": '["http://127.0.0.1:9"]',
        }
        findings = looked_at(city, environ | IMPATIENT)
    found = [each.detail for each in findings if each.what == "kafka"]
    assert any(words in each for each in found), found
