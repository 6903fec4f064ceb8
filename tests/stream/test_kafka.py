import gc
import logging
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, OffsetAndMetadata
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
)
from kafka.structs import MemberState

from bench.servers.certificates import Authority
from bench.servers.kafka import Kafka
from bench.servers.proxy import Proxy
from stream.broker import Entry, OffsetGone, Record, partition_of
from stream.clock import HOUR_MS, SystemClock
from stream.codec import encode
from stream.errors import Retry, Stop
from stream.events import Upsert
from stream.kafka import KafkaBroker
from stream.kafka.connection import BOOTSTRAP_SECONDS, Connection
from stream.kafka.layout import Pace
from stream.metrics import NoMetrics
from stream.quarantine import Quarantine, QuarantinedRecord
from stream.scan import scan, standing
from stream.settings import KafkaSettings, StreamSettings
from stream.testing import (
    BRIEF,
    TRIAL_SETTINGS,
    TRIAL_TOPICS,
    bytes_below,
    entries,
    eventually,
    make_post,
    taken,
)
from stream.testing_broker import BrokerContract
from stream.topics import POSTS, RULES
from stream.worker import Result, Worker, decode_records

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"),
]

QUICK = Pace(segment_ms=1_000, compaction_ms=1_000, tombstone_ms=60_000)
PASSWORD = f"secret-{secrets.token_hex(8)}"


def settings(address: str, **changes: object) -> StreamSettings:
    """Those of the trial, with topics of their own on that server."""
    kafka = {"servers": (address,), "prefix": f"t{secrets.token_hex(6)}."} | changes
    return TRIAL_SETTINGS.model_copy(update={"kafka": KafkaSettings.model_validate(kafka)})


def make(address: str, **changes: object) -> KafkaBroker:
    return KafkaBroker(
        settings(address, **changes), clock=SystemClock(), topics=TRIAL_TOPICS, pace=QUICK
    )


@pytest.fixture(autouse=True)
def _forgotten_sockets() -> Iterator[None]:
    """kafka-python leaves a socket that is not connected yet to the garbage collector."""
    yield
    gc.collect()


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def broker(kafka_server: str) -> Iterator[KafkaBroker]:
    made = make(kafka_server)
    assert made.prepare() == []
    yield made
    made.close()


class TestKafkaBroker(BrokerContract):
    """The contract, on a real Kafka."""


