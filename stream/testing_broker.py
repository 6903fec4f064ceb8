"""The broker's contract, for tests of peil's engines and of those that others write."""

import pytest

from stream.broker import (
    Broker,
    Entry,
    OffsetGone,
    Record,
    TopicName,
)
from stream.clock import Clock
from stream.errors import Reject, Stop
from stream.quarantine import Quarantine, QuarantinedRecord
from stream.scan import scan, standing
from stream.testing import BRIEF, TRIAL_SETTINGS, TRIAL_TOPICS, entries, eventually, taken, values
from stream.testing_groups import GroupContract
from stream.topics import POSTS, QUARANTINE, RULES


class BrokerContract(GroupContract):
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
