"""The register of sources: who collects what, why, on which ground, until when."""

from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select, update

from privacy.tables import register
from stream.clock import Clock, to_datetime, to_milliseconds
from stream.database import alone
from stream.errors import Stop

NEVER = ("reddit", "x", "twitter", "tiktok", "meta", "facebook", "instagram", "vk", "4chan")
"""Platforms whose terms forbid collection by a public body, or where it is disproportionate."""

LONGEST_TERM = timedelta(days=366)
"""An entry is looked at again at least once a year."""


def is_never(platform: str) -> bool:
    """Whether `platform` is on the never-list."""
    return platform.casefold() in NEVER


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the register says of one source while it is open. Times in Unix ms. `platforms` and
    `opened_by` are None in what an older peil opened.
    """

    source: str
    owner: str
    purpose: str
    basis: str
    dpia: str
    obtained: str
    organisation: bool
    officer: str
    opened: int
    until: int
    platforms: tuple[str, ...] | None = None
    opened_by: str | None = None


class Register:
    """The register in the operational database. Entries are closed, never changed or removed."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def open(
        self,
        source: str,
        *,
        owner: str,
        purpose: str,
        basis: str,
        dpia: str,
        obtained: str,
        until: date,
        organisation: bool = False,
        officer: str = "",
        platforms: tuple[str, ...] = (),
        opened_by: str = "",
    ) -> Entry:
        """Open `source` in place of an older entry; Stop names all that is missing at once.

        `until` is the first day on which nothing may be collected any more. `organisation`
        says that the source is one verified organisation; `officer` is the privacy officer
        who approved a platform of the never-list, and somebody else than the owner.
        `opened_by` is who opens it: what is kept is theirs to answer for, whatever the
        source's file declares.
        """
        now = self._clock.now()
        today = to_datetime(now).date()
        stated = {
            "owner": owner,
            "purpose": purpose,
            "basis": basis,
            "dpia": dpia,
            "obtained": obtained,
        }
        wrong = [f"--{name} is empty" for name, value in stated.items() if not value.strip()]
        if until <= today:
            wrong.append(f"--until {until} is not in the future")
        elif until - today > LONGEST_TERM:
            wrong.append(f"--until {until} is more than a year away: look at it again by then")
        forbidden = sorted(set(filter(is_never, platforms)))
        if forbidden and not officer.strip():
            wrong.append(
                f"{', '.join(forbidden)} is on the never-list (docs/sources.md): name the privacy "
                "officer who approved it with --officer"
            )
        if officer.strip() and officer.strip().casefold() == owner.strip().casefold():
            wrong.append("--officer is the owner: the privacy officer is somebody else")
        if wrong:
            raise Stop(f"source {source} cannot be opened: {'; '.join(wrong)}")
        midnight = to_milliseconds(
            to_datetime(now).replace(
                year=until.year, month=until.month, day=until.day,
                hour=0, minute=0, second=0, microsecond=0,
            )
        )  # fmt: skip
        entry = Entry(
            source=source,
            owner=owner,
            purpose=purpose,
            basis=basis,
            dpia=dpia,
            obtained=obtained,
            organisation=organisation,
            officer=officer,
            opened=now,
            until=midnight,
            platforms=platforms,
            opened_by=opened_by,
        )
        with alone(self._engine, "register") as connection:
            self._close(connection, source)
            row = {**msgspec.structs.asdict(entry), "platforms": " ".join(platforms)}
            connection.execute(insert(register).values(**row))
        return entry

    def close(self, source: str) -> bool:
        """Nothing is collected from `source` from now on; False when it was not open."""
        with self._engine.begin() as connection:
            return self._close(connection, source)

    def _close(self, connection: Connection, source: str) -> bool:
        result = connection.execute(
            update(register)
            .where(register.c.source == source, register.c.closed.is_(None))
            .values(closed=self._clock.now())
        )
        return result.rowcount > 0

    def entry(self, source: str) -> Entry:
        """The open entry of `source`; Stop with the command to run when there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(register)
                .where(register.c.source == source, register.c.closed.is_(None))
                .order_by(register.c.number.desc())
            ).first()
        if row is None:
            raise Stop(
                f"source {source} is not open in the register, so nothing may be collected from "
                f"it; open it with: peil sources open {source}"
            )
        if row.until <= self._clock.now():
            raise Stop(
                f"the register's entry of source {source} ended on "
                f"{to_datetime(row.until).date()}; look at it again and renew it with: "
                f"peil sources open {source}"
            )
        return _entry(row)

    def entries(self) -> list[Entry]:
        """Every entry that is not closed, expired ones included."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(register).where(register.c.closed.is_(None)).order_by(register.c.source)
            )
            return [_entry(row) for row in rows]


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        source=row.source,
        owner=row.owner,
        purpose=row.purpose,
        basis=row.basis,
        dpia=row.dpia,
        obtained=row.obtained,
        organisation=row.organisation,
        officer=row.officer,
        opened=row.opened,
        until=row.until,
        platforms=None if row.platforms is None else tuple(row.platforms.split()),
        opened_by=row.opened_by,
    )
