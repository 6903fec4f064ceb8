"""How sources do between runs and over them: runs, slots, errors, pauses.

A source on a schedule has *slots*, the moments at which it is to run. Each is accounted for: a run
has the slot that it answers, and how many slots before it nobody answered, by why. Between two
runs the source's condition holds how far the slots are accounted for.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, or_, select, update

from ingest import tables
from ingest.contract import Budget
from stream.database import upsert

Cause = Literal["schedule", "hand", "backfill"]
Recovery = Literal["retry", "stop", "fault"]
"""What an error asks for: time, a person, or whoever writes the collector."""


class Slot(msgspec.Struct, frozen=True):
    """When a run was to begin (Unix ms), and how many slots before it none did, by why."""

    at: int
    missed: Mapping[str, int] = {}


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run failed. It is tried again after `wait` ms; None: at its next slot. `answered` is
    whether a part of the source answered nevertheless; None: no part was asked. Where parts of it
    fail, the worst did so `failures` times in a row, and the first `since` then.
    """

    error: str
    recovery: Recovery
    wait: int | None
    answered: bool | None = False
    failures: int | None = None
    since: int | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a source. Moments in Unix ms; `read` and `appended` count items.

    `outcome` is running, ended, failed, stopped (it was told to end, and goes on later) or cut off
    (its process was killed).
    """

    number: int
    started: int
    ended: int | None
    read: int
    appended: int
    outcome: str
    cause: Cause | None
    slot: int | None
    missed: Mapping[str, int]
    error: str | None


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What a source is like between runs. Moments in Unix ms.

    Its last run by schedule began at `ran`. Slots are accounted for up to and with `slot`;
    `missed` counts those since that run that none answered. The last `failures` runs failed, or a
    part of it so often since it answered, since `failing_since`, the last one with `error` at
    `failed_at`. With a `wait` (ms) the source runs that long after `failed_at`, whatever its slots.
    The last `unanswered` runs had no answer of any part, and the last `unread` items could not be
    read, over all runs. `warnings` are the last ones of its last run, each with when it was said.
    """

    ran: int | None = None
    slot: int | None = None
    missed: Mapping[str, int] = {}
    failures: int = 0
    error: str | None = None
    recovery: Recovery | None = None
    failing_since: int | None = None
    failed_at: int | None = None
    wait: int | None = None
    unanswered: int = 0
    unread: int = 0
    watermark: int | None = None
    budget: Budget | None = None
    warnings: Mapping[str, int] = {}


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody holds a source up, until `until` (Unix ms) or a `resume`."""

    actor: str
    why: str
    since: int
    until: int | None


class Runs:
    """The runs, conditions and pauses of all sources in the operational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, source: str, now: int, *, cause: Cause, slot: Slot | None = None) -> int:
        """A run of `source` begins, and answers `slot`; returns its number."""
        missed = json.dumps(slot.missed) if slot and slot.missed else None
        row = {"source": source, "started": now, "read": 0, "appended": 0, "outcome": "running",
               "cause": cause, "slot": slot and slot.at, "missed": missed}  # fmt: skip
        begun: dict[str, Any] = {"warnings": None}
        if cause == "schedule":
            begun |= {"ran": now, "wait": None}
        if slot:
            begun |= {"slot": slot.at, "missed": None}
        with self._engine.begin() as connection:
            if cause != "backfill":
                _change(connection, source, **begun)
            number = connection.execute(
                insert(tables.run).values(row).returning(tables.run.c.number)
            ).scalar_one()
        return int(number)

    def end(
        self, number: int, source: str, now: int, *, outcome: str, trouble: Trouble | None = None
    ) -> None:
        """The run ended, with `trouble` when it failed. A run that was stopped goes on at once
        when it may.
        """
        error = trouble and trouble.error
        with self._engine.begin() as connection:
            cause = connection.execute(
                update(tables.run)
                .where(tables.run.c.number == number)
                .values(ended=now, outcome=outcome, error=error)
                .returning(tables.run.c.cause)
            ).scalar_one()
            if cause == "backfill":
                return
            if trouble is not None:
                _note_trouble(connection, source, trouble, now)
            elif outcome == "ended":
                _note_well(connection, source)
            elif cause == "schedule":
                _change(connection, source, failed_at=now, wait=0)

    def well(self, source: str) -> None:
        """A run that does not end works again: its errors are over."""
        with self._engine.begin() as connection:
            _note_well(connection, source)

    def skip(self, source: str, seen: Condition, *, slot: int, missed: Mapping[str, int]) -> bool:
        """Slots up to and with `slot` passed and no run answers them; `missed` counts all since
        the last run. False, and nothing is written, when a run began since `seen` was read.
        """
        table = tables.condition
        here = (table.c.source == source) & (table.c.slot == seen.slot)
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(table).where(here).values(slot=slot, missed=json.dumps(missed))
            )
            return changed.rowcount > 0

    def cut_off(self, source: str, now: int, *, causes: Sequence[Cause]) -> None:
        """No process runs `source` for one of these causes now: a run that did not end was cut
        off, and one by schedule is made up for at once.
        """
        run = tables.run
        here = (run.c.source == source) & (run.c.outcome == "running")
        named = run.c.cause.in_(causes)
        with self._engine.begin() as connection:
            cut = connection.execute(
                update(run)
                .where(here, or_(named, run.c.cause.is_(None)))
                .values(outcome="cut off")
                .returning(run.c.cause)
            )
            if any(cause in ("schedule", None) for cause in cut.scalars()):
                _change(connection, source, failed_at=now, wait=0)

    def conditions(self) -> Mapping[str, Condition]:
        """What every source is like that ever ran or was to run."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.condition)).mappings()
            return {row["source"]: _condition(row) for row in rows}

    def condition(self, source: str) -> Condition:
        """What `source` is like."""
        here = select(tables.condition).where(tables.condition.c.source == source)
        with self._engine.connect() as connection:
            row = connection.execute(here).mappings().first()
        return Condition() if row is None else _condition(row)

    def last(self, source: str, *, limit: int = 50) -> list[Run]:
        """The last runs of `source`, oldest first."""
        table = tables.run
        newest = select(table).where(table.c.source == source).order_by(table.c.number.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(newest.limit(limit)).mappings().all()
        return [_run(row) for row in reversed(rows)]

    def newest(self) -> Mapping[str, Run]:
        """The last run of each source that is no backfill."""
        table = tables.run
        numbers = (
            select(func.max(table.c.number))
            .where(or_(table.c.cause != "backfill", table.c.cause.is_(None)))
            .group_by(table.c.source)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(select(table).where(table.c.number.in_(numbers))).mappings()
            return {row["source"]: _run(row) for row in rows}

    def missed(self, source: str, *, since: int) -> Mapping[str, int]:
        """How many slots no run answered, by why, of the runs that began since then."""
        table = tables.run
        here = select(table.c.missed).where(
            table.c.source == source, table.c.started >= since, table.c.missed.is_not(None)
        )
        total = Counter(self.condition(source).missed)
        with self._engine.connect() as connection:
            for missed in connection.scalars(here):
                total.update(json.loads(missed))
        return total

    def pause(self, source: str, *, actor: str, why: str, now: int, until: int | None) -> None:
        """Hold `source` up from now on; a pause before it is replaced."""
        row = {"source": source, "actor": actor, "why": why, "since": now, "until": until}
        with self._engine.begin() as connection:
            upsert(connection, tables.pause, [row], replace=["actor", "why", "since", "until"])

    def resume(self, source: str) -> bool:
        """Nobody holds `source` up any more, and what failed is tried at once; False when it was
        not paused.
        """
        with self._engine.begin() as connection:
            gone = connection.execute(
                delete(tables.pause).where(tables.pause.c.source == source)
            ).rowcount
            failing = (tables.condition.c.source == source) & (tables.condition.c.failures > 0)
            connection.execute(update(tables.condition).where(failing).values(wait=0))
        return gone > 0

    def pauses(self, now: int) -> Mapping[str, Pause]:
        """The sources that are held up now."""
        table = tables.pause.c
        here = select(tables.pause).where(or_(table.until.is_(None), table.until > now))
        with self._engine.connect() as connection:
            return {
                row.source: Pause(actor=row.actor, why=row.why, since=row.since, until=row.until)
                for row in connection.execute(here)
            }

    def forget(self, before: int) -> int:
        """Drop the runs that ended before then; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(
                delete(tables.run).where(
                    tables.run.c.started < before, tables.run.c.outcome != "running"
                )
            ).rowcount


