"""A cluster where each role is a user of its own: what each can do, and what nobody is told."""

import base64
import gc
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from kafka import TopicPartition
from pydantic import BaseModel
from sqlalchemy import select, text

from bench.servers.secured import Secured
from bench.servers.server import free_port
from dashboard.accounts import Accounts
from dashboard.application import create
from dashboard.roles import Role
from dashboard.sessions import csrf_of
from dashboard.tables import account
from dashboard.testing import PASSWORD
from index.contract import Question
from index.elastic.access import Access
from ingest.contract import Batch, Reference, Standing
from ingest.sources import Source
from peil.folder import WorkingFolder
from peil.granting import set_up
from peil.housekeeping import keep_house
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from rules.parser import parse
from rules.tokens import tokenise
from stream.broker import Entry
from stream.clock import DAY_MS, Clock, ManualClock, SystemClock
from stream.errors import Retry, Stop
from stream.kafka.connection import Connection
from stream.kafka.grants import Grants
from stream.partitions import Partition
from stream.post import Match, RawPost
from stream.testing import make_post
from stream.topics import POSTS, TOPICS
from tests.dashboard.conftest import QUICK, Doors

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(280),
    # kafka-python leaves sockets open that it could not log in with.
    pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"),
]

# As much as can be logged, of peil and of all that it uses.
COMMAND = (
    sys.executable,
    "-c",
    "import logging; logging.basicConfig(level=1); from peil.command import main; main()",
)
ROLES = {
    "collect": "collect",
    "enrich": "enrich",
    "index": "index",
    "house": "index",
    "dashboard": "dashboard",
}
"""The roles that run, each with the user that it has."""

POSTED, ERASED = 24, 2
HANDLE, WORDS, NATIVE = (f"{word}{secrets.token_hex(6)}" for word in ("jan", "woord", "item"))
"""What begins each account, and stands in each text and each native id."""

LONG = Partition("kept", (datetime.now(UTC) + timedelta(days=300)).date())


@pytest.fixture(autouse=True)
def _left_open() -> Iterator[None]:
    yield
    gc.collect()  # now, and not when nobody expects it


@pytest.fixture(scope="module")
def city(secured_city: WorkingFolder, secured: Secured) -> WorkingFolder:
    """The working folder, its cluster set up, its sources open, its rules counting, and one post
    indexed for long.
    """
    with opened(secured_city, secured.environ()) as pipeline:
        findings = list(set_up(pipeline, secured.passwords))
        assert [each for each in findings if each.state != "well"] == []
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    with opened(secured_city, secured.environ("operator")) as pipeline:
        for source in ("upload", "shelf"):
            pipeline.register.open(
                source, owner="o", purpose="p", basis="b", dpia="d", obtained="x", until=until
            )
        pipeline.publish_rules()
    with opened(secured_city, secured.environ("index")) as pipeline:
        indexing(pipeline)
    return secured_city


@contextmanager
def opened(
    city: WorkingFolder, environ: Mapping[str, str], clock: Clock | None = None
) -> Generator[Pipeline]:
    models = os.environ["PEIL_ENRICH__MODELS"]
    settings = load_settings(city.settings, environ={**environ, "PEIL_ENRICH__MODELS": models})
    with Pipeline(city, settings, clock=clock or SystemClock()) as pipeline:
        yield pipeline


# What is logged.


