"""What every broker does for the members of a group: a part of the broker's contract."""

import contextlib
import random
import threading

import pytest

from stream.broker import (
    BUSY_LEASES,
    Broker,
    Entry,
    LeaseLost,
)
from stream.clock import Clock
from stream.errors import Retry
from stream.testing import TRIAL_SETTINGS, entries, eventually, taken
from stream.topics import POSTS, RULES


class GroupContract:
    """Members share partitions, come and go, and no record is passed over."""

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