def _change(connection: Connection, source: str, **values: Any) -> None:
    row = {"source": source, **values}
    upsert(connection, tables.condition, [row], replace=list(values))


def _note_well(connection: Connection, source: str) -> None:
    _change(connection, source, failures=0, error=None, recovery=None, failing_since=None,
            failed_at=None, wait=None, unanswered=0)  # fmt: skip


def _note_trouble(connection: Connection, source: str, trouble: Trouble, now: int) -> None:
    table = tables.condition.c
    held = connection.execute(
        select(table.failures, table.failing_since, table.unanswered).where(table.source == source)
    ).first()
    failures, since, unanswered = held or (0, None, 0)
    failures = (failures or 0) + 1 if trouble.failures is None else trouble.failures
    since = trouble.since or since or now
    unanswered = 0 if trouble.answered else (unanswered or 0) + (trouble.answered is not None)
    _change(connection, source, failures=failures, failing_since=since, failed_at=now,
            error=trouble.error, recovery=trouble.recovery, wait=trouble.wait,
            unanswered=unanswered)  # fmt: skip


def _run(row: RowMapping) -> Run:
    values: dict[str, Any] = {name: row[name] for name in Run.__struct_fields__}
    values["missed"] = json.loads(values["missed"] or "{}")
    return Run(**values)


def _condition(row: RowMapping) -> Condition:
    values: dict[str, Any] = {name: row[name] for name in Condition.__struct_fields__}
    for name in ("failures", "unanswered", "unread"):
        values[name] = values[name] or 0
    for name in ("missed", "warnings"):
        values[name] = json.loads(values[name] or "{}")
    if values["budget"] is not None:
        values["budget"] = msgspec.json.decode(values["budget"], type=Budget)
    return Condition(**values)
