"""A member of a consumer group on Kafka."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

from kafka import OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors

from stream.broker import LeaseLost, OffsetGone, Position, Record, Topic, TopicName
from stream.clock import Clock
from stream.errors import Retry
from stream.kafka.connection import Connection
from stream.kafka.envelope import Received, is_mark, unwrap
from stream.kafka.reader import POLL_MS, Reader
from stream.kafka.session import Session

logger = logging.getLogger(__name__)


class _Place(NamedTuple):
    """Where a group goes on, and since when (Unix ms) what it has yet to read was appended. Kafka
    keeps the second beside the offset, as text: a gap begins with it. Older releases wrote down
    when they committed, which may be later.
    """

    offset: int
    since: int


class KafkaMember:
    """`stream.broker.Consumer` over a session."""

    def __init__(
        self,
        group: str,
        topics: Mapping[TopicName, Topic],
        *,
        prefix: str,
        connection: Connection,
        reader: Reader,
        lease: float,
        clock: Clock,
    ) -> None:
        self._topics = topics
        self._reader = reader
        self._patience_ms = int(connection.patience * 1000)
        self._clock = clock
        self._gaps: list[OffsetGone] = []
        self._closed = False
        self._session = Session(
            group, topics, prefix=prefix, connection=connection, reader=reader, lease=lease
        )

    # Polling.

    def poll(self, *, limit: int, timeout: float = 0.0) -> Sequence[Record]:
        deadline = monotonic() + timeout
        while True:
            # A poll that ends in the middle of a join loses what the join brought.
            wait_ms = max(POLL_MS, int((deadline - monotonic()) * 1000))
            polled = self._poll(limit, wait_ms)
            records = [record for each in polled.items() for record in self._hand_out(*each)]
            if records:
                return records
            if self._gaps:
                raise self._gaps.pop()
            self._pass_over()
            if monotonic() >= deadline:
                return []

    def keep(self) -> None:
        session = self._session
        session.pausing = True
        try:
            session.consumer.pause(*session.consumer.assignment())
            for source, received in self._poll(1, POLL_MS).items():
                session.consumer.seek(source, received[0].offset)
        finally:
            session.pausing = False
            going = {session.source(each) for each, held in session.held.items() if not held.paused}
            session.consumer.resume(*going.intersection(session.consumer.assignment()))

    def _poll(self, limit: int, wait_ms: int) -> Mapping[TopicPartition, Sequence[Received]]:
        session = self._session
        session.guard()
        with session.naming("reading"):
            try:
                polled: Mapping[TopicPartition, Sequence[Received]] = session.consumer.poll(
                    timeout_ms=wait_ms, max_records=limit
                )
            except kafka_errors.NoOffsetForPartitionError as error:
                (fresh,) = error.args
                self._begin(fresh)
            except kafka_errors.OffsetOutOfRangeError as error:
                (places,) = error.args
                for source, offset in places.items():
                    self._go_on(source, offset)
            except kafka_errors.LogTruncationError as error:
                for source, place in error.divergent_offsets.items():
                    self._go_on(source, None if place is None else place.offset)
            else:
                return polled
        return {}

    def _hand_out(self, source: TopicPartition, received: Sequence[Received]) -> list[Record]:
        position = self._session.position(source)
        topic = self._topics[position[0]]
        records = [unwrap(each, topic) for each in received if not is_mark(each)]
        held = self._session.held[position]
        held.since = received[-1].timestamp
        if records:
            held.handed = max(held.handed, records[-1].offset + 1)
            held.waiting = True
        return records

    def _pass_over(self) -> None:
        """Commit past what is never handed out: beats, erasures, holes that compaction left."""
        session = self._session
        passed: dict[Position, _Place] = {}
        for position, held in session.held.items():
            if held.waiting or held.paused:
                continue
            offset = self._reached(session.source(position))
            if offset is None or offset <= held.committed:
                continue
            if held.since is None:  # nothing was read: the group stands there already
                held.committed = offset
            else:
                passed[position] = _Place(offset, held.since)
        if passed and self._commit(passed):
            for position, place in passed.items():
                session.held[position].committed = place.offset

    def _reached(self, source: TopicPartition) -> int | None:
        """How far it was read; None while that is not known, as of what was given just now."""
        with self._session.naming("reading"):
            try:
                offset: int | None = self._session.consumer.position(source, timeout_ms=POLL_MS)
            except kafka_errors.NoOffsetForPartitionError as error:
                (fresh,) = error.args
                self._begin(fresh)
                return None
        return offset

    def _begin(self, fresh: Iterable[TopicPartition]) -> None:
        """A partition that the group has never committed is read from its earliest record."""
        session, now = self._session, self._clock.now()
        sources = list(fresh)
        first = session.consumer.beginning_offsets(sources)
        end = session.consumer.end_offsets(sources)
        for source, earliest in first.items():
            session.consumer.seek(source, earliest)
            topic, partition = session.position(source)
            held = session.held.get((topic, partition))
            if held is not None and earliest == end[source]:
                held.since = now
            if earliest:
                logger.warning(
                    "group %s starts %s/%d at offset %d", session.group, topic, partition, earliest
                )

    def _go_on(self, source: TopicPartition, offset: int | None) -> None:
        """Read on at `offset` if the log has it, else at its earliest record; the gap is told by
        the next poll.
        """
        consumer, (topic, partition) = self._session.consumer, self._session.position(source)
        earliest = consumer.beginning_offsets([source])[source]
        end = consumer.end_offsets([source])[source]
        if offset is not None and earliest <= offset <= end:
            consumer.seek(source, offset)
            return
        place = consumer.committed(source, metadata=True, timeout_ms=self._patience_ms)
        left = self._since(topic, partition, earliest)
        consumer.seek(source, earliest)
        held = self._session.held[topic, partition]
        held.waiting, held.since = False, left
        lost = earliest - offset if offset is not None and offset < earliest else None
        until = self._clock.now() if lost is None else left
        since = int(place.metadata) if place is not None and place.metadata.isdecimal() else until
        self._gaps.append(OffsetGone(topic, partition, lost, min(since, until), until))

    def _since(self, topic: TopicName, partition: int, offset: int) -> int:
        """When the first record from `offset` on was appended; now while there is none."""
        now = self._clock.now()
        found = self._reader.read(self._topics[topic], partition, start=offset, limit=1)
        return found[0].appended_at if found else now

    # Committing.

    def commit(self, records: Sequence[Record]) -> None:
        done: dict[Position, _Place] = {}
        for record in records:
            position = (record.topic, record.partition)
            place = _Place(record.offset + 1, record.appended_at)
            done[position] = max(done.get(position, place), place)
        held = self._session.held
        mine = {
            position: place
            for position, place in done.items()
            if position in held and place.offset <= held[position].handed
        }
        lost = [*done.keys() - mine.keys(), *self._write(mine)]
        if lost:
            names = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(lost))
            raise LeaseLost(f"group {self._session.group}: {names} went to another member")

    def _write(self, places: Mapping[Position, _Place]) -> list[Position]:
        """Commit what this member holds from now until it is done; returns what it lost."""
        session = self._session
        began = {position: session.held[position] for position in places}
        deadline = monotonic() + session.lease
        while True:
            mine = [each for each, held in began.items() if session.held.get(each) is held]
            if self._commit({each: places[each] for each in mine}):
                break
            if monotonic() > deadline:
                raise Retry(f"group {session.group} is being shared out anew")
            self.keep()
        for each in mine:
            began[each].committed = places[each].offset
            began[each].waiting = places[each].offset < began[each].handed
        return [each for each in places if each not in mine]

    def _commit(self, places: Mapping[Position, _Place]) -> bool:
        """Whether it could be done: not while the group is being shared out anew."""
        offsets = {
            self._session.source(position): OffsetAndMetadata(place.offset, str(place.since), -1)
            for position, place in places.items()
        }
        with self._session.naming("committing"):
            try:
                self._session.consumer.commit(offsets, timeout_ms=self._patience_ms)
            except (kafka_errors.CommitFailedError, kafka_errors.RebalanceInProgressError):
                return False
        return True

    def seek(self, topic: TopicName, partition: int, offset: int) -> None:
        session, position = self._session, (topic, partition)
        if position not in session.held:
            self.keep()
        if position in session.held:
            since = self._since(topic, partition, offset)
            session.consumer.seek(session.source(position), offset)
            if not self._write({position: _Place(offset, since)}):
                held = session.held[position]
                held.waiting, held.since = False, since
                return
        raise LeaseLost(f"group {session.group}: {topic}/{partition} is another member's")

    # The rest.

    def pause(self, positions: Iterable[Position]) -> None:
        self._set_paused(positions, paused=True)

    def resume(self, positions: Iterable[Position]) -> None:
        self._set_paused(positions, paused=False)

    def _set_paused(self, positions: Iterable[Position], *, paused: bool) -> None:
        session = self._session
        change = session.consumer.pause if paused else session.consumer.resume
        for position in positions:
            if position in session.held:
                session.held[position].paused = paused
                change(session.source(position))

    def assignment(self) -> frozenset[Position]:
        joined = self._session.consumer.group_metadata().generation_id >= 0
        return frozenset(self._session.held) if joined else frozenset()

    def lag(self) -> int:
        session = self._session
        ends = {
            (topic, partition): each
            for topic in self._topics
            for partition, each in self._reader.ends(topic).items()
        }
        committed = {position: held.committed for position, held in session.held.items()}
        if any(committed.get(position, -1) < 0 for position in ends):
            found = self._reader.committed(session.group)
            committed = {position: found.get(session.source(position), 0) for position in ends}
        return sum(
            max(0, end - max(earliest, committed[position]))
            for position, (earliest, end) in ends.items()
        )

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._session.leave()