@dataclass
class Life:
    """What was said and measured while the roles of a city did their work."""

    said: dict[str, str] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    measured: dict[str, str] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def life(city: WorkingFolder, secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The roles as processes: an import, an answer, an erasure, and the end."""
    life, work = Life(), tmp_path_factory.mktemp("life")
    posts = work / "posts.ndjson"
    items = [
        {
            "id": f"{NATIVE}{number}",
            "author": f"{HANDLE}{number}",
            "body": f"Fatbikes scheuren elke avond over de stoep, weer overlast {WORDS}{number}",
            "timestamp": datetime.now(UTC).isoformat(),
        }
        for number in range(POSTED)
    ]
    broken = {"zonder": f"{WORDS}", "van": f"{HANDLE}"}
    posts.write_text("".join(f"{json.dumps(each)}\n" for each in [*items, broken]))

    def peil(name: str, *words: str, given: str = "") -> None:
        done = subprocess.run(
            [*COMMAND, "-C", str(city.root), *words],
            input=given, capture_output=True, text=True, timeout=120, check=False,
            env=os.environ | secured.environ("operator"),
        )  # fmt: skip
        life.said[name] = done.stdout + done.stderr
        life.ended[name] = done.returncode

    def held() -> int:
        with opened(city, secured.environ("operator")) as pipeline:
            pipeline.store.reload()
            try:
                return pipeline.store.count(Question(query=parse(f"{WORDS}*").tree)).posts
            except Retry:  # an index that was made this moment cannot be asked yet
                return -1

    door = free_port()
    pages = {
        "PEIL_DASHBOARD__LISTEN": f"127.0.0.1:{door}",
        "PEIL_DASHBOARD__REFRESH_SECONDS": "5",
    }
    with ExitStack() as stack:
        ports = dict(zip(ROLES, (free_port() for _ in ROLES), strict=True))
        running = {
            role: stack.enter_context(
                starting(work / role, city, secured.environ(user) | pages, role, ports[role])
            )
            for role, user in ROLES.items()
        }
        wait_for(lambda: all(is_ready(port) for port in ports.values()))
        peil("import", "import", str(posts), "--json")
        wait_for(lambda: held() == POSTED)
        for number in range(ERASED):
            peil("erase", "erase", "--platform", "file", "--author", given=f"{HANDLE}{number}\n")
        wait_for(lambda: held() == POSTED - ERASED)
        peil("count", "search", f"{WORDS}*", "--count", "--json")
        life.said["page"] = first_page(read(work / "dashboard"), port=door)
        life.measured = {role: metrics(port) for role, port in ports.items()}
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        life.ended |= {role: process.wait(60) for role, process in running.items()}
    peil("expire", "expire")
    peil("quarantine", "quarantine", "list")
    peil("doctor", "doctor")
    life.said |= {role: (work / role).read_text("utf-8", "replace") for role in ROLES}
    life.counted = {"posts": held()}
    return life


@contextmanager
def starting(
    log: Path, city: WorkingFolder, environ: Mapping[str, str], role: str, port: int
) -> Generator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "-C", str(city.root), "run", "--role", role],
            stdout=output, stderr=subprocess.STDOUT,
            env=os.environ | environ | {"PEIL_SERVICE__LISTEN": f"127.0.0.1:{port}"},
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def wait_for(what: Callable[[], bool], *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def first_page(log: str, *, port: int) -> str:
    """What the dashboard shows to who comes by the link that it printed."""
    found = re.search(r"http://\S+/enter\?link=\S+", log)
    assert found is not None
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        browser.get(found[0])
        said = {"csrf": csrf_of(browser.cookies[f"peil-{port}"]), "purpose": "a test"}
        return browser.post(f"http://127.0.0.1:{port}/purpose", data=said).text


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_each_role_does_its_work_with_a_user_of_its_own(life: Life) -> None:
    assert life.ended == dict.fromkeys(life.ended, 0), life.said
    assert life.counted == {"posts": POSTED - ERASED}
    assert '"posts": ' in life.said["count"]
    assert "/phenomena/vuurwerkoverlast" in life.said["page"]
    assert "skeleton" in life.said["quarantine"]
    assert " wrong " not in life.said["doctor"]
    assert "not allowed" not in "".join(life.said.values())
    assert "Traceback" not in "".join(life.said.values())


def test_no_password_no_key_no_account_and_no_text_is_told_to_anybody(
    life: Life, city: WorkingFolder, secured: Secured
) -> None:
    told = {
        **life.said,
        **{f"metrics of {role}": measured for role, measured in life.measured.items()},
        **{str(path): read(path) for path in secured.logs()},
        **{str(path): read(path) for path in city.metrics.rglob("*") if path.is_file()},
    }
    assert "ALTER ROLE peil_index LOGIN PASSWORD" in told[str(secured.postgres.log)] or (
        "CREATE ROLE peil_index LOGIN PASSWORD" in told[str(secured.postgres.log)]
    )
    keys = [path.read_bytes() for path in city.keys.glob("*.key")]
    assert len(keys) > 1
    hidden = [
        *secured.secrets(),
        *(base64.b64encode(secret.encode()).decode().rstrip("=") for secret in secured.secrets()),
        *(key.hex() for key in keys),
        *(base64.b64encode(key).decode().rstrip("=") for key in keys),
        HANDLE,
        NATIVE,
    ]
    for where, words in told.items():
        for secret in hidden:
            assert secret not in words, where
        # The question is the operator's own words, and nowhere else.
        assert WORDS not in words, where


def read(path: Path) -> str:
    return path.read_text("utf-8", "replace")


# What each role can do.

RULE = "woningnood"
ASKED = "is er een woning"
EVERY_PAGE = (
    "/",
    f"/phenomena/{RULE}?with=vuurwerkoverlast",
    f"/phenomena/{RULE}/terms",
    "/explore?q={q}",
    "/rules",
    "/sources",
    "/api/v1/explore/terms?q={q}",
    "/api/v1/explore/compare?q={q}&with=before",
    "/api/v1/complete?prefix=woni",
    "/export/counts?by=day&format=parquet",
)


def test_every_page_is_made_with_a_user_that_may_read_only(
    city: WorkingFolder, secured: Secured
) -> None:
    with opened(city, secured.environ("operator")) as pipeline:
        accounts = Accounts(pipeline.database, clock=pipeline.clock, hasher=QUICK)
        accounts.add("jan", PASSWORD, [Role.ANALYST])
        weak = hash_of("jan", pipeline)
    with opened(city, secured.environ("index")) as pipeline:
        week_ago = pipeline.clock.now() - 7 * DAY_MS
        posts = [
            make_post(
                1_000 + number,
                text=ASKED,
                tokens=tokenise(ASKED),
                created_at=week_ago,
                first_observed=week_ago,
                matches=(Match(RULE, "1", ((3, 4),)),),
            )
            for number in range(60)
        ]
        pipeline.store.write(LONG, posts)
        pipeline.store.flush()
    with opened(city, secured.environ("dashboard")) as pipeline:
        entrance = entrance_of(pipeline)
        doors = Doors(create(city_of(pipeline), entrance), entrance, pipeline.access)
        reader = doors.reader("jan", "a test")
        assert hash_of("jan", pipeline) != weak  # what is thought safe has grown
        written = doors.send(reader, "/queries", words="woning")
        query = written.headers["location"].partition("q=")[2].partition("&")[0]
        for page in EVERY_PAGE:
            answer = reader.get(page.format(q=query))
            assert answer.status_code == 200, f"{page}: {answer.text}"
        texts = reader.get(f"/api/v1/explore/texts?q={query}").text
        assert "woning" in texts
        until = datetime.now(UTC).date() + timedelta(days=9)
        kept = doors.send(reader, "/saved", title="mijn", query=f"q={query}", until=f"{until}")
        assert kept.status_code == 303
        assert "mijn" in reader.get("/explore").text
        assert doors.send(reader, "/leave").status_code == 303
        assert reader.get("/").headers["location"].startswith("/enter")
        assert "broker" not in vars(pipeline)  # nobody opened the log


def hash_of(name: str, pipeline: Pipeline) -> str:
    with pipeline.database.connect() as connection:
        held = connection.execute(select(account.c.password).where(account.c.name == name))
        return str(held.scalar_one())


SHELF = Source(id="shelf", title="t", collector="files", keep="all")


class Shelf:
    """A platform that posts can be taken from, and its collector."""

    name: ClassVar[str] = "shelf"
    Settings: ClassVar[type[BaseModel]] = BaseModel
    repeats: ClassVar[bool] = True
    live: ClassVar[bool] = True
    endless: ClassVar[bool] = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def poll(self, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        items = [
            RawPost(
                platform="shelf",
                native_id=f"{NATIVE}{number}",
                text=f"een tekst {number}",
                author=f"a{number}",
                observed_at=self._clock.now(),
            )
            for number in range(15)
        ]
        yield Batch(cursor={"turn": 1}, read=len(items), items=items)

    def reference(self, post: RawPost) -> Reference | None:
        return Reference(post.platform, post.native_id)

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        for each in references:
            number = int(each.native_id.removeprefix(NATIVE))
            yield ("gone", "missing", "unknown")[number] if number < 3 else "there"


def test_a_day_of_collecting_and_the_end_of_a_term_need_no_more_rights(
    city: WorkingFolder, secured: Secured
) -> None:
    clock = ManualClock(SystemClock().now())

    def index_all() -> None:
        with opened(city, secured.environ("enrich"), clock) as pipeline:
            pipeline.publish_rules()
            pipeline.enrich_worker().drain()
        with opened(city, secured.environ("index"), clock) as pipeline:
            pipeline.index_worker().drain()

    with opened(city, secured.environ("collect"), clock) as pipeline:
        shelf = Shelf(clock)
        assert pipeline.ingestion.collect(SHELF, shelf).appended == 15
        index_all()
        clock.advance(DAY_MS)
        outcomes = pipeline.ingestion.rechecks.lot(SHELF, shelf, held=pipeline.held)
        assert outcomes == {"gone": 1, "missing": 1, "unknown": 1, "there": 12}
        clock.advance(DAY_MS)
        outcomes = pipeline.ingestion.rechecks.lot(SHELF, shelf, held=pipeline.held)
        assert outcomes == {"gone": 1, "unknown": 1, "there": 12}  # it was missing twice
    index_all()
    clock.advance(91 * DAY_MS)
    with opened(city, secured.environ("index"), clock) as pipeline:
        report = keep_house(pipeline)
        assert set(pipeline.store.partitions()) == {LONG}
    assert report.partitions
    assert report.records > 0


# What each role cannot do.

Attempt = Callable[[Pipeline], object]


def doing(statement: str) -> Attempt:
    def attempt(pipeline: Pipeline) -> None:
        with pipeline.database.begin() as connection:
            connection.execute(text(statement))

    return attempt


def reading(topic: str) -> Attempt:
    def attempt(pipeline: Pipeline) -> None:
        settings = pipeline.settings.stream.kafka
        connection, name = Connection(settings), TopicPartition(f"{settings.prefix}{topic}", 0)
        # `Broker.read` would not ask for what an empty topic has.
        with connection.naming("reading"), closing(connection.consumer()) as reader:
            reader.assign([name])
            reader.seek(name, 0)
            reader.poll(timeout_ms=5_000)

    return attempt


def writing(topic: str) -> Attempt:
    return lambda pipeline: pipeline.broker.append(topic, [Entry("key", b"value")])


def joining(group: str, topic: str) -> Attempt:
    def attempt(pipeline: Pipeline) -> None:
        with closing(pipeline.broker.subscribe(group, [topic])) as member:
            for _ in range(20):
                member.poll(limit=1, timeout=0.5)

    return attempt


def dropping(pipeline: Pipeline) -> None:
    pipeline.broker.expire(pipeline.clock.now() + 90 * DAY_MS)


def asking(pipeline: Pipeline) -> None:
    pipeline.store.count(Question())


def indexing(pipeline: Pipeline) -> None:
    pipeline.store.write(LONG, [make_post(1)])
    pipeline.store.flush()


def indexing_elsewhere(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    elastic = settings.index.elastic.model_copy(update={"prefix": "other"})
    index = settings.index.model_copy(update={"elastic": elastic})
    changed = settings.model_copy(update={"index": index})
    with Pipeline(pipeline.folder, changed, clock=pipeline.clock) as other:
        indexing(other)


def making_users(pipeline: Pipeline) -> None:
    with closing(Access(pipeline.settings.index.elastic)) as access:
        access.put_user("peil_guest", role="writer")


def granting(pipeline: Pipeline) -> None:
    with closing(Grants(pipeline.settings.stream.kafka, topics=TOPICS)) as grants:
        grants.put_rights("peil_guest", reads=[POSTS.name], groups={})


def letting_in(pipeline: Pipeline) -> None:
    with closing(Grants(pipeline.settings.stream.kafka, topics=TOPICS)) as grants:
        grants.put_login("peil_guest", "another-one")


FOR_NOBODY: dict[str, Attempt] = {
    "make a table": doing("CREATE TABLE mine (number integer)"),
    "change a table": doing("ALTER TABLE run ADD COLUMN mine integer"),
    "change which version the tables have": doing("DELETE FROM alembic_version"),
    "make a user of PostgreSQL": doing("CREATE ROLE mine"),
    "change the access log": doing("UPDATE access SET actor = 'somebody else'"),
    "shorten the access log": doing("DELETE FROM access"),
    "remove from the register": doing("DELETE FROM register"),
    "take an objection back": doing("DELETE FROM objection"),
    "grant rights in Kafka": granting,
    "let somebody into Kafka": letting_in,
}
REFUSED: dict[str, dict[str, Attempt]] = {
    "collect": {
        "forget a run": doing("DELETE FROM run"),
        "read posts": reading("posts"),
        "read labelled posts": reading("labelled"),
        "read the quarantine": reading("quarantine"),
        "write labelled posts": writing("labelled"),
        "read the rules": reading("rules"),
        "change the rules": writing("rules"),
        "do the work of enrich": joining("enrich", "posts"),
        "drop records": dropping,
        "index": indexing,
        "drop indices": lambda pipeline: pipeline.store.expire(2**52),
        "open a source": doing("INSERT INTO register DEFAULT VALUES"),
        "erase an author": doing("DELETE FROM erased_author"),
        "read who asked what": doing("SELECT * FROM access"),
    },
    "enrich": {
        "forget a run": doing("DELETE FROM run"),
        "read labelled posts": reading("labelled"),
        "read the quarantine": reading("quarantine"),
        "write posts": writing("posts"),
        "do the work of index": joining("index", "labelled"),
        "drop records": dropping,
        "ask the store": asking,
        "read the register": doing("SELECT * FROM register"),
        "read whose posts are erased": doing("SELECT * FROM erased_author"),
        "read who asked what": doing("SELECT * FROM access"),
    },
    "index": {
        "change the rules": writing("rules"),
        "do the work of enrich": joining("enrich", "posts"),
        "index elsewhere": indexing_elsewhere,
        "make users of Elasticsearch": making_users,
        "read the register": doing("SELECT * FROM register"),
        "read who asked what": doing("SELECT * FROM access"),
        "move a cursor": doing("UPDATE cursor SET value = ''"),
    },
    "dashboard": {
        "forget a run": doing("DELETE FROM run"),
        "read posts": reading("posts"),
        "read labelled posts": reading("labelled"),
        "read the quarantine": reading("quarantine"),
        "write posts": writing("posts"),
        "index": indexing,
        "index elsewhere": indexing_elsewhere,
        "drop indices": lambda pipeline: pipeline.store.expire(2**52),
        "make users of Elasticsearch": making_users,
        "open a source": doing("INSERT INTO register DEFAULT VALUES"),
        "read whose posts are erased": doing("SELECT * FROM erased_author"),
        "let an author in again": doing("DELETE FROM erased_author"),
        "make an account": doing("INSERT INTO account DEFAULT VALUES"),
        "give an account a role": doing("UPDATE account SET roles = 'officer'"),
        "bring an account back": doing("UPDATE account SET removed = NULL"),
        "remove an account": doing("DELETE FROM account"),
        "change what somebody asked": doing("UPDATE stored_query SET words = ''"),
        "change what was counted": doing("UPDATE phenomenon SET posts = 0"),
        "hide a gap": doing("DELETE FROM gap"),
        "read where a source is": doing("SELECT * FROM cursor"),
    },
    "operator": {
        "index elsewhere": indexing_elsewhere,
        "make users of Elasticsearch": making_users,
    },
}


@pytest.mark.parametrize("role", REFUSED)
def test_what_a_role_does_not_need_is_refused(
    city: WorkingFolder, secured: Secured, role: str
) -> None:
    with opened(city, secured.environ(role)) as pipeline:
        for what, attempt in (FOR_NOBODY | REFUSED[role]).items():
            refusal = outcome(attempt, pipeline)
            assert any(each in refusal for each in REFUSALS), f"{role} may {what}: {refusal}"


def outcome(attempt: Attempt, pipeline: Pipeline) -> str:
    try:
        attempt(pipeline)
    except Stop as error:
        return str(error)
    return "it was done"


REFUSALS = (
    "is not allowed to",
    "withholds a privilege",
    "does not allow",
    "does not accept the login",
    "refuses the login",
    "the brokers refuse it",
)
