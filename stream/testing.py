"""What tests of peil, and of engines that others write, need: posts, and the broker's contract."""

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from stream.broker import Broker, Entry
from stream.clock import DAY_MS, HOUR_MS, ManualClock
from stream.errors import Reject, Stop
from stream.groups import LeaseLost, OffsetGone
from stream.post import Label, Match, Post
from stream.topics import POSTS, RULES, TEXT_RETENTION_MS
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
    )


def entries(count: int, *, key: str = "key") -> list[Entry]:
    """So many entries with keys and values of their own."""
    return [Entry(f"{key}-{number}", b"value %d" % number) for number in range(count)]


class BrokerContract:
    """What every broker must do. A subclass gives the fixtures `broker` (empty, with the topics
    of peil) and `clock` (the ManualClock that it lives by)."""

    def test_a_group_gets_every_record_once_in_the_order_of_its_key(self, broker: Broker) -> None:
        for round_ in range(3):
            broker.append(POSTS.name, [Entry(f"k{n}", b"%d" % round_) for n in range(50)])
        consumer = broker.subscribe("g", [POSTS.name])
        seen: dict[str, list[bytes | None]] = {}
        while records := consumer.poll(limit=7):
            for record in records:
                seen.setdefault(record.key, []).append(record.value)
            consumer.commit(records)
        assert len(seen) == 50
        assert all(values == [b"0", b"1", b"2"] for values in seen.values())
        assert consumer.lag() == 0
        consumer.close()

    def test_what_was_not_committed_comes_again(self, broker: Broker) -> None:
        broker.append(POSTS.name, entries(20))
        first = broker.subscribe("g", [POSTS.name])
        done = first.poll(limit=5)
        first.commit(done)
        first.poll(limit=5)
        first.close()
        second = broker.subscribe("g", [POSTS.name])
        rest: list[str] = []
        while records := second.poll(limit=50):
            rest += [record.key for record in records]
        assert sorted(rest + [record.key for record in done]) == sorted(e.key for e in entries(20))
        second.close()

    def test_groups_do_not_disturb_each_other(self, broker: Broker) -> None:
        broker.append(POSTS.name, entries(10))
        for name in ("one", "two"):
            consumer = broker.subscribe(name, [POSTS.name])
            assert len(consumer.poll(limit=100)) == 10
            consumer.close()

    def test_members_share_the_partitions(self, broker: Broker, clock: ManualClock) -> None:
        broker.append(POSTS.name, entries(100))
        one = broker.subscribe("g", [POSTS.name])
        records = one.poll(limit=100)
        one.commit(records)
        two = broker.subscribe("g", [POSTS.name])
        two.poll(limit=1)
        clock.advance(15_000)
        one.poll(limit=1)
        clock.advance(1_000)
        two.poll(limit=1)
        clock.advance(14_000)
        two.poll(limit=1)
        assert len(one.assignment()) == len(two.assignment()) == POSTS.partitions // 2
        assert not one.assignment() & two.assignment()
        one.close()
        two.close()

    def test_a_silent_member_loses_its_partitions_and_cannot_commit(
        self, broker: Broker, clock: ManualClock
    ) -> None:
        broker.append(POSTS.name, entries(10))
        silent = broker.subscribe("g", [POSTS.name])
        held = silent.poll(limit=100)
        clock.advance(3_600_000)
        other = broker.subscribe("g", [POSTS.name])
        assert len(other.poll(limit=100)) == 10
        with pytest.raises(LeaseLost):
            silent.commit(held)
        assert other.lag() == 10
        silent.close()
        other.close()

    def test_a_group_can_be_set_back(self, broker: Broker) -> None:
        broker.append(RULES.name, entries(5))
        consumer = broker.subscribe("g", [RULES.name])
        consumer.commit(consumer.poll(limit=10))
        consumer.seek(RULES.name, 0, 2)
        assert [record.offset for record in consumer.poll(limit=10)] == [2, 3, 4]
        consumer.close()

    def test_a_paused_partition_waits(self, broker: Broker) -> None:
        broker.append(RULES.name, entries(5))
        consumer = broker.subscribe("g", [RULES.name])
        consumer.poll(limit=1)
        consumer.pause([(RULES.name, 0)])
        assert not consumer.poll(limit=10)
        consumer.resume([(RULES.name, 0)])
        assert len(consumer.poll(limit=10)) == 4
        consumer.close()

    def test_erased_records_are_passed_over_and_cause_no_lag(self, broker: Broker) -> None:
        broker.append(POSTS.name, entries(20))
        keys = [f"key-{number}" for number in range(10, 20)]
        assert broker.erase(POSTS.name, keys) == 10
        assert broker.erase(POSTS.name, keys) == 0
        consumer = broker.subscribe("g", [POSTS.name])
        seen: list[str] = []
        while consumer.lag():
            records = consumer.poll(limit=3)
            seen += [record.key for record in records]
            if records:
                consumer.commit(records)
        assert sorted(seen) == sorted(f"key-{number}" for number in range(10))
        consumer.close()

    def test_retention_drops_what_is_old_and_says_so_to_a_group_behind(
        self, broker: Broker, clock: ManualClock
    ) -> None:
        broker.append(POSTS.name, entries(40))
        consumer = broker.subscribe("g", [POSTS.name])
        first = consumer.poll(limit=1)
        consumer.commit(first)
        clock.advance(TEXT_RETENTION_MS - HOUR_MS)
        broker.append(POSTS.name, entries(5, key="new"))
        assert broker.expire(clock.now()) == 0
        clock.advance(2 * HOUR_MS)
        assert broker.expire(clock.now()) == 40
        told = 0
        seen: list[str] = []
        for _ in range(20):
            try:
                seen += [record.key for record in consumer.poll(limit=10)]
            except OffsetGone:
                told += 1
        assert told >= 1
        assert sorted(seen) == sorted(f"new-{number}" for number in range(5))
        consumer.close()

    def test_compaction_keeps_the_newest_of_each_key(
        self, broker: Broker, clock: ManualClock
    ) -> None:
        broker.append(RULES.name, [Entry("a", b"1"), Entry("b", b"1"), Entry("a", b"2")])
        broker.append(RULES.name, [Entry("b", None)])
        broker.expire(clock.now())
        assert [(r.key, r.value) for r in broker.read(RULES.name, 0)] == [("a", b"2"), ("b", None)]
        clock.advance(2 * DAY_MS)
        broker.expire(clock.now())
        assert [(r.key, r.value) for r in broker.read(RULES.name, 0)] == [("a", b"2")]

    def test_an_oversize_record_is_refused_and_nothing_of_its_batch_is_kept(
        self, broker: Broker
    ) -> None:
        with pytest.raises(Reject):
            broker.append(POSTS.name, [Entry("a", b"x"), Entry("b", b"x" * 5_000_000)])
        assert all(start == end for start, end in broker.ends(POSTS.name).values())

    def test_an_unknown_topic_is_an_error_that_names_the_known_ones(self, broker: Broker) -> None:
        with pytest.raises(Stop, match="posts"):
            broker.append("nope", entries(1))


def bytes_below(folder: Path) -> bytes:
    """Every byte of every file below `folder`, to look for what must not be there."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
