"""What collecting remembers between batches: cursors, seen-keys, how many people there are."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, select, update

from ingest import tables, tallies
from ingest.contract import Budget, Cursor
from privacy.contract import Sighting
from stream.batches import batched
from stream.database import among, upsert

KEYS_AT_ONCE = 500
WARNINGS = 20
"""So many of a run's last warnings are kept."""


class SeenKeys:
    """The seen-keys of one source; `privacy.gate.Seen` for the gate."""

    def __init__(self, engine: Engine, source: str) -> None:
        self._engine = engine
        self._source = source

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Sighting]:
        found: dict[str, Sighting] = {}
        seen = tables.seen.c
        wanted = sorted(set(ids))
        with self._engine.connect() as connection:
            for some in batched(wanted, KEYS_AT_ONCE):
                rows = connection.execute(
                    select(
                        seen.id, seen.content_hash, seen.first_observed, seen.rev, seen.edited
                    ).where(
                        seen.source == self._source,
                        among(connection, seen.id, some),
                    )
                )
                found.update((row.id, Sighting(*row)) for row in rows)
        return found


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far run `number` came with a batch at `now` (Unix ms): what became of its items, and
    what the batch said of its source (None: what it said before). The last `unread` items of the
    source could not be read.
    """

    number: int
    now: int
    counts: Mapping[str, int]
    unread: int | None = None
    watermark: int | None = None
    budget: Budget | None = None
    warnings: Sequence[str] = ()


class Memory:
    """Cursors and seen-keys of all sources in the operational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def seen(self, source: str) -> SeenKeys:
        """The seen-keys of `source`."""
        return SeenKeys(self._engine, source)

    def cursor(self, name: str) -> Cursor:
        """Where the source of that name stopped; empty when it never ran."""
        with self._engine.connect() as connection:
            value = connection.scalar(
                select(tables.cursor.c.value).where(tables.cursor.c.source == name)
            )
        return {} if value is None else json.loads(value)

    def advance(
        self,
        source: str,
        cursor: Cursor,
        sightings: Mapping[str, Sighting],
        *,
        until: int,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Save where `source` is, what it showed and how far it came: all of it or nothing, so
        that what is counted is what the cursor leaves behind. Called only after the log
        acknowledged that; `until` (Unix ms) ends the memory. `name` is the cursor's, where it is
        not the source's own.
        """
        with self._engine.begin() as connection:
            row = {"source": name or source, "value": json.dumps(cursor)}
            upsert(connection, tables.cursor, [row], replace=["value"])
            self._remember(connection, source, sightings, until)
            if progress is not None:
                _note(connection, source, progress)

    def remember(self, source: str, sightings: Mapping[str, Sighting], *, until: int) -> None:
        """Save what `source` showed where no cursor moves."""
        with self._engine.begin() as connection:
            self._remember(connection, source, sightings, until)

    def drop_cursor(self, name: str) -> None:
        """Forget where `name` stopped: it is done."""
        with self._engine.begin() as connection:
            connection.execute(delete(tables.cursor).where(tables.cursor.c.source == name))

    def _remember(
        self, connection: Connection, source: str, sightings: Mapping[str, Sighting], until: int
    ) -> None:
        rows = [
            {
                "source": source,
                "id": each.id,
                "content_hash": each.content_hash,
                "first_observed": each.first_observed,
                "rev": each.rev,
                "edited": each.edited,
                "until": until,
            }
            for each in sightings.values()
        ]
        replace = ["content_hash", "first_observed", "rev", "edited", "until"]
        upsert(connection, tables.seen, rows, replace=replace)

    def forget(self, now: int) -> int:
        """Drop seen-keys whose time is over; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(
                delete(tables.seen).where(tables.seen.c.until <= now)
            ).rowcount

    def note_authors(self, source: str, authors: Iterable[str], *, now: int, k: int) -> None:
        """Remember that `authors` (pseudonyms) wrote in `source`, as hashes, at most `k` of a key
        epoch.
        """
        table = tables.source_author
        found = sorted({_digest(source, author) for author in authors})
        with self._engine.begin() as connection:
            held = set(connection.scalars(select(table.c.digest).where(table.c.source == source)))
            full = Counter(map(_epoch, held))
            rows = []
            for digest in found:
                epoch = _epoch(digest)
                if digest in held or full[epoch] < k:
                    full[epoch] += digest not in held
                    rows.append({"source": source, "digest": digest, "seen": now})
            upsert(connection, table, rows, replace=["seen"])

    def authors(self, source: str, *, since: int) -> int:
        """How many distinct people wrote in `source` since then, up to k; the others' hashes are
        forgotten. In two key epochs one person has two pseudonyms, so the larger of them counts:
        sooner too few than too many.
        """
        table = tables.source_author
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.source == source, table.c.seen < since))
            held = connection.scalars(select(table.c.digest).where(table.c.source == source))
            return max(Counter(map(_epoch, held)).values(), default=0)


def _digest(source: str, author: str) -> str:
    hashed = hashlib.blake2b(f"{source}\0{author}".encode(), digest_size=8).hexdigest()
    return f"{_epoch(author)}-{hashed}"


def _epoch(named: str) -> str:
    """The key epoch that a pseudonym, or its hash, begins with."""
    return named.rpartition("-")[0]


def _note(connection: Connection, source: str, progress: Progress) -> None:
    run, counts = tables.run, progress.counts
    connection.execute(
        update(run)
        .where(run.c.number == progress.number)
        .values(
            read=run.c.read + counts.get(tallies.READ, 0),
            appended=run.c.appended + counts.get(tallies.APPENDED, 0),
        )
    )
    tallies.add(connection, source, progress.now, counts)
    said: dict[str, Any] = {}
    if progress.unread is not None:
        said["unread"] = progress.unread
    if progress.watermark is not None:
        said["watermark"] = progress.watermark
    if progress.budget is not None:
        said["budget"] = msgspec.json.encode(progress.budget).decode()
    if progress.warnings:
        held = connection.scalar(
            select(tables.condition.c.warnings).where(tables.condition.c.source == source)
        )
        warnings = json.loads(held or "{}")
        for warning in progress.warnings:
            warnings.pop(warning, None)  # the last one said comes last
            warnings[warning] = progress.now
        said["warnings"] = json.dumps(dict(list(warnings.items())[-WARNINGS:]))
    if said:
        upsert(connection, tables.condition, [{"source": source, **said}], replace=list(said))
