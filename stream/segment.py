"""One topic's file: an SQLite database in WAL mode that other processes write too."""

import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stream.batches import batched
from stream.broker import Entry, Record, Topic, partition_of
from stream.errors import Retry, Stop
from stream.sqlite import named
from stream.topics import TOMBSTONE_MS

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    position INTEGER PRIMARY KEY,  -- partition << 40 | offset: one clustered order a partition
    key TEXT NOT NULL,
    value BLOB,
    appended_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS head (
    partition INTEGER PRIMARY KEY,
    earliest INTEGER NOT NULL,
    next INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS committed (
    consumer_group TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (
    consumer_group TEXT NOT NULL,
    member TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, member)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease (
    consumer_group TEXT NOT NULL,
    partition INTEGER NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (consumer_group, partition)
) WITHOUT ROWID;
"""
ERASED = b""
"""The value of a record that was erased: its place in the order stays, its content is gone."""

OFFSET_BITS = 40
LAST_OFFSET = (1 << OFFSET_BITS) - 1
BUSY_SECONDS = 10.0
RECORDS_AT_ONCE = 500
ROWS_AT_ONCE = 20_000


class Segment:
    """A connection to one topic's file. A thread at a time; every process opens its own."""

    def __init__(self, path: Path, topic: Topic) -> None:
        self.path = path
        self.topic = topic
        self._lock = threading.RLock()
        with self._named_errors():
            self._db = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        with self.transaction() as db:
            for statement in SCHEMA.split(";\n"):
                db.execute(statement)
            (partitions,) = db.execute("SELECT count(*) FROM head").fetchone()
            if partitions == 0:
                partitions = self.topic.partitions
                heads = [(partition,) for partition in range(partitions)]
                db.executemany("INSERT INTO head VALUES (?, 0, 0)", heads)
        if partitions != self.topic.partitions:
            raise Stop(
                f"{self.path} has {partitions} partitions and {self.topic.partitions} are asked "
                "for: the order of keys would break; drain the topic and start it anew"
            )

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """A write transaction: all or nothing, on disk when the block ends."""
        with self._lock, self._named_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """The connection for statements that only read."""
        with self._lock, self._named_errors():
            yield self._db

    def append(self, entries: Sequence[Entry], *, now: int) -> list[tuple[int, int]]:
        """Append in order; returns (partition, offset) of each."""
        partitions = [partition_of(entry.key, self.topic.partitions) for entry in entries]
        places: list[tuple[int, int]] = []
        with self.transaction() as db:
            heads = dict(db.execute("SELECT partition, next FROM head"))
            for partition in partitions:
                places.append((partition, heads[partition]))
                heads[partition] += 1
            db.executemany(
                "INSERT INTO record VALUES (?, ?, ?, ?)",
                [
                    (partition << OFFSET_BITS | offset, entry.key, entry.value, now)
                    for (partition, offset), entry in zip(places, entries, strict=True)
                ],
            )
            db.executemany(
                "UPDATE head SET next = ? WHERE partition = ?",
                [(heads[partition], partition) for partition in set(partitions)],
            )
        return places

    def read(self, partition: int, start: int, limit: int) -> tuple[list[Record], int]:
        """At most `limit` records from offset `start`, and the offset to go on from.

        Erased records are passed over, so there may be fewer records than the step is wide.
        """
        with self.reading() as db:
            rows = db.execute(
                "SELECT position, key, value, appended_at FROM record "
                "WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?",
                (
                    partition << OFFSET_BITS | start,
                    partition << OFFSET_BITS | LAST_OFFSET,
                    limit,
                ),
            ).fetchall()
        name = self.topic.name
        records = [
            Record(name, partition, position & LAST_OFFSET, key, value, appended_at)
            for position, key, value, appended_at in rows
            if value != ERASED
        ]
        return records, (rows[-1][0] & LAST_OFFSET) + 1 if rows else start

    def ends(self) -> dict[int, tuple[int, int]]:
        """Per partition the earliest offset there is and the one the next record gets."""
        with self.reading() as db:
            rows = db.execute("SELECT partition, earliest, next FROM head").fetchall()
        return {partition: (earliest, following) for partition, earliest, following in rows}

    def erase(self, places: Sequence[tuple[int, int]]) -> int:
        """Blank the records at these (partition, offset) and truncate the write-ahead log."""
        erased = 0
        marks = (
            (ERASED, partition << OFFSET_BITS | offset, ERASED) for partition, offset in places
        )
        for some in batched(marks, RECORDS_AT_ONCE):
            with self.transaction() as db:
                erased += db.executemany(
                    "UPDATE record SET value = ? WHERE position = ? AND value <> ?", some
                ).rowcount
        self.truncate()
        return erased

    def expire(self, now: int) -> int:
        """Drop what is beyond retention, or superseded in a compacted topic."""
        dropped = self._compact(now) if self.topic.compacted else self._drop_old(now)
        self.truncate()
        return dropped

    def _drop_old(self, now: int) -> int:
        if self.topic.retention_ms is None:
            return 0
        dropped = 0
        for partition, (earliest, following) in self.ends().items():
            first_kept = self._first_since(partition, now - self.topic.retention_ms, following)
            for start in range(earliest, first_kept, ROWS_AT_ONCE):
                end = min(start + ROWS_AT_ONCE, first_kept)
                with self.transaction() as db:
                    dropped += db.execute(
                        "DELETE FROM record WHERE position >= ? AND position < ?",
                        (partition << OFFSET_BITS | start, partition << OFFSET_BITS | end),
                    ).rowcount
                    db.execute("UPDATE head SET earliest = ? WHERE partition = ?", (end, partition))
        return dropped

    def _first_since(self, partition: int, moment: int, default: int) -> int:
        with self.reading() as db:
            row = db.execute(
                "SELECT position FROM record WHERE position BETWEEN ? AND ? AND appended_at >= ? "
                "ORDER BY position LIMIT 1",
                (partition << OFFSET_BITS, partition << OFFSET_BITS | LAST_OFFSET, moment),
            ).fetchone()
        return default if row is None else row[0] & LAST_OFFSET

    def _compact(self, now: int) -> int:
        with self.transaction() as db:
            superseded = db.execute(
                "DELETE FROM record WHERE position NOT IN "
                "(SELECT max(position) FROM record GROUP BY key)"
            ).rowcount
            buried = db.execute(
                "DELETE FROM record WHERE value IS NULL AND appended_at < ?", (now - TOMBSTONE_MS,)
            ).rowcount
        return superseded + buried

    def truncate(self) -> None:
        """Move the write-ahead log into the file and empty it: old bytes are gone from both."""
        with self._lock, self._named_errors():
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Retry(f"{self.path} is being read: its write-ahead log could not be emptied yet")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _named_errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise named(error, str(self.path), waited=BUSY_SECONDS) from error
        except sqlite3.DatabaseError as error:
            raise Stop(
                f"{self.path} is damaged: {error}; stop peil and move the file away, what it held "
                "must be collected again"
            ) from error
