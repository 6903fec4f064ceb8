import multiprocessing
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stream.broker import Entry, OffsetGone
from stream.clock import DAY_MS, HOUR_MS, ManualClock, SystemClock
from stream.errors import Retry, Stop
from stream.local import LocalBroker
from stream.scan import scan
from stream.settings import StreamSettings
from stream.testing import (
    START,
    TRIAL_SETTINGS,
    TRIAL_TOPICS,
    bytes_below,
    entries,
)
from stream.testing_broker import BrokerContract
from stream.topics import POSTS, RULES


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def broker(tmp_path: Path, clock: ManualClock) -> Iterator[LocalBroker]:
    made = LocalBroker(tmp_path / "log", clock=clock, settings=TRIAL_SETTINGS, topics=TRIAL_TOPICS)
    yield made
    made.close()


class TestLocalBroker(BrokerContract):
    """The contract, on SQLite."""


def test_an_acknowledged_record_is_there_after_reopening(tmp_path: Path) -> None:
    first = LocalBroker(tmp_path, clock=SystemClock())
    places = first.append(POSTS.name, entries(30))
    first.close()
    second = LocalBroker(tmp_path, clock=SystemClock())
    found = [
        second.read(POSTS.name, partition, start=offset, limit=1)[0].key
        for partition, offset in places
    ]
    second.close()
    assert found == [entry.key for entry in entries(30)]


def test_erased_and_expired_bytes_are_in_no_file(
    tmp_path: Path, broker: LocalBroker, clock: ManualClock
) -> None:
    secret = b"the secret that must go"
    broker.append(POSTS.name, [Entry("a", secret), *entries(5), Entry("b", b"old " + secret)])
    assert secret in bytes_below(tmp_path)
    doomed = [record for record in scan(broker, POSTS.name) if record.key == "a"]
    assert broker.erase(POSTS.name, doomed) == 1
    assert broker.erase(POSTS.name, doomed) == 0
    assert bytes_below(tmp_path).count(secret) == 1
    consumer = broker.subscribe("g", [POSTS.name])
    assert {record.key for record in consumer.poll(limit=100)} == {
        "b",
        *(entry.key for entry in entries(5)),
    }
    consumer.close()
    clock.advance(100 * 3_600_000)
    broker.expire(clock.now())
    assert secret not in bytes_below(tmp_path)


def test_compaction_drops_what_is_superseded_and_tombstones_after_a_day(
    broker: LocalBroker, clock: ManualClock
) -> None:
    broker.append(RULES.name, [Entry("a", b"1"), Entry("b", b"1"), Entry("a", b"2")])
    broker.append(RULES.name, [Entry("b", None)])
    assert broker.expire(clock.now()) == 2
    assert [(r.key, r.value) for r in broker.read(RULES.name, 0)] == [("a", b"2"), ("b", None)]
    clock.advance(2 * DAY_MS)
    broker.expire(clock.now())
    assert [(r.key, r.value) for r in broker.read(RULES.name, 0)] == [("a", b"2")]


