"""What collecting remembers between runs: cursors, seen-keys, and how each run went."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from ingest import tables
from ingest.contract import Cursor
from ingest.health import Run
from privacy.gate import Sighting
from stream.batches import batched
from stream.database import among, upsert

KEYS_AT_ONCE = 500


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


class Memory:
    """Cursors, seen-keys and runs of all sources in the operational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def seen(self, source: str) -> SeenKeys:
        """The seen-keys of `source`."""
        return SeenKeys(self._engine, source)

    def cursor(self, source: str) -> Cursor:
        """Where `source` stopped; empty when it never ran."""
        with self._engine.connect() as connection:
            value = connection.scalar(
                select(tables.cursor.c.value).where(tables.cursor.c.source == source)
            )
        return {} if value is None else json.loads(value)

    def advance(
        self, source: str, cursor: Cursor, sightings: Mapping[str, Sighting], *, until: int
    ) -> None:
        """Save where `source` is and what it showed, both or neither. Called only after the
        log acknowledged what the cursor leaves behind; `until` (Unix ms) ends the memory.
        """
        with self._engine.begin() as connection:
            row = {"source": source, "value": json.dumps(cursor)}
            upsert(connection, tables.cursor, [row], replace=["value"])
            self._remember(connection, source, sightings, until)

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

    def start_run(self, source: str, now: int) -> int:
        """A run of `source` begins; returns its number."""
        with self._engine.begin() as connection:
            result = connection.execute(
                insert(tables.run)
                .values(source=source, started=now, read=0, appended=0, outcome="running")
                .returning(tables.run.c.number)
            )
            return int(result.scalar_one())

    def end_run(self, number: int, now: int, *, read: int, appended: int, outcome: str) -> None:
        """The run ended: how much it read and appended, and how it went."""
        with self._engine.begin() as connection:
            connection.execute(
                update(tables.run)
                .where(tables.run.c.number == number)
                .values(ended=now, read=read, appended=appended, outcome=outcome)
            )

    def cut_off(self, source: str) -> None:
        """No process collects from `source` now: a run that did not end was cut off, and is to
        be made up for.
        """
        here = (tables.run.c.source == source) & (tables.run.c.outcome == "running")
        with self._engine.begin() as connection:
            connection.execute(update(tables.run).where(here).values(outcome="cut off"))

    def note_authors(self, source: str, authors: Iterable[str], *, now: int, k: int) -> None:
        """Remember that `authors` (pseudonyms) wrote in `source`, as hashes, at most `k`."""
        table = tables.source_author
        found = sorted({_digest(source, author) for author in authors})
        with self._engine.begin() as connection:
            held = set(connection.scalars(select(table.c.digest).where(table.c.source == source)))
            new = [digest for digest in found if digest not in held][: max(0, k - len(held))]
            rows = [
                {"source": source, "digest": digest, "seen": now}
                for digest in found
                if digest in held or digest in new
            ]
            upsert(connection, table, rows, replace=["seen"])

    def authors(self, source: str, *, since: int) -> int:
        """How many distinct people wrote in `source` since then, up to k; the others' hashes are
        forgotten.
        """
        table = tables.source_author
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.source == source, table.c.seen < since))
            count = select(func.count()).select_from(table).where(table.c.source == source)
            return int(connection.execute(count).scalar_one())

    def active_since(self, source: str, *, now: int, rest: int) -> int:
        """Since when `source` appends something without resting for longer than `rest` ms; `now`
        when it rested until now. Looks no further back than `rest` before `now`.
        """
        table = tables.run.c
        fruitful = (
            select(table.started)
            .where(table.source == source, table.appended > 0, table.started >= now - 2 * rest)
            .order_by(table.started.desc())
        )
        since = now
        with self._engine.connect() as connection:
            for started in connection.scalars(fruitful):
                if since - started > rest or since <= now - rest:
                    break
                since = started
        return since

    def last_runs(self) -> Mapping[str, int]:
        """When each source's last run began that was not cut off."""
        last = select(tables.run.c.source, func.max(tables.run.c.started)).where(
            tables.run.c.outcome != "cut off"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(last.group_by(tables.run.c.source))
            return {row[0]: row[1] for row in rows}

    def runs(self, source: str, *, limit: int = 50) -> list[Run]:
        """The last runs of `source`, oldest first."""
        table = tables.run
        newest = select(table).where(table.c.source == source).order_by(table.c.number.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(newest.limit(limit)).all()
        return [Run(row.started, row.appended, row.outcome) for row in reversed(rows)]

    def last_outcomes(self) -> Mapping[str, tuple[int, int, int, str]]:
        """Of each source's last run: when it started, items read, appended, and its outcome."""
        newest = select(func.max(tables.run.c.number)).group_by(tables.run.c.source)
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.run).where(tables.run.c.number.in_(newest)))
            return {row.source: (row.started, row.read, row.appended, row.outcome) for row in rows}


def _digest(source: str, author: str) -> str:
    return hashlib.blake2b(f"{source}\0{author}".encode(), digest_size=8).hexdigest()
