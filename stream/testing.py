"""What tests of peil, and of engines that others write, need: posts, and the broker's contract."""

import contextlib
import random
import string
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from stream.broker import (
    BUSY_LEASES,
    Broker,
    Consumer,
    Entry,
    LeaseLost,
    OffsetGone,
    Record,
    Topic,
    TopicName,
)
from stream.clock import DAY_MS, Clock
from stream.errors import Reject, Retry, Stop
from stream.post import Label, Match, Post
from stream.quarantine import Quarantine, QuarantinedRecord
from stream.scan import scan, standing
from stream.settings import StreamSettings
from stream.topics import POSTS, QUARANTINE, RULES
from stream.version import pack

START = 1_790_000_000_000
"""A moment in September 2026, Unix ms."""


def make_post(number: int = 1, **changes: Any) -> Post:
    """A plain post; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "id": f"{number:032x}",
        "author": f"230-{number % 2**64:016x}{number % 2**64:016x}",
        "source": "trial",
        "platform": "example",
        "kind": "post",
        "created_at": START,
        "first_observed": START,
        "keep_until": START + 90 * DAY_MS,
        "text": f"text {number}",
        "version": pack(START, 0),
    }
    return Post(**(fields | changes))


def posts() -> st.SearchStrategy[Post]:
    """Posts of all shapes."""
    words = st.text(string.ascii_letters + " éıعربي🔥'#", max_size=40)
    moments = st.integers(START - 100 * DAY_MS, START)
    labels = st.none() | st.builds(
        Label,
        value=st.sampled_from(["nl", "en"]),
        confidence=st.floats(0, 1),
        model=st.just("m"),
        version=st.just("1"),
    )
    return st.builds(
        make_post,
        st.integers(0, 2**128 - 1),
        text=words,
        created_at=moments,
        first_observed=moments,
        version=st.builds(pack, moments, st.integers(0, 100)),
        keep=st.sampled_from(["matched", "all"]),
        hashtags=st.lists(words, max_size=3).map(tuple),
        has_media=st.booleans(),
        lang=labels,
        matches=st.lists(
            st.builds(Match, st.just("rule"), st.just("v1"), st.just(((0, 1),))), max_size=2
        ).map(tuple),
        shadows=st.lists(st.just(Match("rule", "v2")), max_size=1).map(tuple),
    )


def entries(count: int, *, key: str = "key") -> list[Entry]:
    """So many entries with keys and values of their own."""
    return [Entry(f"{key}-{number}", b"value %d" % number) for number in range(count)]


TRIAL_SETTINGS = StreamSettings(lease_seconds=1.5)
BRIEF = Topic(name="brief", partitions=1, retention_ms=4_000)
"""Keeps its records so briefly that a test can wait for it."""

TRIAL_TOPICS = (POSTS, QUARANTINE, RULES, BRIEF)


def eventually(holds: Callable[[], bool], clock: Clock, *, seconds: float = 20.0) -> None:
    """Let time pass until `holds()`; fails when it does not within `seconds`."""
    until = clock.now() + int(seconds * 1000)
    while not holds():
        assert clock.now() < until, f"it did not come about within {seconds:.0f} s"
        clock.sleep(0.1)


def taken(consumer: Consumer, count: int, clock: Clock, *, limit: int = 100) -> list[Record]:
    """Poll until so many records came, and commit nothing."""
    found: list[Record] = []

    def enough() -> bool:
        found.extend(consumer.poll(limit=min(limit, count - len(found)), timeout=1.0))
        return len(found) == count

    eventually(enough, clock)
    return found


def values(records: list[Record]) -> Mapping[str, list[bytes | None]]:
    """The values of each key in their order."""
    found: dict[str, list[bytes | None]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record.value)
    return found


class BrokerContract:
    """What every broker must do. A subclass gives the fixtures `broker` (empty, with
    `TRIAL_TOPICS` and `TRIAL_SETTINGS`) and `clock` (the one it lives by: its `sleep` lets time
    pass for the broker).
    """

    def test_a_group_gets_every_record_once_in_the_order_of_its_key(
        self, broker: Broker, clock: Clock
    ) -> None:
        for round_ in range(3):
            broker.append(POSTS.name, [Entry(f"k{n}", b"%d" % round_) for n in range(50)])
        consumer = broker.subscribe("g", [POSTS.name])
        seen: list[Record] = []
        while consumer.lag():
            records = consumer.poll(limit=7, timeout=1.0)
            consumer.commit(records)
            seen += records
        assert len(values(seen)) == 50
        assert all(each == [b"0", b"1", b"2"] for each in values(seen).values())
        assert all(abs(record.appended_at - clock.now()) < 60_000 for record in seen)
        consumer.close()

    def test_appending_tells_where_each_record_lies(self, broker: Broker) -> None:
        assert broker.append(POSTS.name, []) == []
        places = broker.append(POSTS.name, entries(30))
        found = [broker.read(POSTS.name, place[0], start=place[1], limit=1) for place in places]
        assert [record.key for (record,) in found] == [entry.key for entry in entries(30)]

    def test_a_topic_is_read_from_any_offset_to_its_end(self, broker: Broker) -> None:
        broker.append(RULES.name, entries(10))
        assert broker.ends(RULES.name) == {0: (0, 10)}
        assert [each.offset for each in broker.read(RULES.name, 0, start=4, limit=3)] == [4, 5, 6]
        assert [each.offset for each in broker.read(RULES.name, 0, start=7)] == [7, 8, 9]
        assert broker.read(RULES.name, 0, start=10) == []
        assert broker.read(RULES.name, 0, start=99) == []

    def test_what_was_not_committed_comes_again(self, broker: Broker, clock: Clock) -> None:
        broker.append(POSTS.name, entries(20))
        first = broker.subscribe("g", [POSTS.name])
        done = taken(first, 5, clock)
        first.commit(done)
        taken(first, 5, clock)
        first.close()
        first.close()
        second = broker.subscribe("g", [POSTS.name])
        assert second.lag() == 15
        rest = taken(second, 15, clock)
        assert sorted(each.key for each in rest + done) == sorted(e.key for e in entries(20))
        second.close()

    def test_groups_do_not_disturb_each_other(self, broker: Broker, clock: Clock) -> None:
        broker.append(POSTS.name, entries(10))
        for name in ("one", "two"):
            consumer = broker.subscribe(name, [POSTS.name])
            assert consumer.lag() == 10
            consumer.commit(taken(consumer, 10, clock))
            assert consumer.lag() == 0
            consumer.close()

    def test_members_share_the_partitions(self, broker: Broker, clock: Clock) -> None:
        broker.append(POSTS.name, entries(100))
        one, two = (broker.subscribe("g", [POSTS.name]) for _ in range(2))
        one.commit(taken(one, 100, clock))

        def shared() -> bool:
            for member in (one, two):
                assert not member.poll(limit=1)
            return len(one.assignment()) == len(two.assignment()) == POSTS.partitions // 2

        eventually(shared, clock)
        assert not one.assignment() & two.assignment()
        two.close()
        eventually(lambda: not one.poll(limit=1) and len(one.assignment()) == 4, clock)
        one.close()

    def test_a_silent_member_loses_its_partitions_and_cannot_commit(
        self, broker: Broker, clock: Clock
    ) -> None:
        broker.append(POSTS.name, entries(10))
        silent = broker.subscribe("g", [POSTS.name])
        held = taken(silent, 10, clock)
        other = broker.subscribe("g", [POSTS.name])
        taken(other, 10, clock)
        with pytest.raises(LeaseLost):
            silent.commit(held)
        assert silent.assignment() == frozenset()
        assert other.lag() == 10
        silent.close()
        other.close()

    def test_a_member_that_keeps_its_leases_may_work_long(
        self, broker: Broker, clock: Clock
    ) -> None:
        broker.append(RULES.name, entries(5))
        busy = broker.subscribe("g", [RULES.name])
        held = taken(busy, 2, clock)
        other = broker.subscribe("g", [RULES.name])
        lease = TRIAL_SETTINGS.lease_seconds
        until = clock.now() + 1.2 * BUSY_LEASES * lease * 1000
        while clock.now() < until:
            busy.keep()
            assert not other.poll(limit=1)
            clock.sleep(lease / 4)
        busy.commit(held)
        assert [record.offset for record in taken(busy, 3, clock)] == [2, 3, 4]
        busy.close()
        other.close()

    def test_records_of_a_partition_that_was_taken_away_come_to_its_new_member(
        self, broker: Broker, clock: Clock
    ) -> None:
        broker.append(POSTS.name, entries(40))
        one = broker.subscribe("g", [POSTS.name])
        held = taken(one, 40, clock)
        two = broker.subscribe("g", [POSTS.name])
        for _ in range(4):  # on Kafka the other member gets its share now, here when all is done
            one.keep()
            two.poll(limit=1)
        two.close()
        with contextlib.suppress(LeaseLost):
            one.commit(held)
        left = taken(one, one.lag(), clock)
        again = {record.partition for record in left}
        assert len(left) == sum(record.partition in again for record in held)
        one.commit(left)
        assert one.lag() == 0
        one.close()

    def test_members_come_and_go_and_no_record_is_passed_over(self, broker: Broker) -> None:
        """Every key's records are handled in their order, some twice, none left out."""
        handled: dict[str, list[int]] = {}
        noting = threading.Lock()
        fed = threading.Event()

        def work(rng: random.Random) -> None:
            done = False
            while not done:
                member = broker.subscribe("g", [POSTS.name])
                for _ in range(rng.randint(2, 12)):
                    with contextlib.suppress(Retry):  # what was lost is another member's now
                        records = member.poll(limit=20, timeout=0.1)
                        with noting:
                            for record in records:
                                handled.setdefault(record.key, []).append(int(record.value or b""))
                        member.commit(records)
                with contextlib.suppress(Retry):
                    done = fed.is_set() and member.lag() == 0
                member.close()

        rng = random.Random(4)
        workers = [
            threading.Thread(target=work, args=(random.Random(rng.random()),)) for _ in range(3)
        ]
        for worker in workers:
            worker.start()
        for number in range(30):
            broker.append(POSTS.name, [Entry(f"k{key}", b"%d" % number) for key in range(12)])
        fed.set()
        for worker in workers:
            worker.join()
        assert len(handled) == 12
        for numbers in handled.values():
            reached = -1
            for number in numbers:
                assert number <= reached + 1
                reached = max(reached, number)
            assert reached == 29

    def test_a_group_can_be_set_back(self, broker: Broker, clock: Clock) -> None:
        broker.append(RULES.name, entries(5))
        consumer = broker.subscribe("g", [RULES.name])
        consumer.commit(taken(consumer, 5, clock))
        consumer.seek(RULES.name, 0, 2)
        assert consumer.lag() == 3
        assert [record.offset for record in taken(consumer, 3, clock)] == [2, 3, 4]
        consumer.close()

    def test_nobody_sets_back_what_another_member_holds(self, broker: Broker, clock: Clock) -> None:
        broker.append(RULES.name, entries(5))
        holder = broker.subscribe("g", [RULES.name])
        taken(holder, 1, clock)
        other = broker.subscribe("g", [RULES.name])
        with pytest.raises(LeaseLost):
            other.seek(RULES.name, 0, 2)
        holder.close()
        other.close()

    def test_a_paused_partition_waits_and_keeps_its_place(
        self, broker: Broker, clock: Clock
    ) -> None:
        broker.append(RULES.name, entries(5))
        broker.append(POSTS.name, entries(5))
        consumer = broker.subscribe("g", [RULES.name, POSTS.name])

        def joined() -> bool:
            consumer.keep()
            return len(consumer.assignment()) == RULES.partitions + POSTS.partitions

        eventually(joined, clock)
        consumer.pause([(RULES.name, 0)])
        assert {record.topic for record in taken(consumer, 5, clock)} == {POSTS.name}
        assert not consumer.poll(limit=10)
        assert (RULES.name, 0) in consumer.assignment()
        consumer.resume([(RULES.name, 0)])
        assert [record.offset for record in taken(consumer, 5, clock)] == [0, 1, 2, 3, 4]
        consumer.close()

    def test_erased_records_do_not_stand_and_cause_no_lag(
        self, broker: Broker, clock: Clock
    ) -> None:
        broker.append(POSTS.name, entries(20))
        doomed = [each for each in scan(broker, POSTS.name) if int(each.key.split("-")[1]) >= 10]
        assert broker.erase(POSTS.name, doomed) == 10
        broker.expire(clock.now())
        kept = {f"key-{number}" for number in range(10)}
        assert {each.key for each in standing(scan(broker, POSTS.name))} == kept
        consumer = broker.subscribe("g", [POSTS.name])
        seen: list[Record] = []

        def done() -> bool:
            records = consumer.poll(limit=3)
            seen.extend(records)
            consumer.commit(records)
            return consumer.lag() == 0

        eventually(done, clock)
        assert {record.key for record in seen} >= kept
        assert all(record.value for record in seen)
        consumer.close()

    def test_a_newer_record_of_an_erased_key_stands(self, broker: Broker) -> None:
        broker.append(POSTS.name, [Entry("k", b"old"), Entry("k", b"older")])
        doomed = list(scan(broker, POSTS.name))
        broker.append(POSTS.name, [Entry("k", b"new"), Entry("k", b"old")])
        assert broker.erase(POSTS.name, doomed) == 2
        stands = standing(scan(broker, POSTS.name))
        assert [record.value for record in stands] == [b"new", b"old"]

    def test_what_is_replayed_or_erased_leaves_the_quarantine(
        self, broker: Broker, clock: Clock
    ) -> None:
        quarantine = Quarantine(broker, clock=clock)
        for number in range(4):
            record = Record(POSTS.name, 0, number, "one-key", b"value %d" % number, clock.now())
            quarantine.put_record(record, worker="w", why="no reason")
        quarantine.put_skeleton("s", where="one-key", why="no reason", shape={})
        numbers = [number for number, _ in quarantine.items()]
        assert len(numbers) == 5
        assert quarantine.replay([numbers[0], numbers[2], numbers[4]]) == 2
        assert quarantine.replay([numbers[0], numbers[2], numbers[4]]) == 0
        back = [record.value for record in scan(broker, POSTS.name)]
        assert back == [b"value 0", b"value 2"]
        doomed = [
            each for each in scan(broker, QUARANTINE.name) if b"dmFsdWUgMQ" in (each.value or b"")
        ]
        assert broker.erase(QUARANTINE.name, doomed) == 1
        left = [item for _, item in quarantine.items()]
        assert [isinstance(item, QuarantinedRecord) for item in left] == [True, False]

    def test_retention_drops_what_is_old_and_says_so_to_a_group_behind(
        self, broker: Broker, clock: Clock
    ) -> None:
        began = clock.now()
        broker.append(BRIEF.name, entries(40))
        appended = clock.now()
        consumer = broker.subscribe("g", [BRIEF.name])
        first = taken(consumer, 1, clock)
        clock.sleep(0.1)  # a worker that is behind commits long after what follows was appended
        consumer.commit(first)
        consumer.close()
        clock.sleep(max(0.0, 2.5 - (clock.now() - began) / 1000))
        assert broker.expire(clock.now()) == 0
        broker.append(BRIEF.name, entries(5, key="new"))
        renewed = clock.now()

        def dropped() -> bool:
            broker.expire(clock.now())
            return broker.ends(BRIEF.name)[0][0] >= 40

        eventually(dropped, clock)
        consumer = broker.subscribe("g", [BRIEF.name])
        assert consumer.lag() >= 5
        with pytest.raises(OffsetGone, match="39 records") as told:
            taken(consumer, 1, clock)
        assert began <= told.value.start <= appended
        assert appended <= told.value.end <= renewed
        assert values(taken(consumer, 5, clock)) == values(
            [each for each in scan(broker, BRIEF.name) if each.key.startswith("new")]
        )
        consumer.close()

    def test_a_compacted_topic_keeps_the_newest_of_each_key(
        self, broker: Broker, clock: Clock
    ) -> None:
        broker.append(RULES.name, [Entry("a", b"1"), Entry("b", b"1"), Entry("a", b"2")])
        broker.append(RULES.name, [Entry("b", None)])
        broker.expire(clock.now())
        newest = {record.key: record.value for record in scan(broker, RULES.name)}
        assert newest == {"a": b"2", "b": None}
        consumer = broker.subscribe("g", [RULES.name])
        seen: list[Record] = []
        while len(values(seen)) < len(newest):
            seen += consumer.poll(limit=9)
        assert {key: each[-1] for key, each in values(seen).items()} == newest
        consumer.close()

    def test_an_oversize_record_is_refused_and_nothing_of_its_call_is_kept(
        self, broker: Broker
    ) -> None:
        limit = TRIAL_SETTINGS.record_bytes
        with pytest.raises(Reject, match=r"over the limit.*record_bytes"):
            broker.append(POSTS.name, [Entry("a", b"x"), Entry("b", b"x" * (limit + 1))])
        assert all(start == end for start, end in broker.ends(POSTS.name).values())
        broker.append(POSTS.name, [Entry("b", b"x" * limit)])
        broker.append(QUARANTINE.name, [Entry("b", b"x" * limit * QUARANTINE.size_factor)])

    def test_an_unknown_topic_is_an_error_that_names_the_known_ones(self, broker: Broker) -> None:
        unknown: TopicName = "nope"
        for call in (
            lambda: broker.append(unknown, entries(1)),
            lambda: broker.subscribe("g", [unknown]),
            lambda: broker.ends(unknown),
            lambda: broker.read(unknown, 0),
        ):
            with pytest.raises(Stop, match="posts"):
                call()
        assert set(broker.topics()) == {topic.name for topic in TRIAL_TOPICS}


def bytes_below(folder: Path) -> bytes:
    """Every byte of every file below `folder`, to look for what must not be there."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
