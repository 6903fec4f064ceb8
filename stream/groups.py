"""Consumer groups on the local log: partitions are leased to members and shared out evenly."""

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stream.broker import LeaseLost, OffsetGone, Position, Record, TopicName
from stream.clock import Clock
from stream.members import Members
from stream.segment import LAST_OFFSET, OFFSET_BITS, Segment

logger = logging.getLogger(__name__)

WAIT_SECONDS = 0.02
"""How often a waiting poll looks again: a quarter of a millisecond of work each time."""


@dataclass(slots=True)
class _Held:
    """A leased partition. `polled` is where the next poll starts, `committed` where a restart
    would; `waiting` is the offset after the last record handed out and not yet committed.
    """

    polled: int
    committed: int
    waiting: int | None = None
    paused: bool = False


class LocalConsumer:
    """A member of a consumer group over segments of its own."""

    def __init__(
        self,
        group: str,
        segments: Mapping[TopicName, Segment],
        *,
        members: Members,
        lease_ms: int,
        clock: Clock,
    ) -> None:
        self._group = group
        self._segments = segments
        self._members = members
        self._member = members.join()
        self._lease_ms = lease_ms
        self._clock = clock
        self._held: dict[Position, _Held] = {}
        self._renew_at: int | None = None
        self._turn = 0
        self._closed = False

    def poll(self, *, limit: int, timeout: float = 0.0) -> Sequence[Record]:
        deadline = self._clock.elapsed() + int(timeout * 1000)
        while True:
            self.keep()
            records = self._next(limit)
            if records or self._clock.elapsed() >= deadline:
                return records
            self._clock.sleep(WAIT_SECONDS)

    def keep(self) -> None:
        if self._renew_at is None or self._clock.elapsed() >= self._renew_at:
            self._share_out()

    def _next(self, limit: int) -> list[Record]:
        records: list[Record] = []
        positions = [position for position, held in self._held.items() if not held.paused]
        self._turn += 1
        for topic, partition in positions:  # before anything is read: an error costs no record
            self._check_retention(self._segments[topic], partition, self._held[topic, partition])
        for step in range(len(positions)):
            topic, partition = positions[(self._turn + step) % len(positions)]
            segment, held = self._segments[topic], self._held[topic, partition]
            found, following = segment.read(partition, held.polled, limit - len(records))
            held.polled = following
            if found:
                held.waiting = found[-1].offset + 1
                records += found
            elif held.waiting is None and following > held.committed:
                self._commit(segment, {partition: following})  # only erased records lay there
            if len(records) >= limit:
                break
        return records

    def _check_retention(self, segment: Segment, partition: int, held: _Held) -> None:
        if segment.topic.compacted:
            return
        now = self._clock.now()
        with segment.reading() as db:
            earliest, since = db.execute(
                "SELECT earliest, (SELECT at FROM committed WHERE consumer_group = ? "
                "AND committed.partition = head.partition) FROM head WHERE partition = ?",
                (self._group, partition),
            ).fetchone()
            if held.polled >= earliest:
                return
            until = _since(db, partition, earliest, now=now)
        lost = earliest - held.polled
        held.polled = earliest
        name = segment.topic.name
        if since is None and held.committed == 0:
            logger.warning("group %s starts %s/%d at offset %d", self._group, name, partition, lost)
            return
        # Older releases wrote down when they committed, which may be later.
        start = until if since is None else min(since, until)
        raise OffsetGone(name, partition, lost, start, until)

    def commit(self, records: Sequence[Record]) -> None:
        done: dict[TopicName, dict[int, int]] = {}
        for record in records:
            offsets = done.setdefault(record.topic, {})
            offsets[record.partition] = max(offsets.get(record.partition, 0), record.offset + 1)
        lost = [
            f"{topic}/{partition}"
            for topic, offsets in done.items()
            for partition in self._commit(self._segments[topic], offsets)
        ]
        if lost:
            raise LeaseLost(f"group {self._group}: {', '.join(lost)} went to another member")

    def _commit(self, segment: Segment, offsets: Mapping[int, int]) -> list[int]:
        """Commit what this member still holds; returns the partitions that it lost."""
        name, now = segment.topic.name, self._clock.now()
        lost: list[int] = []
        with segment.transaction() as db:
            mine = self._leases(db, only=self._member)
            for partition, offset in offsets.items():
                held = self._held.get((name, partition))
                if held is None or partition not in mine:
                    self._held.pop((name, partition), None)
                    lost.append(partition)
                    continue
                if held.waiting is None or offset >= held.waiting:
                    held.waiting, held.committed = None, max(held.polled, offset)
                else:
                    held.committed = offset
                db.execute(
                    "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?)",
                    (
                        self._group,
                        partition,
                        held.committed,
                        _since(db, partition, held.committed, now=now),
                    ),
                )
        return lost

    def seek(self, topic: TopicName, partition: int, offset: int) -> None:
        self._share_out()
        held = self._held.get((topic, partition))
        if held is None:
            raise LeaseLost(f"group {self._group}: {topic}/{partition} is another member's")
        held.polled, held.waiting = offset, None
        self._commit(self._segments[topic], {partition: offset})

    def pause(self, positions: Iterable[Position]) -> None:
        for position in positions:
            if position in self._held:
                self._held[position].paused = True

    def resume(self, positions: Iterable[Position]) -> None:
        for position in positions:
            if position in self._held:
                self._held[position].paused = False

    def assignment(self) -> frozenset[Position]:
        return frozenset(self._held)

    def lag(self) -> int:
        total = 0
        for segment in self._segments.values():
            with segment.reading() as db:
                (lag,) = db.execute(
                    "SELECT coalesce(sum(next - max(earliest, coalesce(offset, 0))), 0) FROM head "
                    "LEFT JOIN committed ON committed.partition = head.partition "
                    "AND consumer_group = ?",
                    (self._group,),
                ).fetchone()
            total += lag
        return total

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._members.leave(self._member)
        for segment in self._segments.values():
            try:
                with segment.transaction() as db:
                    mine = (self._group, self._member)
                    db.execute("DELETE FROM lease WHERE consumer_group = ? AND member = ?", mine)
                    db.execute("DELETE FROM member WHERE consumer_group = ? AND member = ?", mine)
            finally:
                segment.close()

    def _share_out(self) -> None:
        """Renew this member's leases, take its share of the free ones, give up the surplus.

        A partition with records handed out and not committed is kept until they are.
        """
        now = self._clock.now()
        for segment in self._segments.values():
            with segment.transaction() as db:
                members = self._enrol(db, now)
                leases = self._leases(db)
                for partition in range(segment.topic.partitions):
                    position = (segment.topic.name, partition)
                    holder = leases.get(partition)
                    in_share = members[partition % len(members)] == self._member
                    if holder != self._member:
                        self._held.pop(position, None)
                    if holder is None and in_share:
                        db.execute(
                            "INSERT INTO lease VALUES (?, ?, ?)",
                            (self._group, partition, self._member),
                        )
                        self._held[position] = self._resume_at(db, partition)
                    elif holder == self._member:
                        held = self._held.setdefault(position, self._resume_at(db, partition))
                        if not in_share and held.waiting is None:
                            del self._held[position]
                            db.execute(
                                "DELETE FROM lease WHERE consumer_group = ? AND partition = ?",
                                (self._group, partition),
                            )
        self._renew_at = self._clock.elapsed() + self._lease_ms // 3

    def _enrol(self, db: sqlite3.Connection, now: int) -> list[str]:
        """This member's lease begins anew; returns all that have one and are alive. None lasts
        longer than one that begins now: not even after the clock was set back.
        """
        until = now + self._lease_ms
        db.execute(
            "INSERT OR REPLACE INTO member VALUES (?, ?, ?)", (self._group, self._member, until)
        )
        db.execute(
            "UPDATE member SET until = ? WHERE consumer_group = ? AND until > ?",
            (until, self._group, until),
        )
        db.execute("DELETE FROM member WHERE consumer_group = ? AND until < ?", (self._group, now))
        for name in self._names(db):
            if not self._members.alive(name):
                dead = (self._group, name)
                db.execute("DELETE FROM member WHERE consumer_group = ? AND member = ?", dead)
        db.execute(
            "DELETE FROM lease WHERE consumer_group = ? AND member NOT IN "
            "(SELECT member FROM member WHERE consumer_group = ?)",
            (self._group, self._group),
        )
        return self._names(db)

    def _names(self, db: sqlite3.Connection) -> list[str]:
        rows = db.execute(
            "SELECT member FROM member WHERE consumer_group = ? ORDER BY member", (self._group,)
        )
        return [name for (name,) in rows]

    def _leases(self, db: sqlite3.Connection, *, only: str | None = None) -> dict[int, str]:
        rows = db.execute(
            "SELECT partition, member FROM lease WHERE consumer_group = ?", (self._group,)
        )
        return {partition: member for partition, member in rows if only in (None, member)}

    def _resume_at(self, db: sqlite3.Connection, partition: int) -> _Held:
        row = db.execute(
            "SELECT offset FROM committed WHERE consumer_group = ? AND partition = ?",
            (self._group, partition),
        ).fetchone()
        offset = 0 if row is None else row[0]
        return _Held(polled=offset, committed=offset)


def _since(db: sqlite3.Connection, partition: int, offset: int, *, now: int) -> int:
    """When the first record from `offset` on was appended; `now` while there is none."""
    row = db.execute(
        "SELECT appended_at FROM record WHERE position BETWEEN ? AND ? ORDER BY position LIMIT 1",
        (partition << OFFSET_BITS | offset, partition << OFFSET_BITS | LAST_OFFSET),
    ).fetchone()
    return now if row is None else row[0]
