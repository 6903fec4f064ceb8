"""The law of erasing: after a round nothing that the ledger erases stands in any topic, and nothing
else was erased, whatever was killed, lost or replayed before.
"""

import logging
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

import peil.erasing
import privacy.tables
import stream.places
from peil.erasing import WITH_TEXTS, Erasing
from privacy.ledger import Ledger, Pending, is_erased
from stream.broker import Broker, Entry, Record
from stream.clock import DAY_MS, HOUR_MS, ManualClock, SystemClock
from stream.codec import encode
from stream.events import Delete, Gap, Upsert
from stream.kafka import KafkaBroker
from stream.local import LocalBroker
from stream.places import Places
from stream.post import Post
from stream.quarantine import QuarantinedRecord
from stream.scan import scan, standing
from stream.settings import KafkaSettings
from stream.testing import START, TRIAL_SETTINGS, make_post
from stream.topics import LABELLED, POSTS, QUARANTINE, TEXT_RETENTION_MS
from stream.version import of_delete, pack

BITS = 3
FOREVER = START + 1_000 * DAY_MS


class Killed(Exception):
    """The process died here."""


class Fuse:
    """Counts the moments at which a process may die, and lets it die at one of them."""

    def __init__(self) -> None:
        self.left: int | None = None

    def burn(self) -> None:
        if self.left == 0:
            raise Killed
        if self.left is not None:
            self.left -= 1


class Dying:
    """A part whose process may die before and after what changes something, and half way through
    `erase`. Counts the records that are read.
    """

    def __init__(self, part: Any, fuse: Fuse) -> None:
        self._part = part
        self._fuse = fuse
        self.read_records = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def read(self, *given: Any, **options: Any) -> Any:
        answer = self._part.read(*given, **options)
        self.read_records += len(answer)
        return answer

    def erase(self, topic: str, records: list[Record]) -> int:
        self._fuse.burn()
        half = len(records) // 2
        erased = self._part.erase(topic, records[:half]) if half else 0
        self._fuse.burn()
        erased += self._part.erase(topic, records[half:])
        self._fuse.burn()
        return erased

    def settle(self, done: Pending) -> None:
        self._fuse.burn()
        self._part.settle(done)
        self._fuse.burn()


def ledger_of_its_own() -> tuple[Ledger, Engine]:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    privacy.tables.metadata.create_all(engine)
    return Ledger(engine), engine


class City:
    """A log, a ledger and places, and a model of what must stand in the log."""

    def __init__(self, broker: Broker, ledger: Ledger, folder: Path, *, bits: int = BITS) -> None:
        self.fuse = Fuse()
        self.broker = broker
        self.ledger = ledger
        self.folder = folder
        self.log = Dying(broker, self.fuse)
        self.told: list[str] = []
        self.erasing = Erasing(
            self.log,
            ledger=Dying(ledger, self.fuse),
            folder=folder,
            before=self.told.extend,
            bits=bits,
        )
        self.posts: dict[tuple[str, int, int], Post | None] = {}
        self.ids: dict[str, int] = {}
        self.authors: dict[str, int] = {}

    def append(self, topic: str, key: str, value: bytes) -> None:
        """What carries no post."""
        ((partition, offset),) = self.broker.append(topic, [Entry(key, value)])
        self.posts[topic, partition, offset] = None

    def post(self, topic: str, *posts: Post) -> None:
        entries: list[Entry] = []
        for post in posts:
            value = encode(Upsert(post))
            if topic == QUARANTINE.name:
                item = QuarantinedRecord("w", "no reason", START, POSTS.name, post.id, value)
                value = msgspec.json.encode(item)
            entries.append(Entry(post.id, value))
        for (partition, offset), post in zip(
            self.broker.append(topic, entries), posts, strict=True
        ):
            self.posts[topic, partition, offset] = post

    def erase_post(self, key: str, version: int) -> None:
        self.ledger.add_posts({key: version}, until=FOREVER)
        self.ids[key] = max(version, self.ids.get(key, -1))

    def erase_author(self, author: str, rev: int) -> None:
        self.ledger.add_authors([author], up_to_rev=rev, until=FOREVER)
        self.authors[author] = max(rev, self.authors.get(author, -1))

    def stands(self) -> set[tuple[str, int, int]]:
        return {
            (topic, record.partition, record.offset)
            for topic in WITH_TEXTS
            for record in standing(scan(self.broker, topic))
        }

    def must_stand(self) -> set[tuple[str, int, int]]:
        starts = {topic: self.broker.ends(topic) for topic in WITH_TEXTS}
        return {
            (topic, partition, offset)
            for (topic, partition, offset), post in self.posts.items()
            if offset >= starts[topic][partition][0]
            and (post is None or not is_erased(post, self.ids, self.authors))
        }

    def round(self, *, killed_after: int | None = None) -> bool:
        """Whether it was finished."""
        self.fuse.left = killed_after
        try:
            self.erasing.round()
            self.erasing.forget_expired()
        except Killed:
            return False
        finally:
            self.fuse.left = None
        return True


