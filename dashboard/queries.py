"""The words of queries behind ids: an address stands in histories and in logs of proxies, and
what somebody looked for must not.
"""

import secrets

import msgspec
from sqlalchemy import Engine, delete, exists, insert, select

from dashboard.errors import Refused
from dashboard.tables import saved_search, stored_query
from stream.clock import Clock

ID_BYTES = 9
MOST_WORDS = 20_000
MOST_SAVED = 200
MOST_TITLE, MOST_QUERY, MOST_NOTE = 200, 2_000, 2_000
"""Characters of a saved search."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A search that its reader keeps. `query` is the part of its address after the `?`."""

    id: str
    title: str
    query: str
    note: str
    until: int
    created: int


class Queries:
    """Words by id, and what readers saved. Safe to share between threads."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def keep(self, words: str, *, account: str) -> str:
        """The id of these words; the same reader gets the same one again."""
        if len(words) > MOST_WORDS:
            raise Refused(
                "a query of %(length)s characters is too long: %(most)s at most; put long lists of "
                "words in config/lists",
                length=len(words),
                most=MOST_WORDS,
            )
        table = stored_query.c
        with self._engine.begin() as connection:
            known = connection.execute(
                select(table.id).where(table.words == words, table.account == account)
            ).scalar()
            if known is not None:
                return str(known)
            name = secrets.token_urlsafe(ID_BYTES)
            connection.execute(
                insert(stored_query).values(
                    id=name, words=words, account=account, created=self._clock.now()
                )
            )
            return name

    def words(self, id: str) -> str | None:  # noqa: A002  (that is what it is)
        """The words behind `id`, whoever wrote them; None when there is no such."""
        with self._engine.connect() as connection:
            found = connection.execute(select(stored_query.c.words).where(stored_query.c.id == id))
            words = found.scalar()
        return None if words is None else str(words)

    def forget(self, before: int) -> int:
        """Forget words that were kept before then (Unix ms), but for those of a saved search that
        is not over; returns how many. Whoever keeps house calls it.
        """
        searched = exists().where(
            saved_search.c.until > self._clock.now(),
            saved_search.c.query.contains(stored_query.c.id, autoescape=False),
        )
        old = delete(stored_query).where(stored_query.c.created < before, ~searched)
        with self._engine.begin() as connection:
            return connection.execute(old).rowcount

    def save(self, account: str, *, title: str, query: str, note: str, until: int) -> str:
        """Keep a search until then (Unix ms)."""
        if not title.strip():
            raise Refused("a saved search needs a title")
        if len(self.saved(account)) >= MOST_SAVED:
            raise Refused("you have %(most)s saved searches: remove one first", most=MOST_SAVED)
        name = secrets.token_urlsafe(ID_BYTES)
        with self._engine.begin() as connection:
            connection.execute(
                insert(saved_search).values(
                    id=name,
                    account=account,
                    title=title.strip()[:MOST_TITLE],
                    query=query[:MOST_QUERY],
                    note=note.strip()[:MOST_NOTE],
                    until=until,
                    created=self._clock.now(),
                )
            )
        return name

    def saved(self, account: str) -> list[Saved]:
        """The reader's own, the newest first; what is over its end is gone."""
        table = saved_search.c
        with self._engine.begin() as connection:
            connection.execute(delete(saved_search).where(table.until <= self._clock.now()))
            rows = connection.execute(
                select(saved_search)
                .where(table.account == account)
                .order_by(table.created.desc(), table.id)
            )
            return [
                Saved(
                    id=row.id, title=row.title, query=row.query, note=row.note,
                    until=row.until, created=row.created,
                )
                for row in rows
            ]  # fmt: skip

    def remove(self, account: str, id: str) -> bool:  # noqa: A002  (the same)
        """Forget one of the reader's own; False when there is no such."""
        mine = (saved_search.c.account == account, saved_search.c.id == id)
        with self._engine.begin() as connection:
            return connection.execute(delete(saved_search).where(*mine)).rowcount > 0
