"""The log on Kafka. An acknowledged record is on every replica in sync."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from stream.batches import batched
from stream.broker import Entry, Record, Topic, TopicName
from stream.clock import Clock
from stream.errors import Reject, Stop
from stream.kafka.connection import Connection
from stream.kafka.envelope import Message, beat, erasure, wrap
from stream.kafka.layout import Layout, Pace
from stream.kafka.member import KafkaMember
from stream.kafka.reader import FEW_BYTES, Reader
from stream.kafka.writer import Writer
from stream.settings import StreamSettings
from stream.topics import topics as all_topics

AT_ONCE = 5_000
FEW = 100
"""Who asks for no more than so many records reads here and there, not on and on."""


class KafkaBroker:
    """`stream.broker.Broker` on Kafka. Nothing connects before it is needed.

    What is promised there and done here by the brokers (retention, compaction, replicas) holds
    when `prepare` finds no problem.
    """

    def __init__(
        self,
        settings: StreamSettings,
        *,
        clock: Clock,
        topics: Sequence[Topic] | None = None,
        pace: Pace | None = None,
    ) -> None:
        kafka = settings.kafka
        if topics is None:
            topics = all_topics(partitions=kafka.partitions)
        self._topics = {topic.name: topic for topic in topics}
        self._settings = settings
        self._prefix = kafka.prefix
        self._clock = clock
        self._connection = Connection(kafka)
        self._reader = Reader(self._connection, prefix=kafka.prefix)
        self._picker = Reader(self._connection, prefix=kafka.prefix, fetch_bytes=FEW_BYTES)
        largest = settings.record_bytes * max(topic.size_factor for topic in topics)
        self._writer = Writer(self._connection, record_bytes=largest)
        self._layout = Layout(
            topics,
            prefix=kafka.prefix,
            replication=kafka.replication,
            record_bytes=settings.record_bytes,
            pace=pace or Pace(),
        )

    def prepare(self) -> Sequence[str]:
        """Make the topics that are missing; returns what else is not as it should be, in words.

        Nothing that exists is changed. Raises Stop when the brokers refuse us, Retry when none
        answers.
        """
        self._reader.ask(self._layout.create, "making topics")
        return self.problems()

    def problems(self) -> Sequence[str]:
        """What is not as it should be on the brokers, in words. Changes nothing."""
        return self._reader.ask(self._layout.problems, "looking at topics")

    def append(self, topic: TopicName, entries: Sequence[Entry]) -> Sequence[tuple[int, int]]:
        known = self._known(topic)
        if not entries:
            return []
        limit = self._settings.record_bytes * known.size_factor
        largest = max(len(entry.value or b"") for entry in entries)
        if largest > limit:
            raise Reject(
                f"a record of {largest} bytes for topic {topic} is over the limit of {limit}; "
                "raise stream.record_bytes if it is right"
            )
        return self._send(topic, [wrap(entry, known) for entry in entries])

    def subscribe(self, group: str, topics: Sequence[TopicName]) -> KafkaMember:
        return KafkaMember(
            group,
            {name: self._known(name) for name in topics},
            prefix=self._prefix,
            connection=self._connection,
            reader=self._reader,
            lease=self._settings.lease_seconds,
            clock=self._clock,
        )

    def read(
        self, topic: TopicName, partition: int, *, start: int = 0, limit: int = 1000
    ) -> Sequence[Record]:
        reader = self._picker if limit <= FEW else self._reader
        return reader.read(self._known(topic), partition, start=start, limit=limit)

    def topics(self) -> Mapping[TopicName, Topic]:
        return self._topics

    def ends(self, topic: TopicName) -> Mapping[int, tuple[int, int]]:
        return self._reader.ends(self._known(topic).name)

    def erase(self, topic: TopicName, records: Iterable[Record]) -> int:
        self._known(topic)
        marks = map(erasure, records)
        return sum(len(self._send(topic, some)) for some in batched(marks, AT_ONCE))

    def expire(self, now: int) -> int:
        dropped = 0
        for topic in self._topics.values():
            if topic.retention_ms is None:
                continue
            ends = self._reader.ends(topic.name)
            for partition, (earliest, _) in ends.items():
                overdue = now - topic.retention_ms
                dropped += self._drop(topic, partition, start=earliest, overdue=overdue)
            self._send(topic.name, [beat(partition) for partition in ends])
        return dropped

    def _drop(self, topic: Topic, partition: int, *, start: int, overdue: int) -> int:
        """Drop what was appended before `overdue` and the brokers have not deleted: see `layout`.

        Erased first: a kill after it leaves only offsets that the next call moves.
        """
        dropped, earliest = 0, start
        while records := self._reader.read(topic, partition, start=start, limit=AT_ONCE):
            old = list(takewhile(lambda record: record.appended_at < overdue, records))
            if old:
                dropped += self.erase(topic.name, (each for each in old if each.value is not None))
                start = old[-1].offset + 1
            if len(old) < len(records):
                break
        if start > earliest:
            self._reader.drop(topic.name, partition, before=start)
        return dropped

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._picker.close()

    def _send(self, topic: TopicName, messages: Sequence[Message]) -> list[tuple[int, int]]:
        there = self._reader.partitions(topic)
        if there < self._topics[topic].partitions:
            raise Stop(
                f"topic {self._prefix + topic} has {there} partitions and "
                f"{self._topics[topic].partitions} are asked for: set stream.kafka.partitions to "
                "what it has, or drain it, delete it and start again"
            )
        return self._writer.send(self._prefix + topic, messages)

    def _known(self, name: TopicName) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            known = ", ".join(sorted(self._topics))
            raise Stop(f"there is no topic {name!r}; there are {known}")
        return topic