def may_die_writing(patches: pytest.MonkeyPatch, fuse: Callable[[], Fuse]) -> None:
    """Before and after each file of places is replaced."""
    put = stream.places.replace

    def dying(path: Path, data: bytes) -> None:
        fuse().burn()
        put(path, data)
        fuse().burn()

    patches.setattr(stream.places, "replace", dying)
    patches.setattr("os.fsync", lambda _file: None)  # a process dies here, not a machine


def a_post(number: int, author: int, rev: int) -> Post:
    return make_post(number, author=f"230-{author:032x}", version=pack(START + rev, 0))


class Erasures(RuleBasedStateMachine):
    """Random histories of a small log on one machine."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.clock = ManualClock(START)
        self.ledger, self.engine = ledger_of_its_own()
        self.made = 0
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(peil.erasing, "RECORDS_AT_ONCE", 5)
        self.patches.setattr(peil.erasing, "ENTRIES_AT_ONCE", 2)
        may_die_writing(self.patches, lambda: self.city.fuse)
        self.new_log()

    def new_log(self) -> None:
        self.made += 1
        broker = LocalBroker(self.root / f"log-{self.made}", clock=self.clock)
        self.city = City(broker, self.ledger, self.root / "places")

    def teardown(self) -> None:
        self.patches.undo()
        self.city.broker.close()
        self.engine.dispose()
        shutil.rmtree(self.root)

    @rule(
        topic=st.sampled_from(WITH_TEXTS),
        posts=st.lists(
            st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(0, 4)), max_size=12
        ),
    )
    def append(self, topic: str, posts: list[tuple[int, int, int]]) -> None:
        self.city.post(topic, *(a_post(*each) for each in posts))

    @rule(number=st.integers(1, 6))
    def append_something_else(self, number: int) -> None:
        key = f"{number:032x}"
        for event in (Delete(key, of_delete(START + 9), "trial"), Gap("trial", 1, 2, "down")):
            self.city.append(POSTS.name, event.key, encode(event))
        self.city.append(LABELLED.name, key, b"\xff not of peil")
        self.city.append(QUARANTINE.name, "file:1", b'{"type": "skeleton", "where": "x"}')

    @rule(number=st.integers(1, 6), rev=st.integers(0, 4))
    def erase_post(self, number: int, rev: int) -> None:
        self.city.erase_post(f"{number:032x}", of_delete(START + rev))

    @rule(author=st.integers(1, 3), rev=st.integers(0, 4))
    def erase_author(self, author: int, rev: int) -> None:
        self.city.erase_author(f"230-{author:032x}", START + rev)

    @rule(hours=st.integers(1, 40))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * HOUR_MS)
        self.city.broker.expire(self.clock.now())

    @rule()
    def a_backup_is_restored(self) -> None:
        self.ledger.reopen()

    @rule(seed=st.integers(0, 99))
    def the_places_are_damaged(self, seed: int) -> None:
        files = sorted(self.city.folder.rglob("*-*/*")) if self.city.folder.exists() else []
        if files:
            harm = random.Random(seed)
            path = harm.choice(files)
            if harm.random() < 0.5:
                path.write_bytes(path.read_bytes()[: -harm.randint(1, 9)])
            else:
                path.unlink()

    @rule(lost=st.booleans())
    def the_log_is_made_anew(self, *, lost: bool) -> None:
        if lost:
            shutil.rmtree(self.city.folder, ignore_errors=True)
        self.city.broker.close()
        self.clock.advance(1)
        ids, authors = self.city.ids, self.city.authors
        self.new_log()
        self.city.ids, self.city.authors = ids, authors

    @rule(killed_after=st.none() | st.integers(0, 30))
    def round(self, killed_after: int | None) -> None:
        if self.city.round(killed_after=killed_after):
            assert self.city.stands() == self.city.must_stand()

    @invariant()
    def nothing_else_is_erased(self) -> None:
        assert self.city.must_stand() <= self.city.stands()


TestErasures = Erasures.TestCase
TestErasures.settings = hypothesis_settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def city(tmp_path: Path, clock: ManualClock) -> Iterator[City]:
    ledger, engine = ledger_of_its_own()
    broker = LocalBroker(tmp_path / "log", clock=clock)
    yield City(broker, ledger, tmp_path / "places", bits=8)
    broker.close()
    engine.dispose()


def filled(city: City, count: int) -> None:
    posts = [a_post(number, number % 50, 0) for number in range(count)]
    city.post(POSTS.name, *posts[::2])
    city.post(LABELLED.name, *posts[1::2])


def test_a_round_reads_what_is_new_and_what_it_erases_and_no_more(city: City) -> None:
    filled(city, 2_000)
    assert city.round()
    before = city.log.read_records
    assert city.round()
    city.erase_post(f"{100:032x}", of_delete(START))
    city.erase_post(f"{1501:032x}", of_delete(START))
    assert city.round()
    partitions = 2 * POSTS.partitions  # of each the last record is looked at: is it the same log?
    assert city.log.read_records - before <= 2 * 2 * partitions + 2
    assert city.stands() == city.must_stand()
    assert len(city.posts) - len(city.stands()) == 2
    assert city.told == [f"{100:032x}", f"{1501:032x}"]
    assert city.ledger.pending(9) == ({}, {})


def test_one_round_is_enough_for_more_entries_than_are_looked_up_at_once(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peil.erasing, "ENTRIES_AT_ONCE", 2)
    filled(city, 20)
    assert city.round()
    for number in range(7):
        city.erase_post(f"{number:032x}", of_delete(START))
    assert city.round()
    assert city.ledger.pending(9) == ({}, {})
    assert city.stands() == city.must_stand()


def test_a_kill_at_any_moment_of_a_round_is_made_good_by_the_next(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peil.erasing, "RECORDS_AT_ONCE", 4)
    fuse = Fuse()
    may_die_writing(monkeypatch, lambda: fuse)
    kills = 0
    while True:
        ledger, engine = ledger_of_its_own()
        broker = LocalBroker(tmp_path / f"log-{kills}", clock=clock)
        city = City(broker, ledger, tmp_path / f"places-{kills}")
        city.erase_post(f"{1:032x}", of_delete(START))
        filled(city, 24)
        assert city.round()
        assert city.ledger.pending(9) == ({}, {})
        filled(city, 12)  # with a replay of what is erased and settled
        for number in (3, 20, 5):
            city.erase_post(f"{number:032x}", of_delete(START))
        city.erase_author(f"230-{7:032x}", START)
        fuse = city.fuse
        finished = city.round(killed_after=kills)
        assert city.must_stand() <= city.stands()
        assert city.round()
        assert city.stands() == city.must_stand()
        broker.close()
        engine.dispose()
        if finished:
            break
        kills += 1
    assert kills > 30


def test_an_entry_that_grows_while_it_is_looked_up_is_looked_up_again(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{1:032x}"
    city.post(POSTS.name, a_post(1, 1, 0))
    city.post(POSTS.name, a_post(1, 1, 5))
    assert city.round()
    city.erase_post(key, of_delete(START))
    pending = city.ledger.pending(9)
    city.erase_post(key, of_delete(START + 5))
    city.ledger.settle(pending)
    assert city.ledger.pending(9).posts == {key: of_delete(START + 5)}
    assert city.round()
    assert city.stands() == set()


def test_a_replay_of_what_was_erased_long_ago_is_erased(city: City) -> None:
    city.post(POSTS.name, a_post(1, 1, 0))
    city.erase_post(f"{1:032x}", of_delete(START))
    assert city.round()
    assert city.ledger.pending(9).posts == {}
    city.post(POSTS.name, a_post(1, 1, 0))
    city.post(QUARANTINE.name, a_post(1, 1, 0))
    city.post(POSTS.name, a_post(1, 1, 1))
    assert city.round()
    assert city.stands() == city.must_stand()
    assert len(city.stands()) == 1


def another_log(city: City, clock: ManualClock, tmp_path: Path) -> None:
    city.broker.close()
    shutil.rmtree(tmp_path / "log")
    clock.advance(1)
    city.broker = city.log._part = LocalBroker(tmp_path / "log", clock=clock)
    city.posts.clear()


def test_places_of_another_log_are_made_anew_and_that_is_told(
    city: City, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(city, 300)
    assert city.round()
    for count, why in ((100, "the log is shorter"), (600, "of another log")):
        another_log(city, clock, tmp_path)
        filled(city, count)
        city.erase_post(f"{count - 1:032x}", of_delete(START))
        caplog.clear()
        assert city.round()
        assert city.stands() == city.must_stand()
        assert why in caplog.text
        assert "made anew" in caplog.text
        for number in range(0, count, 3):
            city.erase_post(f"{number:032x}", of_delete(START))
        assert city.round()
        assert city.stands() == city.must_stand()


def test_damaged_places_are_made_anew_and_that_is_told(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    filled(city, 300)
    assert city.round()
    assert caplog.text == ""
    next(city.folder.rglob("*.block")).write_bytes(b"this is not a block " * 9)
    city.erase_author(f"230-{7:032x}", START)
    assert city.round()
    assert city.stands() == city.must_stand()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "no block of places" in caplog.text


def test_places_are_gone_with_their_records(city: City, clock: ManualClock) -> None:
    filled(city, 300)
    assert city.round()
    clock.advance(HOUR_MS)
    filled(city, 10)
    assert city.round()
    clock.advance(TEXT_RETENTION_MS - HOUR_MS + 1)
    city.broker.expire(clock.now())
    city.erasing.forget_expired()
    words = sum(path.stat().st_size // 8 - 3 for path in city.folder.rglob("*.block"))
    assert words == 2 * 10
    clock.advance(HOUR_MS)
    city.broker.expire(clock.now())
    city.erasing.forget_expired()
    assert sum(path.stat().st_size // 8 - 3 for path in city.folder.rglob("*.block")) == 0


def test_no_place_is_left_of_what_was_erased(city: City) -> None:
    """Neither of what was looked up nor of a replay that was read: a hash tells who it was."""
    city.post(POSTS.name, a_post(1, 1, 0), a_post(2, 2, 0))
    assert city.round()
    city.erase_post(f"{1:032x}", of_delete(START))
    assert city.round()
    assert found(city, a_post(1, 1, 0)) == []
    city.post(POSTS.name, a_post(1, 1, 0))
    assert city.round()
    assert found(city, a_post(1, 1, 0)) == []
    assert len(found(city, a_post(2, 2, 0))) == 1


def found(city: City, post: Post) -> list[int]:
    """Where places say that something of this post or its author lies."""
    offsets: list[int] = []
    for folder in city.folder.iterdir():
        places = Places(folder, bits=8)
        places.open()
        offsets += places.find([post.id], [post.author])
    return offsets


def test_places_are_those_of_a_log_whose_last_record_was_erased(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    city.post(POSTS.name, a_post(1, 1, 0))
    assert city.round()
    city.erase_post(f"{1:032x}", of_delete(START))
    assert city.round()
    city.post(POSTS.name, a_post(1, 1, 9))
    assert city.round()
    assert caplog.text == ""
    assert city.stands() == city.must_stand()


def test_that_a_long_log_is_read_for_the_first_time_is_told(
    city: City, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peil.erasing, "LONG", 1)
    city.post(POSTS.name, a_post(1, 1, 0))
    assert city.round()
    assert "which reads 1 records: there are none yet, or they were lost" in caplog.text
    caplog.clear()
    assert city.round()
    assert caplog.text == ""


@pytest.mark.cluster
@pytest.mark.parametrize("seed", range(2))
def test_the_law_holds_on_kafka(
    kafka_server: str, tmp_path: Path, seed: int, database: Engine
) -> None:
    kafka = KafkaSettings(servers=(kafka_server,), prefix=f"t{secrets.token_hex(6)}.", partitions=2)
    broker = KafkaBroker(TRIAL_SETTINGS.model_copy(update={"kafka": kafka}), clock=SystemClock())
    broker.prepare()
    city, rng = City(broker, Ledger(database), tmp_path / "places"), random.Random(seed)
    try:
        for turn in range(4):
            for topic in WITH_TEXTS:
                drawn = [
                    (rng.randint(1, 20), rng.randint(1, 5), rng.randint(0, 4)) for _ in "1234567"
                ]
                city.post(topic, *(a_post(*each) for each in drawn))
            for _ in range(3):
                city.erase_post(f"{rng.randint(1, 20):032x}", of_delete(START + rng.randint(0, 4)))
            if turn == 2:
                city.erase_author(f"230-{rng.randint(1, 5):032x}", START + rng.randint(0, 4))
                shutil.rmtree(city.folder)
            city.round(killed_after=rng.randint(0, 20))
            assert city.must_stand() <= city.stands()
            assert city.round()
            assert city.stands() == city.must_stand()
        assert len(city.stands()) < len(city.posts)
        before = city.ledger.pending(9)
        assert before == ({}, {})
    finally:
        broker.close()
