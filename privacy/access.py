"""Who read what and why: append-only, chained by hashes, anchored outside the database.

The fields are those of the Dutch Logboek Dataverwerkingen. The words of a query are encrypted
under a key per month; destroying that key at its term makes them unreadable and leaves the
chain whole.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, Row, func, insert, select

from privacy.keys import KeyRing, destroy_file
from privacy.tables import access
from stream.clock import DAY_MS, Clock, to_datetime
from stream.database import alone
from stream.errors import Stop
from stream.files import replace

ANCHOR = "access.head"
LOCK = "access.lock"
START = "0" * 64
NONCE_BYTES = 12
ROWS_AT_ONCE = 1_000


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `payload` holds the query's words, None once their key is destroyed."""

    number: int
    at: int
    actor: str
    purpose: str
    action: str
    outcome: str
    payload: str | None


class TooOften(Stop):
    """Somebody did something as often as may be in 24 hours; nothing was written."""


class AccessLog:
    """The access log in the operational database, its keys and its anchor in `folder`."""

    def __init__(self, engine: Engine, *, keys: KeyRing, folder: Path, clock: Clock) -> None:
        self._engine = engine
        self._keys = keys
        self._folder = folder
        self._clock = clock

    def append(
        self,
        *,
        actor: str,
        purpose: str,
        action: str,
        payload: str,
        outcome: str = "answered",
        at_most: int | None = None,
    ) -> int:
        """Write an entry, durable on return; returns its number. Raises on any failure, so what
        cannot be logged is not done. TooOften when `actor` did this `at_most` times in the last
        24 hours already, also when many ask at once, in whatever processes.
        """
        self._read_anchor()  # one that is damaged stops it here, before anything is written
        at = self._clock.now()
        fields = {
            "at": at,
            "actor": actor,
            "purpose": purpose,
            "action": action,
            "outcome": outcome,
            "payload": self._encrypt(at, payload),
        }
        with alone(self._engine, "access") as connection:  # the chain has one end
            if at_most is not None and _recent(connection, actor, action, now=at) >= at_most:
                raise TooOften(f"{actor}: {action} {at_most} times in 24 hours")
            last = connection.execute(
                select(access.c.number, access.c.digest).order_by(access.c.number.desc()).limit(1)
            ).first()
            number, previous = (1, START) if last is None else (last.number + 1, last.digest)
            digest = _digest(number, previous, fields)
            connection.execute(
                insert(access).values(number=number, previous=previous, digest=digest, **fields)
            )
        self._anchor(number, digest)
        return number

    def verify(self, *, known: Mapping[int, str] = MappingProxyType({})) -> list[str]:
        """What is wrong with the chain: nothing, or where it was changed, cut or reordered.

        `known` are digests of entries that somebody wrote down elsewhere: who could change both
        the database and the anchor could not change those.
        """
        problems: list[str] = []
        expected, previous = 1, START
        anchor = None
        try:
            anchor = self._read_anchor()  # before the entries: they only grow meanwhile
            missing = anchor is None
        except Stop as error:
            problems.append(str(error))
            missing = False
        named = [(number, digest, "that was noted elsewhere") for number, digest in known.items()]
        if anchor is not None:
            named.append((*anchor, "which the anchor names"))
        numbers = {number for number, _, _ in named}
        found: dict[int, str] = {}
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(access).order_by(access.c.number),
                execution_options={"yield_per": ROWS_AT_ONCE},
            )
            for row in rows:
                fields = {
                    "at": row.at,
                    "actor": row.actor,
                    "purpose": row.purpose,
                    "action": row.action,
                    "outcome": row.outcome,
                    "payload": row.payload,
                }
                if row.number != expected:
                    problems.append(f"entries {expected} to {row.number - 1} are missing")
                elif row.previous != previous:
                    problems.append(f"entry {row.number} does not follow the one before it")
                if row.digest != _digest(row.number, row.previous, fields):
                    problems.append(f"entry {row.number} was changed")
                expected, previous = row.number + 1, row.digest
                if row.number in numbers:
                    found[row.number] = row.digest
        if missing and (expected > 1 or any(self._folder.glob("access-*.key"))):
            problems.append(f"the anchor {self._folder / ANCHOR} is missing")
        problems += [
            f"entry {number}, {said}, is not there as it was"
            for number, digest, said in named
            if found.get(number) != digest
        ]
        return problems

    def head(self) -> tuple[int, str]:
        """The last entry's number and digest, to be noted elsewhere; number 0 without entries."""
        newest = select(access.c.number, access.c.digest).order_by(access.c.number.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(newest).first()
        return (0, START) if row is None else (row.number, row.digest)

    def entries(self) -> Iterator[Access]:
        """Every entry, oldest first."""
        last = 0
        while rows := self._after(last):
            last = rows[-1].number
            for row in rows:
                yield Access(
                    number=row.number,
                    at=row.at,
                    actor=row.actor,
                    purpose=row.purpose,
                    action=row.action,
                    outcome=row.outcome,
                    payload=self._decrypt(row.at, row.payload),
                )

    def _after(self, number: int) -> Sequence[Row[Any]]:
        """The next entries; nothing stays open in the database while a reader takes its time."""
        following = select(access).where(access.c.number > number).order_by(access.c.number)
        with self._engine.connect() as connection:
            return connection.execute(following.limit(ROWS_AT_ONCE)).all()

    def shred(self, *, now: int, days: int) -> int:
        """Destroy the keys of payloads older than `days`; returns how many months went."""
        oldest = _month(now - days * DAY_MS)
        keys = [path for path in self._folder.glob("access-*.key") if path.stem < oldest]
        for path in keys:
            destroy_file(path)
        return len(keys)

    def _encrypt(self, at: int, payload: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self._keys.key(_month(at))).encrypt(nonce, payload.encode(), None)

    def _decrypt(self, at: int, payload: bytes) -> str | None:
        name = _month(at)
        if not (self._folder / f"{name}.key").exists():
            return None
        try:
            plain = AESGCM(self._keys.key(name)).decrypt(
                payload[:NONCE_BYTES], payload[NONCE_BYTES:], None
            )
        except InvalidTag:
            return None
        return plain.decode()

    def _anchor(self, number: int, digest: str) -> None:
        """Move the anchor on. One at a time: between reading and replacing, another process or
        thread could set a later one, which this one would take back.
        """
        lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the operating system lets go when a process dies
            held = self._read_anchor()
            if held is None or held[0] < number:
                self._write_anchor(number, digest)
        finally:
            os.close(lock)

    def _write_anchor(self, number: int, digest: str) -> None:
        replace(self._folder / ANCHOR, f"{number} {digest}\n".encode())

    def _read_anchor(self) -> tuple[int, str] | None:
        """The entry that the anchor names; None without an anchor, Stop when it is damaged."""
        path = self._folder / ANCHOR
        try:
            number, digest = path.read_text().split()
            return int(number), digest
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Stop(
                f"the anchor {path} is damaged: it names no entry of the access log. Put back a "
                "copy of it, or hold the log against a head that was noted elsewhere (`peil "
                "access verify --head`) and remove the file: the next entry makes a new one"
            ) from error


def _recent(connection: Connection, actor: str, action: str, *, now: int) -> int:
    """How often `actor` did this in the 24 hours before `now`."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(access)
            .where(access.c.actor == actor, access.c.action == action, access.c.at > now - DAY_MS)
        ).scalar_one()
    )


def _month(at: int) -> str:
    return f"access-{to_datetime(at):%Y-%m}"


def _digest(number: int, previous: str, fields: Mapping[str, object]) -> str:
    plain = [number, previous, *(_plain(fields[name]) for name in sorted(fields))]
    return hashlib.sha256(json.dumps(plain, ensure_ascii=True).encode()).hexdigest()


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