@pytest.fixture
def swallowing(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server to which packets go and from which none comes, as of one that is
    switched off: Linux drops what wants to connect where too many wait to be accepted. Among
    several, Kafka's client picks it by chance; here it always does.
    """
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            each = waiting.enter_context(socket.socket())
            each.settimeout(0)
            each.connect_ex(listening.getsockname())
        with pytest.raises(TimeoutError):
            socket.create_connection(listening.getsockname(), timeout=0.5)
        _, port = listening.getsockname()

        def picked(servers: Sequence[Any]) -> Any:
            return next((each for each in servers if each.port == port), servers[0])

        chance = SimpleNamespace(choice=picked, uniform=random.uniform, shuffle=random.shuffle)
        monkeypatch.setattr("kafka.net.manager.random", chance)
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def own_server() -> Iterator[Kafka]:
    """A Kafka to be killed, suspended and looked into."""
    with Kafka(properties={"log.segment.delete.delay.ms": "100"}) as kafka:
        yield kafka


@pytest.fixture
def on_own(own_server: Kafka) -> Iterator[KafkaBroker]:
    made = make(own_server.address, timeout_seconds=2)
    made.prepare()
    yield made
    made.close()


@pytest.fixture(scope="module")
def secured_server() -> Iterator[Kafka]:
    users = {"admin": PASSWORD, "guest": PASSWORD}
    slow = {"log.retention.check.interval.ms": "86400000"}
    with Kafka(secure=True, authorize=True, users=users, properties=slow) as kafka:
        yield kafka


def secured(server: Kafka, **changes: object) -> KafkaBroker:
    login = {
        "security": "SASL_SSL",
        "user": "admin",
        "password": PASSWORD,
        "ca_file": str(server.authority),
        "timeout_seconds": 1,
    }
    return make(server.address, **(login | changes))


# What the brokers do.


def test_nothing_acknowledged_is_lost_when_the_broker_is_killed_under_load(
    own_server: Kafka, on_own: KafkaBroker
) -> None:
    rounds = 60
    handled: dict[str, list[int]] = {}
    noting, fed = threading.Lock(), threading.Event()

    def feed() -> None:
        for number in range(rounds):
            some = [Entry(f"k{key}", b"%d" % number) for key in range(20)]
            _until_done(partial(on_own.append, POSTS.name, some))
            time.sleep(0.1)
        fed.set()

    def work() -> None:
        member = on_own.subscribe("g", [POSTS.name])
        while True:
            try:
                if fed.is_set() and member.lag() == 0:
                    break
                records = member.poll(limit=50)
                with noting:
                    for record in records:
                        handled.setdefault(record.key, []).append(int(record.value or b""))
                member.commit(records)
            except Retry:
                continue
        member.close()

    threads = [threading.Thread(target=target) for target in (feed, work, work)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    own_server.kill()
    own_server.start()
    time.sleep(1)
    own_server.restart()
    for thread in threads:
        thread.join()
    assert len(handled) == 20
    for numbers in handled.values():
        reached = -1
        for number in numbers:
            assert number <= reached + 1
            reached = max(reached, number)
        assert reached == rounds - 1


def test_a_suspended_broker_is_tried_again(
    own_server: Kafka, on_own: KafkaBroker, clock: SystemClock
) -> None:
    on_own.append(POSTS.name, entries(5))
    member = on_own.subscribe("g", [POSTS.name])
    member.commit(taken(member, 5, clock))
    own_server.suspend()
    try:
        with pytest.raises(Retry):
            on_own.append(POSTS.name, entries(5, key="new"))
        with pytest.raises(Retry):
            member.lag()
        assert member.poll(limit=1) == []
    finally:
        own_server.resume()
    _until_done(lambda: on_own.append(POSTS.name, entries(5, key="new")))
    seen: set[str] = set()

    def all_came() -> bool:
        seen.update(record.key for record in member.poll(limit=50))
        return len(seen) == 5

    eventually(all_came, clock)
    member.close()


def _until_done(call: Callable[[], object]) -> None:
    while not _tried(call):
        pass


def _tried(call: Callable[[], object]) -> bool:
    try:
        call()
    except Retry:
        return False
    return True


def test_an_erased_value_is_compacted_out_of_every_file(
    own_server: Kafka, on_own: KafkaBroker, clock: SystemClock
) -> None:
    secret, kept = secrets.token_hex(20).encode(), secrets.token_hex(20).encode()
    on_own.append(BRIEF.name, [Entry("a", kept)])
    on_own.append(POSTS.name, [Entry("a", secret), Entry("a", kept), *entries(5)])
    (doomed,) = [record for record in scan(on_own, POSTS.name) if record.value == secret]
    partition = own_server.data / "log" / f"{on_own._prefix}{POSTS.name}-{doomed.partition}"
    assert secret in bytes_below(partition)
    on_own.erase(POSTS.name, [doomed])

    def gone() -> bool:
        on_own.expire(clock.now())
        return secret not in bytes_below(partition)

    eventually(gone, clock, seconds=60)
    assert secret not in bytes_below(own_server.data)
    assert kept in bytes_below(partition)
    assert {record.value for record in standing(scan(on_own, POSTS.name)) if record.key == "a"} == {
        kept
    }


def test_what_is_over_its_term_is_deleted_though_compaction_joins_old_and_new_files(
    own_server: Kafka, on_own: KafkaBroker, clock: SystemClock
) -> None:
    old, began = secrets.token_hex(20).encode(), clock.now()
    on_own.append(BRIEF.name, [Entry("old", old)])
    assert BRIEF.retention_ms is not None
    partition = own_server.data / "log" / f"{on_own._prefix}{BRIEF.name}-0"
    newer = 0

    def gone() -> bool:
        nonlocal newer
        newer += 1
        on_own.append(BRIEF.name, [Entry(f"new-{newer}", b"x")])
        on_own.expire(clock.now())
        return old not in bytes_below(partition)

    while clock.now() < began + BRIEF.retention_ms // 2:
        assert not gone()
    eventually(gone, clock, seconds=60)


def test_marks_cause_no_lag_and_are_never_polled(broker: KafkaBroker, clock: SystemClock) -> None:
    member = broker.subscribe("g", [POSTS.name])
    broker.expire(clock.now())
    assert member.lag() == POSTS.partitions
    assert member.poll(limit=10, timeout=1.0) == []
    assert member.lag() == 0
    broker.append(POSTS.name, entries(8))
    taken(member, 8, clock)
    broker.expire(clock.now())
    assert member.poll(limit=10) == []
    assert member.lag() == 8 + POSTS.partitions  # nothing is passed over that was not committed
    member.close()


def test_a_log_that_is_shorter_than_what_was_read_is_read_from_its_start_and_told(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    broker.append(RULES.name, entries(2))
    member = broker.subscribe("g", [RULES.name])
    taken(member, 1, clock)
    member.seek(RULES.name, 0, 9)
    with pytest.raises(OffsetGone, match="shorter than what was read"):
        taken(member, 1, clock)
    assert [record.offset for record in taken(member, 2, clock)] == [0, 1]
    member.close()


def test_where_a_gap_would_begin_is_what_was_read_last_and_stays_while_nothing_comes(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    def written() -> int:
        place = member._session.consumer.committed(source, metadata=True)
        assert place is not None
        return int(place.metadata)

    broker.append(RULES.name, entries(3))
    member = broker.subscribe("g", [RULES.name])
    source = member._session.source((RULES.name, 0))
    first, _, last = taken(member, 3, clock)
    clock.sleep(0.1)
    member.commit([first])
    assert written() == first.appended_at
    member.commit([last])
    assert written() == last.appended_at
    member.close()
    member = broker.subscribe("g", [RULES.name])
    for _ in range(3):
        assert member.poll(limit=1, timeout=1.0) == []
    assert member.lag() == 0
    assert written() == last.appended_at
    member.seek(RULES.name, 0, 1)
    assert written() == broker.read(RULES.name, 0, start=1, limit=1)[0].appended_at
    member.close()


def test_a_gap_ends_where_what_is_left_begins_also_after_a_commit_of_an_older_release(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    """Those wrote down when they committed."""
    places = broker.append(POSTS.name, [Entry("k", b"%d" % number) for number in range(10)])
    partition = places[0][0]
    member = broker.subscribe("g", [POSTS.name])
    taken(member, 1, clock)
    later = OffsetAndMetadata(1, str(clock.now() + HOUR_MS), -1)
    member._session.consumer.commit({member._session.source((POSTS.name, partition)): later})
    member.close()
    broker._reader.drop(POSTS.name, partition, before=5)
    (left,) = broker.read(POSTS.name, partition, start=5, limit=1)
    member = broker.subscribe("g", [POSTS.name])
    with pytest.raises(OffsetGone, match="4 records") as told:
        taken(member, 1, clock)
    assert told.value.start == told.value.end == left.appended_at
    assert taken(member, 1, clock) == [left]
    member.close()


def test_a_group_that_found_nothing_yet_is_told_of_what_it_lost_since(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    began = clock.now()
    partition = partition_of("k", POSTS.partitions)
    member = broker.subscribe("g", [POSTS.name])
    eventually(lambda: not member.poll(limit=1) and len(member.assignment()) == 4, clock)
    assert member.poll(limit=1) == []
    member.close()
    broker.append(POSTS.name, [Entry("k", b"%d" % number) for number in range(10)])
    appended = clock.now()
    broker._reader.drop(POSTS.name, partition, before=10)
    member = broker.subscribe("g", [POSTS.name])
    with pytest.raises(OffsetGone, match="10 records") as told:
        taken(member, 1, clock)
    assert began <= told.value.start <= appended <= told.value.end <= clock.now()
    member.close()


# What the client does.


def test_a_broker_that_goes_away_in_the_middle_of_a_topic_is_tried_again(
    own_server: Kafka, on_own: KafkaBroker
) -> None:
    """A poll of a broker that is away is empty, as one of a partition without more is."""
    on_own.append(RULES.name, entries(50))
    assert len(on_own.read(RULES.name, 0, limit=10)) == 10  # where it ends is known now
    failed: list[Retry] = []

    def read_on() -> None:
        try:
            on_own.read(RULES.name, 0, start=30, limit=10)
        except Retry as error:
            failed.append(error)

    reading = threading.Thread(target=read_on)
    own_server.suspend()
    try:
        reading.start()
        reading.join(20)
        waits = reading.is_alive()
    finally:
        own_server.resume()
        reading.join()
    assert not waits
    assert "no broker has sent anything for 2 s" in str(failed[0])
    _until_done(lambda: on_own.read(RULES.name, 0, start=30, limit=10))


def test_a_member_that_the_group_goes_on_without_joins_anew(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    """What kafka-python leaves behind when the metadata changes in the middle of a join."""
    broker.append(POSTS.name, entries(20))
    member = broker.subscribe("g", [POSTS.name])
    member.commit(taken(member, 20, clock))
    coordinator = member._session.consumer._coordinator
    coordinator.state = MemberState.REBALANCING
    coordinator._disable_heartbeat()
    broker.append(POSTS.name, entries(5, key="new"))
    seen: set[str] = set()

    def all_came() -> bool:
        seen.update(record.key for record in member.poll(limit=50))
        return {f"new-{number}" for number in range(5)} <= seen

    eventually(all_came, clock)
    member.close()


def test_what_was_never_read_is_begun_by_whoever_looks_first(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    """What kafka-python leaves behind when a poll ends between what was given and its first look
    for where to read.
    """
    broker.append(POSTS.name, entries(20))
    member = broker.subscribe("g", [POSTS.name])

    def given() -> bool:
        member._session.consumer._coordinator.poll(timeout_ms=100)
        return len(member._session.held) == POSTS.partitions

    eventually(given, clock)
    member._pass_over()
    taken(member, 20, clock)
    member.close()


def test_two_processes_may_make_the_topics_at_once(kafka_server: str) -> None:
    prefix = f"t{secrets.token_hex(6)}."
    brokers = [make(kafka_server, prefix=prefix) for _ in range(2)]
    told: list[str] = []
    threads = [
        threading.Thread(target=lambda made=made: told.extend(made.prepare())) for made in brokers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == []
    for made in brokers:
        made.append(POSTS.name, entries(1))
        made.close()


def test_threads_share_a_broker(broker: KafkaBroker) -> None:
    def work(name: str) -> None:
        for start in range(0, 60, 20):
            broker.append(POSTS.name, entries(60, key=name)[start : start + 20])
            list(scan(broker, POSTS.name))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record.key for record in scan(broker, POSTS.name)}) == 240


@pytest.mark.parametrize("key", [b"k", b"", b"\xff\xfe\x80", b"\xff\0" + bytes(8)])
@pytest.mark.parametrize("value", [b"hello", encode(Upsert(make_post(2)))])
def test_a_record_that_another_program_wrote_costs_no_other(
    kafka_server: str, broker: KafkaBroker, clock: SystemClock, key: bytes, value: bytes
) -> None:
    good = Entry("good", encode(Upsert(make_post(1))))
    producer = KafkaProducer(bootstrap_servers=kafka_server, allow_auto_create_topics=False)
    name, partition = (
        f"{broker._prefix}{POSTS.name}",
        partition_of("good", broker.topics()[POSTS.name].partitions),
    )
    broker.append(POSTS.name, [good])
    producer.send(name, key=key, value=value, partition=partition).get(10)
    producer.close()
    broker.append(POSTS.name, [good])
    assert len(drained(broker, clock)) == (3 if key == b"k" and value != b"hello" else 2)
    found = list(scan(broker, POSTS.name))
    assert broker.erase(POSTS.name, found) == 3
    assert list(standing(scan(broker, POSTS.name))) == []
    waiting = Quarantine(broker, clock=clock).items()
    assert all(isinstance(item, QuarantinedRecord) and item.value == value for _, item in waiting)


class Mangled(str):
    """The name of a header that is no text once it is sent."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return b"\xff\xfe"


def test_a_record_that_no_client_can_read_is_told(kafka_server: str, broker: KafkaBroker) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_server, allow_auto_create_topics=False)
    headers = [(Mangled("h"), b"v")]
    name = f"{broker._prefix}{POSTS.name}"
    producer.send(name, key=b"k", value=b"v", partition=0, headers=headers).get(10)
    producer.close()
    with pytest.raises(
        Stop, match=r"^reading posts: a record there is damaged, or.*delete-records"
    ):
        broker.read(POSTS.name, 0)


