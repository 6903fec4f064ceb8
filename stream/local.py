"""The log on one machine: SQLite, one file a topic. An acknowledged record is on disk."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stream.broker import Entry, Record, Topic, TopicName
from stream.clock import Clock
from stream.errors import Reject, Stop
from stream.groups import LocalConsumer
from stream.members import Members
from stream.segment import Segment
from stream.settings import StreamSettings
from stream.topics import TOPICS


class LocalBroker:
    """`stream.broker.Broker` on a folder. Several processes may open the same folder."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        settings: StreamSettings | None = None,
        topics: Sequence[Topic] = TOPICS,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._settings = settings or StreamSettings()
        self._topics = {topic.name: topic for topic in topics}
        self._members = Members(folder / "members")
        self._segments: dict[TopicName, Segment] = {}
        self._lock = threading.Lock()

    def append(self, topic: TopicName, entries: Sequence[Entry]) -> Sequence[tuple[int, int]]:
        if not entries:
            return []
        segment = self._segment(topic)
        limit = self._settings.record_bytes * segment.topic.size_factor
        largest = max(len(entry.value or b"") for entry in entries)
        if largest > limit:
            raise Reject(
                f"a record of {largest} bytes for topic {topic} is over the limit of {limit}; "
                "raise stream.record_bytes if it is right"
            )
        return segment.append(entries, now=self._clock.now())

    def subscribe(self, group: str, topics: Sequence[TopicName]) -> LocalConsumer:
        return LocalConsumer(
            group,
            {name: self._open(name) for name in topics},
            members=self._members,
            lease_ms=int(self._settings.lease_seconds * 1000),
            clock=self._clock,
        )

    def read(
        self, topic: TopicName, partition: int, *, start: int = 0, limit: int = 1000
    ) -> Sequence[Record]:
        segment = self._segment(topic)
        while True:
            records, following = segment.read(partition, start, limit)
            if records or following == start:
                return records
            start = following

    def topics(self) -> Mapping[TopicName, Topic]:
        return self._topics

    def ends(self, topic: TopicName) -> Mapping[int, tuple[int, int]]:
        return self._segment(topic).ends()

    def erase(self, topic: TopicName, records: Iterable[Record]) -> int:
        return self._segment(topic).erase([(each.partition, each.offset) for each in records])

    def expire(self, now: int) -> int:
        return sum(self._segment(topic).expire(now) for topic in self._topics)

    def close(self) -> None:
        with self._lock:
            for segment in self._segments.values():
                segment.close()
            self._segments.clear()

    def _segment(self, topic: TopicName) -> Segment:
        with self._lock:
            if topic not in self._segments:
                self._segments[topic] = self._open(topic)
            return self._segments[topic]

    def _open(self, name: TopicName) -> Segment:
        topic = self._topics.get(name)
        if topic is None:
            known = ", ".join(sorted(self._topics))
            raise Stop(f"there is no topic {name!r}; there are {known}")
        return Segment(self._folder / f"{name}.db", topic)
