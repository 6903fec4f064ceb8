"""The contract of the log: what peil asks of SQLite on one machine and of Kafka on a cluster."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from stream.errors import Retry, Stop

TopicName = str
Position = tuple[TopicName, int]

BUSY_LEASES = 4
"""For how many leases a member keeps its partitions at most while it lives and does not poll."""


class Entry(msgspec.Struct, frozen=True):
    """A record to append: `key` decides the partition and the order; value None is a tombstone."""

    key: str
    value: bytes | None


class Record(msgspec.Struct, frozen=True):
    """A record as it lies in the log; `appended_at` in Unix milliseconds.

    A tombstone has the value None: it takes back what came before it in its partition under the
    same `key` and `tag`. In a compacted topic the tag is empty, so that it takes back its key;
    elsewhere it is how a log that cannot blank in place tells that one record was erased. A record
    that another program wrote may have no key, or one that is no text: its `key` is empty here.
    """

    topic: TopicName
    partition: int
    offset: int
    key: str
    value: bytes | None
    appended_at: int
    tag: bytes = b""


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


class LeaseLost(Retry):
    """A partition was taken over by another member; its records will be seen again there."""


class OffsetGone(Stop):
    """Records were gone before the group had read them: a gap to record.

    `lost` is how many retention dropped; None when the log itself lost some, nobody knows how
    many. `start` and `end` (Unix ms) bound when they were appended. The next poll goes on at the
    earliest record there is.
    """

    def __init__(
        self, topic: TopicName, partition: int, lost: int | None, start: int, end: int
    ) -> None:
        what = (
            "the log is shorter than what was read of it; it lost records or was made anew, and "
            "is read again from its start; collect"
            if lost is None
            else f"{lost} records were dropped by retention before they were read; run more "
            "workers, or collect"
        )
        super().__init__(f"topic {topic}, partition {partition}: {what} that period again")
        self.start = start
        self.end = end


def partition_of(key: str, partitions: int) -> int:
    """The partition of `key`: the same in every process, release and log."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % partitions


class Consumer(Protocol):
    """One member of a consumer group. Not shared between threads.

    The group's partitions are shared out among its live members by leases. The partitions of a
    member that died go to the others within a lease. One that lives and does not poll keeps its
    partitions for a lease, and has lost them after `BUSY_LEASES` leases if others want them.
    """

    def poll(self, *, limit: int, timeout: float = 0.0) -> Sequence[Record]:
        """At most `limit` records after the last polled ones, per partition in offset order.

        Waits up to `timeout` seconds for the first record, on a cluster half a second at least;
        an empty answer means that there was none. After a partition is taken away its records
        are polled again by its new member, from the last commit. Records beyond retention are
        not returned, nor are erased ones, except on Kafka until it has compacted: within the
        hour, for which the ledger stands in. Raises Stop when the group's offset lies before
        what the log still has (`OffsetGone`, a gap that must be recorded) and Retry when the log
        is busy.
        """
        ...

    def keep(self) -> None:
        """The leases begin anew and nothing is polled: for whoever works long on its records.

        Call it a few times a lease. May block for half a second. Raises Retry when the log is
        busy; then the leases run on.
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
        """The next poll of that partition starts at `offset` (inclusive), here and after a
        restart. Raises `LeaseLost` when it is another member's.
        """
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

        Blocks until all are on disk: that is the back-pressure. When it returns, the records
        survive a kill of the process and of the machine. Raises Retry when the log is busy, Stop
        when the disk is full or the topic is unknown, Reject when one entry is over the size
        limit, and then nothing is appended. After a Retry a part of the call may be there:
        appending all of it again is right, because readers take a version of a post once.
        """
        ...

    def subscribe(self, group: str, topics: Sequence[TopicName]) -> Consumer:
        """A new member of `group`. A new group starts at the earliest record."""
        ...

    def read(
        self, topic: TopicName, partition: int, *, start: int = 0, limit: int = 1000
    ) -> Sequence[Record]:
        """Records from offset `start`, outside any group.

        Blanked ones are left out. One that is erased and not yet gone is followed by its
        tombstone: `stream.scan.standing` leaves both out.
        """
        ...

    def topics(self) -> Mapping[TopicName, Topic]:
        """The topics that exist, by name."""
        ...

    def ends(self, topic: TopicName) -> Mapping[int, tuple[int, int]]:
        """Per partition the earliest offset there is and the offset the next record gets."""
        ...

    def erase(self, topic: TopicName, records: Iterable[Record]) -> int:
        """Erase these records, as `read` gave them, whatever their values are here; returns how
        many. Newer records of their keys stay, and so do all offsets.

        On one machine the bytes are gone from every file when it returns. On Kafka they are
        superseded when it returns, and gone from every file within the hour if `expire` is
        called every 20 minutes.
        """
        ...

    def expire(self, now: int) -> int:
        """Drop what is older than its topic's retention at `now` (Unix ms) and what compaction
        makes superfluous; returns how many records. The bytes are gone from every file. Kafka
        does both by itself, as long as it is called: see `erase`.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