def drained(broker: KafkaBroker, clock: SystemClock) -> list[Record]:
    """What a worker did with all that waits in topic `posts`, and did not reject."""
    done: list[Record] = []

    def step(records: Sequence[Record]) -> Result:
        decoded, rejected = decode_records(records)
        done.extend(record for record, _ in decoded)
        return Result(rejected=rejected)

    worker = Worker(
        broker,
        group="w",
        topics=[POSTS.name],
        step=step,
        quarantine=Quarantine(broker, clock=clock),
        clock=clock,
        metrics=NoMetrics(),
        on_gap=lambda gap: pytest.fail(str(gap)),
        settings=broker._settings,
        rng=random.Random(1),
    )
    assert worker.drain() == 3
    return done


def test_a_record_of_a_newer_release_goes_to_quarantine(
    broker: KafkaBroker, clock: SystemClock
) -> None:
    good = Entry("good", encode(Upsert(make_post(1))))
    broker.append(POSTS.name, [good, Entry("newer", b'{"v":99,"event":{}}'), good])
    assert len(drained(broker, clock)) == 2
    ((_, item),) = Quarantine(broker, clock=clock).items()
    assert isinstance(item, QuarantinedRecord)
    assert (item.key, item.topic, item.worker) == ("newer", POSTS.name, "w")
    assert "newer" in item.why


