"""A member of a consumer group on Kafka.

The group is shared out anew whenever a member joins, leaves, dies or hangs. Kafka's client does
that inside `poll`, cooperatively: a partition that stays with its member is not disturbed, and
what was polled from it can be committed afterwards.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

from stream.broker import (
    BUSY_LEASES,
    LeaseLost,
    OffsetGone,
    Position,
    Record,
    Topic,
    TopicName,
)
from stream.clock import Clock
from stream.errors import PeilError, Retry, Stop
from stream.kafka.connection import Connection
from stream.kafka.envelope import Received, is_mark, unwrap
from stream.kafka.reader import FETCH_BYTES, POLL_MS, Reader

logger = logging.getLogger(__name__)

HEARTBEATS_A_LEASE = 20
CLOSE_MS = 3_000
SETTLED = ("Stable", "Empty", "Dead")
"""States of a group that is not being shared out."""


@dataclass(slots=True)
class _Held:
    """A partition from when it was given to this member until it is taken away.

    `handed` is the offset after the last record handed out, `committed` what a restart would
    begin with if this member has set it; `waiting` is true while handed records are not
    committed.
    """

    handed: int = 0
    committed: int = -1
    waiting: bool = False
    paused: bool = False


@ConsumerRebalanceListener.register
class KafkaMember:
    """`stream.broker.Consumer` over a client of Kafka.

    A lease is a session: it ends when the process dies or cannot be reached. A member that lives
    and does not poll loses its partitions after `BUSY_LEASES` leases.
    """

    def __init__(
        self,
        group: str,
        topics: Mapping[TopicName, Topic],
        *,
        prefix: str,
        connection: Connection,
        reader: Reader,
        lease_ms: int,
        clock: Clock,
    ) -> None:
        self._group = group
        self._topics = topics
        self._prefix = prefix
        self._connection = connection
        self._reader = reader
        self._lease_ms = lease_ms
        self._clock = clock
        self._held: dict[Position, _Held] = {}
        self._gaps: list[OffsetGone] = []
        self._keeping = False
        self._unwell_since: int | None = None
        self._closed = False
        self._assignor: CooperativeStickyAssignor
        self._consumer: KafkaConsumer
        self._join()

    def _join(self) -> None:
        self._assignor = CooperativeStickyAssignor()
        self._consumer = self._connection.consumer(
            group_id=self._prefix + self._group,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=self._lease_ms,
            heartbeat_interval_ms=max(50, self._lease_ms // HEARTBEATS_A_LEASE),
            max_poll_interval_ms=BUSY_LEASES * self._lease_ms,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            with self._naming("joining"):
                names = [self._prefix + topic for topic in self._topics]
                for name in names:
                    # Without its metadata a member may take part in a round that is void, and
                    # wait for ever for the next.
                    if not self._consumer.partitions_for_topic(name):
                        raise Stop(f"Kafka has no topic {name}; `peil doctor` makes it")
                self._consumer.subscribe(names, listener=self)
        except PeilError:
            self._leave()
            raise

    # What the client tells from its own thread, while a call to it is made in ours.

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        for each in assigned:
            self._held[self._position(each)] = _Held()
            if self._keeping:
                self._consumer.pause(each)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for each in revoked:
            self._held.pop(self._position(each), None)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        # It would go on to claim them, and what nobody has and somebody claims goes to nobody.
        self._assignor.member_assignment = None
        self.on_partitions_revoked(lost)

    # Polling.

    def poll(self, *, limit: int, timeout: float = 0.0) -> Sequence[Record]:
        deadline = self._clock.now() + int(timeout * 1000)
        while True:
            # A poll that ends in the middle of a join loses what the join brought.
            wait_ms = max(POLL_MS, deadline - self._clock.now())
            polled = self._poll(limit, wait_ms)
            records = [record for each in polled.items() for record in self._hand_out(*each)]
            if records:
                return records
            if self._gaps:
                raise self._gaps.pop()
            self._pass_over()
            if self._clock.now() >= deadline:
                return []

    def keep(self) -> None:
        self._keeping = True
        try:
            self._consumer.pause(*self._consumer.assignment())
            for source, received in self._poll(1, POLL_MS).items():
                self._consumer.seek(source, received[0].offset)
        finally:
            self._keeping = False
            paused = [self._source(each) for each, held in self._held.items() if not held.paused]
            self._consumer.resume(*self._consumer.assignment().intersection(paused))

    def _poll(self, limit: int, wait_ms: int) -> Mapping[TopicPartition, Sequence[Received]]:
        self._guard()
        with self._naming("reading"):
            try:
                polled: Mapping[TopicPartition, Sequence[Received]] = self._consumer.poll(
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
        position = self._position(source)
        topic = self._topics[position[0]]
        records = [unwrap(each, topic) for each in received if not is_mark(each)]
        if records:
            held = self._held[position]
            held.handed = max(held.handed, records[-1].offset + 1)
            held.waiting = True
        return records

    def _pass_over(self) -> None:
        """Commit past what is never handed out: beats, erasures, holes that compaction left."""
        passed: dict[Position, int] = {}
        for position, held in self._held.items():
            if held.waiting or held.paused:
                continue
            with self._naming("reading"):
                place = self._consumer.position(self._source(position), timeout_ms=POLL_MS)
            if place is not None and place > held.committed:
                passed[position] = place
        if passed:
            self._write(passed)  # what is lost meanwhile is another member's to pass over

    def _begin(self, fresh: Iterable[TopicPartition]) -> None:
        """A partition that the group has never committed is read from its earliest record."""
        for source, earliest in self._consumer.beginning_offsets(list(fresh)).items():
            self._consumer.seek(source, earliest)
            if earliest:
                topic, partition = self._position(source)
                logger.warning(
                    "group %s starts %s/%d at offset %d", self._group, topic, partition, earliest
                )

    def _go_on(self, source: TopicPartition, offset: int | None) -> None:
        """Read on at `offset` if the log has it, else at its earliest record; the gap is told by
        the next poll.
        """
        position = self._position(source)
        earliest = self._consumer.beginning_offsets([source])[source]
        end = self._consumer.end_offsets([source])[source]
        if offset is not None and earliest <= offset <= end:
            self._consumer.seek(source, offset)
            return
        place = self._consumer.committed(source, metadata=True)
        self._consumer.seek(source, earliest)
        self._held[position].waiting = False
        now = self._clock.now()
        since = int(place.metadata) if place is not None and place.metadata.isdecimal() else now
        lost = earliest - offset if offset is not None and offset < earliest else None
        self._gaps.append(OffsetGone(*position, lost, since, now))

    # Committing.

    def commit(self, records: Sequence[Record]) -> None:
        done: dict[Position, int] = {}
        for record in records:
            position = (record.topic, record.partition)
            done[position] = max(done.get(position, 0), record.offset + 1)
        mine = {
            position: offset
            for position, offset in done.items()
            if position in self._held and offset <= self._held[position].handed
        }
        lost = [*done.keys() - mine.keys(), *self._write(mine)]
        if lost:
            names = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(lost))
            raise LeaseLost(f"group {self._group}: {names} went to another member")

    def _write(self, offsets: Mapping[Position, int]) -> list[Position]:
        """Commit what this member holds from now until it is done; returns what it lost."""
        began = {position: self._held[position] for position in offsets}
        deadline = self._clock.now() + (BUSY_LEASES + 1) * self._lease_ms
        while True:
            mine = [each for each, held in began.items() if self._held.get(each) is held]
            stamp = str(self._clock.now())
            places = {
                self._source(each): OffsetAndMetadata(offsets[each], stamp, -1) for each in mine
            }
            if self._commit(places):
                break
            if self._clock.now() > deadline:
                raise Retry(f"group {self._group} is being shared out anew")
            self.keep()
        for each in mine:
            began[each].committed = offsets[each]
            began[each].waiting = offsets[each] < began[each].handed
        return [each for each in offsets if each not in mine]

    def _commit(self, places: Mapping[TopicPartition, OffsetAndMetadata]) -> bool:
        """Whether it could be done: not while the group is being shared out anew."""
        with self._naming("committing"):
            try:
                self._consumer.commit(places, timeout_ms=self._connection.patience * 1000)
            except (kafka_errors.CommitFailedError, kafka_errors.RebalanceInProgressError):
                return False
        return True

    def seek(self, topic: TopicName, partition: int, offset: int) -> None:
        position = (topic, partition)
        if position not in self._held:
            self.keep()
        if position not in self._held:
            raise LeaseLost(f"group {self._group}: {topic}/{partition} is another member's")
        self._consumer.seek(self._source(position), offset)
        if self._write({position: offset}):
            raise LeaseLost(f"group {self._group}: {topic}/{partition} went to another member")
        self._held[position].waiting = False

    def pause(self, positions: Iterable[Position]) -> None:
        self._set_paused(positions, paused=True)

    def resume(self, positions: Iterable[Position]) -> None:
        self._set_paused(positions, paused=False)

    def _set_paused(self, positions: Iterable[Position], *, paused: bool) -> None:
        change = self._consumer.pause if paused else self._consumer.resume
        for position in positions:
            if position in self._held:
                self._held[position].paused = paused
                change(self._source(position))

    def assignment(self) -> frozenset[Position]:
        joined = self._consumer.group_metadata().generation_id >= 0
        return frozenset(self._held) if joined else frozenset()

    def lag(self) -> int:
        committed = self._reader.committed(self._group)
        return sum(
            max(0, end - max(earliest, committed.get(self._source((topic, partition)), 0)))
            for topic in self._topics
            for partition, (earliest, end) in self._reader.ends(topic).items()
        )

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._leave()

    def _leave(self) -> None:
        try:
            self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
        except kafka_errors.KafkaError as error:
            logger.warning("group %s was not left in order (%s)", self._group, type(error).__name__)
        self._held.clear()

    # Staying in the group.

    def _guard(self) -> None:
        """Join anew when the client has dropped out and does not know.

        kafka-python forgets what a round of sharing out brought when metadata changes in its
        middle or a poll ends there; it then waits for ever, while the group goes on without it.
        """
        now = self._clock.now()
        me = self._consumer.group_metadata()
        if me.state == MemberState.STABLE and self._held:
            self._unwell_since = None
            return
        if self._unwell_since is None:
            self._unwell_since = now
        if now - self._unwell_since < self._lease_ms:
            return
        self._unwell_since = now
        members = self._reader.members(self._group)
        mine = members.assigned.get(me.member_id)
        if members.state in SETTLED and mine != self._consumer.assignment():
            logger.warning("group %s goes on without this member: it joins anew", self._group)
            self._leave()
            self._join()

    def _naming(self, what: str) -> AbstractContextManager[None]:
        return self._connection.naming(f"{what} as group {self._group}")

    def _position(self, source: TopicPartition) -> Position:
        return source.topic.removeprefix(self._prefix), source.partition

    def _source(self, position: Position) -> TopicPartition:
        return TopicPartition(self._prefix + position[0], position[1])