@pytest.mark.parametrize("by", [-HOUR_MS, HOUR_MS])
def test_partitions_are_shared_out_within_a_lease_when_the_clock_is_set(
    broker: LocalBroker, clock: ManualClock, by: int
) -> None:
    broker.append(POSTS.name, entries(30))
    first, second = (broker.subscribe("g", [POSTS.name]) for _ in range(2))
    first.commit(first.poll(limit=100))
    clock.set(clock.now() + by)
    waited = clock.elapsed()
    assert first.poll(limit=1, timeout=1.0) == []
    assert clock.elapsed() - waited < 1_500
    lease_ms = int(TRIAL_SETTINGS.lease_seconds * 1000)
    for _ in range(4):
        first.poll(limit=1)
        second.poll(limit=1)
        clock.advance(lease_ms // 3 + 1)
    assert len(first.assignment()) == len(second.assignment()) == len(broker.ends(POSTS.name)) / 2
    for _ in range(4):  # the first one lives and does not poll: it has lost its part in a lease
        second.poll(limit=1)
        clock.advance(lease_ms // 3 + 1)
    second.poll(limit=1)
    assert len(second.assignment()) == len(broker.ends(POSTS.name))
    first.close()
    second.close()


def test_who_does_not_poll_loses_its_partitions_within_a_lease_when_the_clock_is_set_back(
    broker: LocalBroker, clock: ManualClock
) -> None:
    first, second = (broker.subscribe("g", [POSTS.name]) for _ in range(2))
    first.poll(limit=1)
    clock.set(clock.now() - HOUR_MS)
    for _ in range(5):
        second.poll(limit=1)
        clock.advance(int(TRIAL_SETTINGS.lease_seconds * 1000) // 3 + 1)
    second.poll(limit=1)
    assert len(second.assignment()) == len(broker.ends(POSTS.name))
    first.close()
    second.close()


def test_a_gap_is_told_as_of_when_its_records_were_appended_though_a_slow_worker_committed_later(
    tmp_path: Path, clock: ManualClock
) -> None:
    broker = LocalBroker(tmp_path, clock=clock)
    broker.append(POSTS.name, [Entry("k", b"old")] * 100)
    member = broker.subscribe("g", [POSTS.name])
    for _ in range(65):  # alive, and one record an hour
        clock.advance(HOUR_MS)
        member.commit(member.poll(limit=1))
    clock.advance(2 * HOUR_MS)
    broker.append(POSTS.name, [Entry("k", b"new")])
    clock.advance(HOUR_MS)
    broker.expire(clock.now())
    with pytest.raises(OffsetGone, match="35 records") as told:
        member.poll(limit=1)
    assert (told.value.start, told.value.end) == (START, START + 67 * HOUR_MS)
    member.close()
    broker.close()


def test_a_gap_after_all_was_read_begins_when_that_was_and_ends_now_when_nothing_is_left(
    tmp_path: Path, clock: ManualClock
) -> None:
    broker = LocalBroker(tmp_path, clock=clock)
    broker.append(POSTS.name, [Entry("k", b"read")])
    member = broker.subscribe("g", [POSTS.name])
    clock.advance(HOUR_MS)
    member.commit(member.poll(limit=1))
    clock.advance(HOUR_MS)
    broker.append(POSTS.name, [Entry("k", b"lost")])
    clock.advance(4 * DAY_MS)
    broker.expire(clock.now())
    with pytest.raises(OffsetGone, match="1 records") as told:
        member.poll(limit=1)
    assert (told.value.start, told.value.end) == (START + HOUR_MS, clock.now())
    member.close()
    broker.close()


def test_a_gap_after_a_commit_of_an_older_release_does_not_end_before_it_begins(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Those wrote down when they committed."""
    broker = LocalBroker(tmp_path, clock=clock)
    broker.append(POSTS.name, [Entry("k", b"old")] * 2)
    member = broker.subscribe("g", [POSTS.name])
    member.commit(member.poll(limit=1))
    clock.advance(HOUR_MS)
    broker.append(POSTS.name, [Entry("k", b"new")])
    with closing(sqlite3.connect(tmp_path / "posts.db")) as db, db:
        db.execute("UPDATE committed SET at = ?", (START + 65 * HOUR_MS,))
    broker.expire(START + 66 * HOUR_MS + 1)
    with pytest.raises(OffsetGone, match="1 records") as told:
        member.poll(limit=1)
    assert told.value.start == told.value.end == START + HOUR_MS
    member.close()
    broker.close()


def test_a_damaged_file_stops_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "posts.db").write_bytes(b"this is not a database " * 100)
    broker = LocalBroker(tmp_path, clock=SystemClock())
    with pytest.raises(Stop, match="damaged"):
        broker.append(POSTS.name, entries(1))
    broker.close()


def test_a_locked_file_is_tried_again_later(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.segment.BUSY_SECONDS", 0.05)
    broker.append(POSTS.name, entries(1))
    other = LocalBroker(tmp_path / "log", clock=SystemClock())
    holder = sqlite3.connect(tmp_path / "log" / "posts.db", isolation_level=None)
    other.ends(POSTS.name)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retry, match="locked"):
        other.append(POSTS.name, entries(1))
    holder.execute("ROLLBACK")
    holder.close()
    other.append(POSTS.name, entries(1))
    other.close()


def test_other_partitions_than_the_file_has_are_refused(tmp_path: Path) -> None:
    first = LocalBroker(tmp_path, clock=SystemClock())
    first.append(POSTS.name, entries(1))
    first.close()
    changed = POSTS.__class__(name="posts", partitions=9)
    broker = LocalBroker(tmp_path, clock=SystemClock(), topics=[changed])
    with pytest.raises(Stop, match="partitions"):
        broker.append(POSTS.name, entries(1))
    broker.close()


def _append(folder: Path, name: str) -> None:
    broker = LocalBroker(folder, clock=SystemClock())
    for start in range(0, 300, 10):
        broker.append(POSTS.name, entries(300, key=name)[start : start + 10])
    broker.close()


def _consume(folder: Path, total: int) -> None:
    settings = StreamSettings(lease_seconds=2)
    broker = LocalBroker(folder, clock=SystemClock(), settings=settings)
    consumer = broker.subscribe("g", [POSTS.name])
    out = LocalBroker(folder / "out", clock=SystemClock())
    clock = SystemClock()
    until = clock.now() + 20_000
    while clock.now() < until and (consumer.lag() or len(_keys(out)) < total):
        records = consumer.poll(limit=20, timeout=0.1)
        if records:
            out.append(POSTS.name, [Entry(record.key, record.value) for record in records])
            consumer.commit(records)
    consumer.close()
    broker.close()
    out.close()


def _keys(broker: LocalBroker) -> list[str]:
    return [
        record.key
        for partition, (start, end) in broker.ends(POSTS.name).items()
        for record in (broker.read(POSTS.name, partition, start=start, limit=10_000) if end else ())
    ]


@pytest.mark.kill
def test_processes_append_and_consume_together(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_append, args=(tmp_path, name)) for name in ("x", "y")]
    workers += [spawn.Process(target=_consume, args=(tmp_path, 600)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    out = LocalBroker(tmp_path / "out", clock=SystemClock())
    keys = _keys(out)
    out.close()
    assert set(keys) == {f"{name}-{number}" for name in "xy" for number in range(300)}


def _poll_and_hang(folder: Path, ready: Any) -> None:
    broker = LocalBroker(folder, clock=SystemClock())
    consumer = broker.subscribe("g", [POSTS.name])
    assert consumer.poll(limit=1000)
    ready.set()
    time.sleep(60)


@pytest.mark.kill
def test_what_a_killed_member_held_is_taken_over_at_once(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, clock=SystemClock())
    broker.append(POSTS.name, entries(50))
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    member = spawn.Process(target=_poll_and_hang, args=(tmp_path, ready))
    member.start()
    assert ready.wait(30)
    consumer = broker.subscribe("g", [POSTS.name])
    assert consumer.poll(limit=1000) == []  # it lives, and its lease is thirty seconds
    consumer.close()
    member.kill()
    member.join()
    consumer = broker.subscribe("g", [POSTS.name])
    found = consumer.poll(limit=1000)
    assert len(found) == 50
    consumer.commit(found)
    consumer.close()
    broker.close()
    (tmp_path / "members" / "99-9-dead").touch()  # killed before it enrolled
    broker.subscribe("g", [POSTS.name]).close()
    assert list((tmp_path / "members").iterdir()) == []
