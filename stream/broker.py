"""The contract of the log: what peil asks of SQLite on one machine and of Kafka on a cluster."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

TopicName = str


class Entry(msgspec.Struct, frozen=True):
    """A record to append: `key` decides the partition and the order; value None is a tombstone."""

    key: str
    value: bytes | None


class Record(msgspec.Struct, frozen=True):
    """A record as it lies in the log; `appended_at` in Unix milliseconds.

    An erased record keeps its place with an empty `value` (b""); a tombstone has None.
    """

    topic: TopicName
    partition: int
    offset: int
    key: str
    value: bytes | None
    appended_at: int


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What a topic is like. `retention_ms` None keeps for ever; `compacted` keeps the newest
    record of each key (retention does not apply to those). `size_factor` is how many times the
    size limit a record may have: quarantine wraps records of other topics.
    """

    name: TopicName
    partitions: int = 4
    retention_ms: int | None = None
    compacted: bool = False
    size_factor: int = 1


Position = tuple[TopicName, int]


class Consumer(Protocol):
    """One member of a consumer group. Not shared between threads.

    The group's partitions are shared out among its live members by leases; a member that does
    not poll for longer than its lease loses its partitions to the others.
    """

    def poll(self, *, limit: int, timeout: float = 0.0) -> Sequence[Record]:
        """At most `limit` records after the last polled ones, per partition in offset order.

        Waits up to `timeout` seconds for the first record; an empty answer means that there
        was none. Erased records and records beyond retention are not returned. After a
        partition is taken away its records are polled again by its new member, from the
        last commit. Raises Stop when the group's offset lies before what the log still has
        (`OffsetGone`, a gap that must be recorded) and Retry when the log is busy.
        """
        ...

    def commit(self, records: Sequence[Record]) -> None:
        """Everything up to the last of `records`, per partition, is done; survives a crash.

        May block for a disk write. A partition that was taken away meanwhile is left alone:
        raises `LeaseLost` (a Retry) after committing the others; its records will be seen
        again by another member, so the caller must drop them.
        """
        ...

    def seek(self, topic: TopicName, partition: int, offset: int) -> None:
        """The next poll of that partition starts at `offset` (inclusive)."""
        ...

    def pause(self, positions: Iterable[Position]) -> None:
        """Poll leaves these partitions out until `resume`; their leases are kept."""
        ...

    def resume(self, positions: Iterable[Position]) -> None:
        """Undo `pause`."""
        ...

    def assignment(self) -> frozenset[Position]:
        """The partitions this member holds a live lease on."""
        ...

    def lag(self) -> int:
        """How many records of the group's topics are not committed, over all partitions."""
        ...

    def close(self) -> None:
        """Give the leases back without committing. Calling it twice is harmless."""
        ...


class Broker(Protocol):
    """The log: topics of keyed records in partitions. May be shared between threads."""

    def append(self, topic: TopicName, entries: Sequence[Entry]) -> Sequence[tuple[int, int]]:
        """Append in the given order; returns (partition, offset) of each.

        When it returns, the records survive a kill of the process and of the machine. All of
        the call or nothing is appended. Raises Retry when the log is busy, Stop when the disk
        is full or the topic is unknown, Reject when one entry is over the size limit.
        """
        ...

    def subscribe(self, group: str, topics: Sequence[TopicName]) -> Consumer:
        """A new member of `group`. A new group starts at the earliest record."""
        ...

    def read(
        self, topic: TopicName, partition: int, *, start: int = 0, limit: int = 1000
    ) -> Sequence[Record]:
        """Records from offset `start`, outside any group; erased ones are left out."""
        ...

    def topics(self) -> Mapping[TopicName, Topic]:
        """The topics that exist, by name."""
        ...

    def ends(self, topic: TopicName) -> Mapping[int, tuple[int, int]]:
        """Per partition the earliest offset there is and the offset the next record gets."""
        ...

    def erase(self, topic: TopicName, keys: Iterable[str]) -> int:
        """Blank the values of all records with these keys, everywhere on disk; returns how many.

        Offsets do not move. When it returns, the bytes are gone from every file.
        """
        ...

    def expire(self, now: int) -> int:
        """Drop what is older than its topic's retention at `now` (Unix ms) and what compaction
        makes superfluous; returns how many records. The bytes are gone from every file.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
