"""Sessions: who is in, since when, for which purpose.

The browser has an opaque token, the database its hash. A new token is made at each step that
gives more rights, so that nobody's session is one that somebody else began.
"""

import hashlib
import hmac
import secrets

import msgspec
from sqlalchemy import Engine, Row, delete, insert, or_, select, update

from dashboard.accounts import Identity, Way, roles_of
from dashboard.roles import LOCAL_ROLES, Role
from dashboard.settings import DashboardSettings
from dashboard.site import Site
from dashboard.tables import account, link, session
from stream.clock import HOUR_MS, MINUTE_MS, Clock

TOKEN_BYTES = 32
LINK_MS = 10 * MINUTE_MS
NOTED_MS = MINUTE_MS
"""That somebody was active is written down once in so long; a session may end so much earlier."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session. `purpose` is None until one is chosen."""

    account: str
    way: Way
    roles: frozenset[Role]
    purpose: str | None


class Sessions:
    """The sessions in the operational database. Threads may share it.

    `local` says that only one's own machine can come here: one-time links let in nowhere else.
    """

    def __init__(
        self, engine: Engine, *, clock: Clock, idle_minutes: int, hours: int, local: bool
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._idle_ms = idle_minutes * MINUTE_MS
        self._longest_ms = hours * HOUR_MS
        self._local = local

    def begin(self, identity: Identity) -> str:
        """A new session without a purpose; returns its token. What is over its time goes."""
        token = new_token()
        now = self._clock.now()
        idle = now - self._idle_ms
        with self._engine.begin() as connection:
            over = or_(session.c.until <= now, session.c.seen <= idle)
            connection.execute(delete(session).where(over))
            connection.execute(
                insert(session).values(
                    digest=_digest(token),
                    account=identity.account,
                    way=identity.way,
                    purpose=None,
                    started=now,
                    seen=now,
                    until=now + self._longest_ms,
                )
            )
        return token

    def find(self, token: str, *, touch: bool = True) -> Session | None:
        """The session of that token, while it is open and its account may enter. With `touch`
        somebody is active, and it stays open.
        """
        now = self._clock.now()
        mine = session.c.digest == _digest(token)
        with self._engine.connect() as connection:
            row = connection.execute(
                select(session, account.c.roles)
                .outerjoin(
                    account,
                    (account.c.name == session.c.account) & account.c.removed.is_(None),
                )
                .where(mine)
            ).first()
        if row is None or now >= row.until or now - row.seen >= self._idle_ms:
            return None
        roles = self._roles(row)
        if not roles:
            return None
        if touch and now - row.seen >= NOTED_MS:
            with self._engine.begin() as connection:
                later = update(session).where(mine, session.c.seen < now).values(seen=now)
                connection.execute(later)
        return Session(account=row.account, way=row.way, roles=roles, purpose=row.purpose)

    def choose(self, token: str, purpose: str) -> str | None:
        """The session goes on with `purpose` under a new token; None when it is not open."""
        if self.find(token) is None:
            return None
        fresh = new_token()
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(session)
                .where(session.c.digest == _digest(token))
                .values(digest=_digest(fresh), purpose=purpose, seen=self._clock.now())
            )
        return fresh if changed.rowcount else None

    def end(self, token: str) -> None:
        """Close the session of that token; harmless when there is none."""
        with self._engine.begin() as connection:
            connection.execute(delete(session).where(session.c.digest == _digest(token)))

    def end_all(self, name: str) -> int:
        """Close every session of an account, as after a reset; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(delete(session).where(session.c.account == name)).rowcount

    def offer(self, name: str) -> str:
        """What stands in a one-time link that lets `name` in, within ten minutes."""
        secret = new_token()
        now = self._clock.now()
        with self._engine.begin() as connection:
            connection.execute(delete(link).where(link.c.until <= now))
            connection.execute(
                insert(link).values(digest=_digest(secret), account=name, until=now + LINK_MS)
            )
        return secret

    def redeem(self, secret: str) -> Identity | None:
        """Whom that link lets in: once, and on one's own machine only."""
        if not self._local:
            return None
        mine = link.c.digest == _digest(secret)
        now = self._clock.now()
        with self._engine.begin() as connection:
            row = connection.execute(select(link).where(mine, link.c.until > now)).first()
            # Of two that come at once, one removes it.
            if row is None or connection.execute(delete(link).where(mine)).rowcount == 0:
                return None
        return Identity(account=row.account, way="link")

    def _roles(self, row: Row[tuple[object, ...]]) -> frozenset[Role]:
        if row.way == "link":
            return LOCAL_ROLES if self._local else frozenset()
        return roles_of(row.roles or "")


def open_sessions(settings: DashboardSettings, *, engine: Engine, clock: Clock) -> Sessions:
    """The sessions as these settings have them."""
    return Sessions(
        engine,
        clock=clock,
        idle_minutes=settings.idle_minutes,
        hours=settings.session_hours,
        local=Site.of(settings).is_local,
    )


def new_token() -> str:
    """What nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def csrf_of(token: str) -> str:
    """What a form of the session with `token` has in it: only a page of this site can know. It
    needs no place of its own, and gives the token not away.
    """
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
