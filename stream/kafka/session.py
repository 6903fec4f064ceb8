"""A membership of a consumer group: joined, held on to, joined anew when it was lost unawares."""

import logging
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from time import monotonic

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError
from kafka.structs import MemberState

from stream.broker import BUSY_LEASES, Position, TopicName
from stream.errors import PeilError, Stop
from stream.kafka.connection import Connection
from stream.kafka.reader import FETCH_BYTES, Reader

logger = logging.getLogger(__name__)

HEARTBEATS_A_LEASE = 20
SHORTEST_HEARTBEAT_MS = 50
CLOSE_MS = 3_000
SETTLED = ("Stable", "Empty", "Dead")
"""States of a group that is not being shared out."""


@dataclass(slots=True)
class Held:
    """A partition from when it was given to this member until it is taken away.

    `handed` is the offset after the last record handed out, `committed` what a restart would
    begin with if this member has set it; `waiting` is true while handed records are not
    committed. What is not read yet was appended at `since` (Unix ms) or later; None while nothing
    was read.
    """

    handed: int = 0
    since: int | None = None
    committed: int = -1
    waiting: bool = False
    paused: bool = False


@ConsumerRebalanceListener.register
class Session:
    """A client of Kafka in a group, and what it holds there.

    Its partitions are given and taken inside the client's `poll`, cooperatively: one that stays
    is not disturbed. A lease is Kafka's session: it ends when the process dies or cannot be
    reached, and after `BUSY_LEASES` leases without a poll. Leases go by real time, as the brokers
    do, whatever the clock says.
    """

    def __init__(
        self,
        group: str,
        topics: Collection[TopicName],
        *,
        prefix: str,
        connection: Connection,
        reader: Reader,
        lease: float,
    ) -> None:
        self.group = group
        self.lease = lease
        self.held: dict[Position, Held] = {}
        self.pausing = False
        """Whether partitions that are given now are paused at once."""
        self._topics = topics
        self._prefix = prefix
        self._connection = connection
        self._reader = reader
        self._unwell_since: float | None = None
        self._assignor: CooperativeStickyAssignor
        self.consumer: KafkaConsumer
        self._join()

    def position(self, source: TopicPartition) -> Position:
        """The partition by our name."""
        return source.topic.removeprefix(self._prefix), source.partition

    def source(self, position: Position) -> TopicPartition:
        """The partition by Kafka's name."""
        return TopicPartition(self._prefix + position[0], position[1])

    def naming(self, what: str) -> AbstractContextManager[None]:
        """Turn Kafka's errors in the block into ours."""
        return self._connection.naming(f"{what} as group {self.group}")

    def _join(self) -> None:
        lease_ms = int(self.lease * 1000)
        self._assignor = CooperativeStickyAssignor()
        self.consumer = self._connection.consumer(
            group_id=self._prefix + self.group,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=lease_ms,
            heartbeat_interval_ms=max(SHORTEST_HEARTBEAT_MS, lease_ms // HEARTBEATS_A_LEASE),
            max_poll_interval_ms=BUSY_LEASES * lease_ms,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            with self.naming("joining"):
                names = [self._prefix + topic for topic in self._topics]
                for name in names:
                    # Without its metadata a member may take part in a round that is void, and
                    # wait for ever for the next.
                    if not self.consumer.partitions_for_topic(name):
                        raise Stop(f"Kafka has no topic {name}; `peil doctor --setup` makes it")
                self.consumer.subscribe(names, listener=self)
        except PeilError:
            self.leave()
            raise

    def leave(self) -> None:
        """Give everything back without committing."""
        try:
            self.consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
        except KafkaError as error:
            logger.warning("group %s was not left in order (%s)", self.group, type(error).__name__)
        self.held.clear()

    def guard(self) -> None:
        """Join anew when the client has dropped out and does not know. Called before each poll.

        kafka-python forgets what a round of sharing out brought when metadata changes in its
        middle or a poll ends there; it then waits for ever, while the group goes on without it.
        """
        now = monotonic()
        me = self.consumer.group_metadata()
        if me.state == MemberState.STABLE and self.held:
            self._unwell_since = None
            return
        if self._unwell_since is None:
            self._unwell_since = now
        if now - self._unwell_since < self.lease:
            return
        self._unwell_since = now
        members = self._reader.members(self.group)
        mine = members.assigned.get(me.member_id)
        if members.state in SETTLED and mine != self.consumer.assignment():
            logger.warning("group %s goes on without this member: it joins anew", self.group)
            self._unwell_since = -inf  # when it fails, the next poll tries again at once
            self.leave()
            self._join()
            self._unwell_since = None

    # What the client tells from a thread of its own, while a call to it is made in ours.

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        for source in assigned:
            self.held[self.position(source)] = Held()
            if self.pausing:
                self.consumer.pause(source)
            logger.info("group %s: %s/%d is given", self.group, *self.position(source))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for source in revoked:
            self.held.pop(self.position(source), None)
            logger.info("group %s: %s/%d is taken", self.group, *self.position(source))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        # It would go on to claim them, and what nobody has and somebody claims goes to nobody.
        self._assignor.member_assignment = None
        self.on_partitions_revoked(lost)
