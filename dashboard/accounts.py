"""Accounts of one's own: names, passwords under argon2id, and roles."""

import re
import secrets
import unicodedata
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Final, Literal

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Engine, insert, select, update

from dashboard.roles import APART, Role
from dashboard.tables import account
from stream.clock import Clock
from stream.database import alone
from stream.errors import Retry, Stop

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SHORTEST = 15
"""Characters, where a password is all that is asked (NIST SP 800-63B-4, section 3.1.1.2)."""

LONGEST = 1_000
FEWEST_DIFFERENT = 6
AT_ONCE = 2
"""Passwords that are hashed at the same time: each takes 64 MiB and a core for a moment."""

LONGEST_TURN = 5
"""Seconds that somebody waits for the turn."""

NO_PASSWORD: Final = ""
"""In place of a hash: the account was removed, and nothing verifies against it."""

Way = Literal["password", "link"]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, once it is shown: what a way in ends with, and a session begins with. A
    further way gives one too; a second step stands between it and the session.
    """

    account: str
    way: Way


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as an administrator sees it."""

    name: str
    roles: frozenset[Role]
    created: int


class Accounts:
    """The accounts in the operational database. Threads may share it."""

    def __init__(
        self, engine: Engine, *, clock: Clock, hasher: PasswordHasher | None = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._turn = BoundedSemaphore(AT_ONCE)
        # What the password of a name that nobody has is compared with, in the same time.
        self._nobodys = self._hasher.hash(secrets.token_hex())

    def add(self, name: str, password: str, roles: Collection[Role]) -> None:
        """A new account; Stop when the name, the password or the roles will not do. The name of
        an account that was removed is not given again: it stands in the access log.
        """
        if not NAME.fullmatch(name):
            raise Stop(
                f"{name!r} cannot be a name: write small letters, digits, points, hyphens and "
                "underscores, 64 at most"
            )
        check_roles(roles)
        digest = self._hash(name, password)
        with alone(self._engine, "accounts") as connection:
            taken = select(account.c.removed).where(account.c.name == name)
            held = connection.execute(taken).first()
            if held is not None:
                was = "was there before and is" if held.removed is not None else "is there and"
                raise Stop(f"account {name} {was} not made anew; choose another name")
            connection.execute(
                insert(account).values(
                    name=name, password=digest, roles=_written(roles), created=self._clock.now()
                )
            )

    def set_roles(self, name: str, roles: Collection[Role]) -> None:
        """The roles of an account from the next request on; Stop when there is no such."""
        check_roles(roles)
        self._change(name, roles=_written(roles))

    def reset(self, name: str, password: str) -> None:
        """A new password; Stop when there is no such account or it will not do. Its sessions are
        to be ended by whoever calls.
        """
        self._change(name, password=self._hash(name, password))

    def remove(self, name: str) -> None:
        """The account may not enter any more; its name and what it read stay in the access log."""
        self._change(name, password=NO_PASSWORD, roles="", removed=self._clock.now())

    def everyone(self) -> Sequence[Account]:
        """All that may enter, by name."""
        there = select(account).where(account.c.removed.is_(None)).order_by(account.c.name)
        with self._engine.connect() as connection:
            return [
                Account(name=row.name, roles=roles_of(row.roles), created=row.created)
                for row in connection.execute(there)
            ]

    def exists(self, name: str) -> bool:
        """Whether that account may enter."""
        there = select(account.c.name).where(account.c.name == name, account.c.removed.is_(None))
        with self._engine.connect() as connection:
            return connection.execute(there).first() is not None

    def verify(self, name: str, password: str) -> Identity | None:
        """Who that is, or None: in the same time for a name that there is and one that there is
        not, and for both the same answer. Blocks for as long as hashing takes; Retry when too many
        wait for that.
        """
        there = select(account.c.password).where(
            account.c.name == name, account.c.removed.is_(None)
        )
        with self._engine.connect() as connection:
            row = connection.execute(there).first()
        digest = self._nobodys if row is None else str(row.password)
        given = _normal(password[:LONGEST])
        with self._hashing():
            try:
                self._hasher.verify(digest, given)
            except VerifyMismatchError:
                return None
        if row is None or len(password) > LONGEST:
            return None
        if self._hasher.check_needs_rehash(digest):  # what is thought safe grows over the years
            fresh = self._hasher.hash(given)
            with self._engine.begin() as connection:
                connection.execute(
                    update(account)
                    .where(account.c.name == name, account.c.password == digest)
                    .values(password=fresh)
                )
        return Identity(account=name, way="password")

    def _hash(self, name: str, password: str) -> str:
        normal = _normal(password)
        if not SHORTEST <= len(normal) <= LONGEST:
            raise Stop(
                f"the password has {len(normal)} characters; {SHORTEST} at least: four or five "
                "words that do not belong together are easy to remember"
            )
        if len(set(normal)) < FEWEST_DIFFERENT or name in normal.casefold():
            raise Stop("the password is the name or nearly one letter; four or five words will do")
        with self._hashing():
            return self._hasher.hash(normal)

    @contextmanager
    def _hashing(self) -> Generator[None]:
        """One's turn to hash; Retry when too many wait, so that they keep nobody from reading."""
        if not self._turn.acquire(timeout=LONGEST_TURN):
            raise Retry("too many people log in at this moment; try again", after=LONGEST_TURN)
        try:
            yield
        finally:
            self._turn.release()

    def _change(self, name: str, **values: object) -> None:
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.name == name, account.c.removed.is_(None))
                .values(**values)
            )
        if changed.rowcount == 0:
            raise Stop(f"there is no account {name}; `peil users list` shows who there is")


def check_roles(roles: Collection[Role]) -> None:
    """Stop when an account may not have these `roles`."""
    if not roles:
        raise Stop(f"name a role at least: {', '.join(Role)}")
    for apart in APART:
        if apart <= set(roles):
            both = " and ".join(sorted(apart))
            raise Stop(
                f"one account may not be {both}: the one looks after the other. Make two "
                "accounts, for two people if you can"
            )


def roles_of(written: str) -> frozenset[Role]:
    """The roles as they stand in the table; one of another release gives nothing here."""
    return frozenset(role for role in Role if role.value in written.split())


def _written(roles: Collection[Role]) -> str:
    return " ".join(sorted(roles))


def _normal(password: str) -> str:
    """The same letters, however the keyboard made them (NFKC, as NIST SP 800-63B-4 has it)."""
    return unicodedata.normalize("NFKC", password)