# What is wrong is told.


def test_what_is_missing_or_different_is_told_and_not_changed(
    kafka_server: str, clock: SystemClock
) -> None:
    broker = make(kafka_server, partitions=4)
    prefix = broker._prefix
    with pytest.raises(Stop, match=f"no topic {prefix}posts"):
        broker.append(POSTS.name, entries(1))
    with pytest.raises(Stop, match=f"no topic {prefix}posts"):
        broker.subscribe("g", [POSTS.name])
    with KafkaAdminClient(bootstrap_servers=kafka_server) as admin:
        posts = {"num_partitions": 2, "replication_factor": 1}
        admin.create_topics({f"{prefix}{POSTS.name}": posts}, wait_for_metadata=True)
        assert any("missing" in each for each in broker.problems())
        problems = broker.prepare()
        assert not any("missing" in each for each in problems)
        assert any("has 2 partitions and 4 are asked for" in each for each in problems)
        assert any("cleanup.policy is delete and should be compact,delete" in p for p in problems)
        rules = ConfigResource(
            ConfigResourceType.TOPIC, f"{prefix}{RULES.name}", configs={"retention.ms": "1000"}
        )
        admin.alter_configs([rules])
        told = f"topic {prefix}rules: retention.ms is 1000 and should be -1"
        eventually(lambda: any(each.startswith(told) for each in broker.problems()), clock)
        assert broker.prepare() == broker.problems()
    with pytest.raises(Stop, match="2 partitions and 4"):
        broker.append(POSTS.name, entries(1))
    broker.close()


