"""What is read and asked outside of groups."""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import NamedTuple, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from stream.broker import Record, Topic
from stream.errors import Retry, Stop
from stream.kafka.connection import Connection
from stream.kafka.envelope import is_beat, unwrap

POLL_MS = 500
FETCH_BYTES = 4 << 20
FEW_BYTES = 64 << 10
"""Fetched at once by a reader of single records: most of more would be thrown away."""

AGAIN_SECONDS = 0.1


Answer = TypeVar("Answer")


class Members(NamedTuple):
    """A consumer group as the brokers see it: its state, and who has which partitions."""

    state: str
    assigned: Mapping[str, frozenset[TopicPartition]]


class _Place(NamedTuple):
    """Where a reader stands: what it returned ends before `returned`, what it read before
    `read`; between them lies nothing to return. `end` was the partition's when it was asked.
    """

    partition: TopicPartition
    returned: int
    read: int
    end: int


class Reader:
    """A consumer without a group and an administrator, each made when it is first needed.

    One call at a time; shared between threads.
    """

    def __init__(
        self, connection: Connection, *, prefix: str, fetch_bytes: int = FETCH_BYTES
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._fetch_bytes = fetch_bytes
        self._lock = threading.Lock()
        self._consumer: KafkaConsumer | None = None
        self._admin: KafkaAdminClient | None = None
        self._place: _Place | None = None
        self._partitions: dict[str, int] = {}

    def partitions(self, topic: str) -> int:
        """How many partitions Kafka has of `topic`; Stop when there is no such topic."""
        if topic not in self._partitions:
            name = self._prefix + topic
            with self._asking(f"looking for topic {name}") as admin:
                (found,) = admin.describe_topics([name])
            if found["error_code"] or not found["partitions"]:
                raise Stop(
                    f"Kafka has no topic {name}, or hides it from this user; `peil doctor "
                    "--setup` makes it and lets each role see it"
                )
            self._partitions[topic] = len(found["partitions"])
        return self._partitions[topic]

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """Per partition the earliest offset there is and the offset the next record gets."""
        some = [
            TopicPartition(self._prefix + topic, each) for each in range(self.partitions(topic))
        ]
        with self._reading(topic) as consumer:
            first = consumer.beginning_offsets(some)
            end = consumer.end_offsets(some)
        return {each.partition: (first[each], end[each]) for each in some}

    def read(self, topic: Topic, partition: int, *, start: int, limit: int) -> list[Record]:
        """At most `limit` records from offset `start`, tombstones of erased ones included.

        Raises Retry when nothing came for as long as an answer may take.
        """
        source = TopicPartition(self._prefix + topic.name, partition)
        patience = self._connection.patience
        with self._reading(topic.name) as consumer:
            read, end = self._seek(consumer, source, start)
            deadline = monotonic() + patience
            while True:
                if read >= end and read >= (end := consumer.end_offsets([source])[source]):
                    return []
                try:
                    polled = consumer.poll(timeout_ms=POLL_MS, max_records=limit)
                except kafka_errors.OffsetOutOfRangeError:  # retention passed by meanwhile
                    self._place = None
                    read, end = self._seek(consumer, source, start)
                    continue
                received = polled.get(source, ())
                found = [unwrap(each, topic) for each in received if not is_beat(each)]
                before, read = read, consumer.position(source)
                if found:
                    self._place = _Place(source, found[-1].offset + 1, read, end)
                    return found
                if read != before:
                    deadline = monotonic() + patience
                elif monotonic() > deadline:  # a poll of a broker that is away is only empty
                    raise Retry(
                        f"reading {topic.name}: no broker has sent anything for {patience:.0f} s; "
                        "see whether Kafka is up"
                    )

    def _seek(self, consumer: KafkaConsumer, source: TopicPartition, start: int) -> tuple[int, int]:
        """Stand at `start`; where it stands there already, what was fetched ahead is kept.

        Returns where it stands and an end of the partition, which may have moved on.
        """
        place = self._place
        if place and place.partition == source and place.returned <= start <= place.read:
            return place.read, place.end
        if place and place.partition == source and place.read < start < place.end:
            first, end = start, place.end  # further on: asking costs as much as reading a few
        else:
            first = consumer.beginning_offsets([source])[source]
            end = consumer.end_offsets([source])[source]
        if consumer.assignment() != {source}:
            consumer.assign([source])
        self._place = None
        read = min(max(start, first), end)
        consumer.seek(source, read)
        return read, end

    def drop(self, topic: str, partition: int, *, before: int) -> None:
        """Move the earliest offset of `partition` to `before`; files that end there go."""
        place = {TopicPartition(self._prefix + topic, partition): before}
        with self._asking(f"dropping old records of {topic}") as admin:
            admin.delete_records(place, timeout_ms=int(self._connection.patience * 1000))

    def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """What `group` committed, of whatever topic."""
        name = self._prefix + group
        deadline = monotonic() + self._connection.patience
        while True:
            try:
                with self._asking(f"asking for the offsets of group {group}") as admin:
                    found = admin.list_group_offsets({name: None}).get(name, {})
            except Retry:  # whoever keeps the offsets has just changed
                if monotonic() > deadline:
                    raise
                sleep(AGAIN_SECONDS)
            else:
                return {each: place.offset for each, place in found.items() if place.offset >= 0}

    def members(self, group: str) -> Members:
        """Who is in `group`."""
        name = self._prefix + group
        with self._asking(f"asking for the members of group {group}") as admin:
            found = admin.describe_groups([name])[name]
        assigned = {
            member["member_id"]: frozenset(
                TopicPartition(each["topic"], partition)
                for each in (member["member_assignment"] or {}).get("assigned_partitions", ())
                for partition in each["partitions"]
            )
            for member in found["members"]
        }
        return Members(found["group_state"], assigned)

    def ask(self, question: Callable[[KafkaAdminClient], Answer], what: str) -> Answer:
        """The administrator's answer to `question`."""
        with self._asking(what) as admin:
            return question(admin)

    def close(self) -> None:
        with self._lock:
            self._forget()

    @contextmanager
    def _reading(self, topic: str) -> Generator[KafkaConsumer]:
        patience_ms = int(self._connection.patience * 1000)
        with self._lock, self._connection.naming(f"reading {topic}"):
            if self._consumer is None:
                self._consumer = self._connection.consumer(
                    group_id=None,
                    enable_auto_commit=False,
                    auto_offset_reset="none",
                    request_timeout_ms=patience_ms,
                    max_partition_fetch_bytes=self._fetch_bytes,
                )
            with self._forgetting():
                yield self._consumer

    @contextmanager
    def _asking(self, what: str) -> Generator[KafkaAdminClient]:
        patience_ms = int(self._connection.patience * 1000)
        with self._lock, self._connection.naming(what):
            if self._admin is None:
                self._admin = self._connection.admin(request_timeout_ms=patience_ms)
            with self._forgetting():
                yield self._admin

    @contextmanager
    def _forgetting(self) -> Generator[None]:
        """After an error in the block, connect anew the next time."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        self._place = None
        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=1000)
        if admin is not None:
            admin.close()