def test_brokers_that_are_too_old_are_told(
    broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.kafka.layout.OLDEST", (99, 0))
    (problem,) = broker.problems()
    assert problem.startswith("broker 1 is Kafka 4.")
    assert problem.endswith("peil needs 99.0 or newer: upgrade it")


def test_nobody_who_answers_is_tried_again() -> None:
    broker = make("127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(Retry, match=r"127\.0\.0\.1:9: Connection refused"):
        broker.append(POSTS.name, entries(1))
    broker.close()


def test_of_several_servers_one_that_swallows_packets_is_passed_over(
    kafka_server: str, swallowing: str
) -> None:
    broker = make(kafka_server, servers=(swallowing, kafka_server))
    broker.prepare()  # with clients of its own, as are the two below
    broker.append(POSTS.name, entries(3))
    assert len(list(scan(broker, POSTS.name))) == 3
    broker.close()


def test_the_next_client_begins_with_the_server_that_answered(
    kafka_server: str, swallowing: str
) -> None:
    servers = (swallowing, kafka_server)
    connection = Connection(KafkaSettings(servers=servers, timeout_seconds=6))
    connection.admin().close()
    began = time.monotonic()
    connection.admin().close()
    assert time.monotonic() - began < BOOTSTRAP_SECONDS / len(servers)


def test_a_server_that_answers_too_slowly_is_told(kafka_server: str) -> None:
    with Proxy(kafka_server) as proxy:
        proxy.delay(0.7)  # either way: no answer within a second
        broker = make(proxy.address, timeout_seconds=1)
        with pytest.raises(Retry, match=r"answers, but takes more than 1 s to begin"):
            broker.append(POSTS.name, entries(1))
        broker.close()


def test_a_login_over_tls_works_and_what_is_refused_is_told(
    secured_server: Kafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = secured(secured_server)
    (slow,) = broker.prepare()
    assert slow.startswith("broker 1 looks for old files every 86400000 ms")
    broker.append(POSTS.name, [Entry("k", b"a text that nobody may log")])
    assert len(list(scan(broker, POSTS.name))) == 1
    broker.close()
    other = Authority(tmp_path).file
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for changes, told in (
        ({"password": f"{PASSWORD}x"}, "refuses the login of 'admin'.*password_file"),
        ({"mechanism": "PLAIN"}, "does not know the login PLAIN.*SCRAM-SHA-512"),
        ({"ca_file": str(other)}, "certificate is refused.*ca_file"),
        ({"user": "guest"}, "'guest' is not allowed to"),
        ({"ca_file": str(empty)}, "ca_file"),
        ({"ca_file": str(tmp_path / "none")}, "ca_file.*No such file"),
        ({"user": ""}, "set stream.kafka.user"),
    ):
        with pytest.raises(Stop, match=told) as error:
            _use(secured(secured_server, **changes))
        assert PASSWORD not in str(error.value)
    with pytest.raises(Retry, match=r"not answer as Kafka does.*stream.kafka.security"):
        _use(make(secured_server.address, timeout_seconds=1))
    assert PASSWORD not in caplog.text
    assert "nobody may log" not in caplog.text


def test_a_user_needs_no_more_rights_than_these(secured_server: Kafka, clock: SystemClock) -> None:
    prefix = f"t{secrets.token_hex(6)}."
    granted = {
        ResourceType.TOPIC: "CREATE DESCRIBE DESCRIBE_CONFIGS READ WRITE DELETE".split(),
        ResourceType.GROUP: ["READ"],
    }
    with KafkaAdminClient(
        bootstrap_servers=secured_server.address,
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="admin",
        sasl_plain_password=PASSWORD,
        ssl_cafile=str(secured_server.authority),
    ) as admin:
        admin.create_acls(
            [
                ACL(
                    "User:guest",
                    "*",
                    ACLOperation[operation],
                    ACLPermissionType.ALLOW,
                    ResourcePattern(kind, prefix, ACLResourcePatternType.PREFIXED),
                )
                for kind, operations in granted.items()
                for operation in operations
            ]
        )
    broker = secured(secured_server, user="guest", prefix=prefix, timeout_seconds=10)
    assert broker.prepare() == []
    broker.append(BRIEF.name, entries(3))
    assert broker.expire(clock.now() + (BRIEF.retention_ms or 0) + 1_000) == 3
    broker.append(POSTS.name, entries(3))
    broker.erase(POSTS.name, list(scan(broker, POSTS.name)))
    broker.append(POSTS.name, entries(2, key="new"))
    member = broker.subscribe("g", [POSTS.name])
    seen: list[Record] = []

    def done() -> bool:
        records = member.poll(limit=9)
        seen.extend(records)
        member.commit(records)
        return member.lag() == 0

    eventually(done, clock)
    assert {record.key for record in seen} >= {"new-0", "new-1"}
    member.close()
    broker.close()


def _use(broker: KafkaBroker) -> None:
    try:
        broker.prepare()
    finally:
        broker.close()


def test_a_login_that_the_broker_does_not_take_is_told(kafka_server: str) -> None:
    login = {"security": "SASL_PLAINTEXT", "user": "peil", "password": PASSWORD}
    with pytest.raises(Stop, match=r"takes no login.*stream\.kafka\.security"):
        _use(make(kafka_server, timeout_seconds=1, **login))


def test_more_replicas_than_brokers_are_told(kafka_server: str) -> None:
    with pytest.raises(Stop, match=r"fewer brokers than stream\.kafka\.replication"):
        _use(make(kafka_server, replication=3))


def test_tls_that_the_broker_does_not_speak_is_told(kafka_server: str) -> None:
    with pytest.raises(Retry, match=r"TLS was broken off.*stream.kafka.security"):
        _use(make(kafka_server, security="SSL", timeout_seconds=1))
