"""What was erased and must not come back: by replay, by a late post, by a restored backup; and
who objected, so that nothing of theirs is taken in at all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import Column, Engine, Table, bindparam, delete, select, update

from privacy.tables import erased_author, erased_post, objection
from stream.batches import batched
from stream.database import among, upsert
from stream.version import MAX_REV, rev_of

KEYS_AT_ONCE = 500
ROWS_AT_ONCE = 10_000


class Erasable(Protocol):
    """What the ledger has to know of a post."""

    @property
    def id(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def version(self) -> int: ...


Post = TypeVar("Post", bound=Erasable)


class Pending(NamedTuple):
    """Entries that were not looked up in the log yet: ids with their version, authors with their
    rev.
    """

    posts: Mapping[str, int]
    authors: Mapping[str, int]


def is_erased(post: Erasable, ids: Mapping[str, int], authors: Mapping[str, int]) -> bool:
    """Whether `post` is erased in the version it has here, by ids with the version and authors
    with the rev up to which they are.
    """
    return post.version <= ids.get(post.id, -1) or rev_of(post.version) <= authors.get(
        post.author, -1
    )


class Ledger:
    """The ledger in the operational database. Adding the same thing twice changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_posts(self, posts: Mapping[str, int], *, until: int) -> None:
        """These ids are erased up to their version (inclusive); remembered to `until`."""
        if not posts:
            return
        rows = [
            {"id": key, "up_to_version": version, "until": until, "pending": True}
            for key, version in posts.items()
        ]
        with self._engine.begin() as connection:
            upsert(
                connection,
                erased_post,
                rows,
                replace=["up_to_version", "pending"],
                largest=["until"],
                newest="up_to_version",
            )

    def add_authors(self, authors: Sequence[str], *, up_to_rev: int = MAX_REV, until: int) -> None:
        """Everything of these pseudonyms is erased up to `up_to_rev` (Unix ms, inclusive)."""
        rows = [
            {"author": author, "up_to_rev": up_to_rev, "until": until, "pending": True}
            for author in authors
        ]
        with self._engine.begin() as connection:
            upsert(
                connection,
                erased_author,
                rows,
                replace=["up_to_rev", "pending"],
                largest=["until"],
                newest="up_to_rev",
            )

    def object(self, account: str, *, since: int) -> None:
        """Nothing of `account` (`KeyRing.objection`) is taken in from `since` (Unix ms) on,
        without an end.
        """
        with self._engine.begin() as connection:
            upsert(connection, objection, [{"account": account, "since": since}])

    def objected(self, accounts: Collection[str]) -> frozenset[str]:
        """Those of `accounts` that objected."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for some in batched(sorted(accounts), KEYS_AT_ONCE):
                here = among(connection, objection.c.account, some)
                statement = select(objection.c.account).where(here)
                found.update(connection.scalars(statement))
        return frozenset(found)

    def blocked(self, posts: Sequence[Erasable]) -> frozenset[str]:
        """The ids of those posts that are erased in the version they have here."""
        return frozenset(post.id for post in self.erased(posts))

    def erased(self, posts: Sequence[Post]) -> list[Post]:
        """Those of `posts`, in their order, that are erased in the version they have here."""
        ids = self.deleted([post.id for post in posts])
        authors = self.gone(post.author for post in posts)
        return [post for post in posts if is_erased(post, ids, authors)]

    def deleted(self, ids: Iterable[str]) -> Mapping[str, int]:
        """Those of `ids` that are erased, each with the version up to which it is."""
        return self._up_to(erased_post.c.id, erased_post.c.up_to_version, ids)

    def gone(self, authors: Iterable[str]) -> Mapping[str, int]:
        """Those of `authors` that are erased, each with the rev up to which they are."""
        return self._up_to(erased_author.c.author, erased_author.c.up_to_rev, authors)

    def _up_to(
        self, key: Column[str], up_to: Column[int], names: Iterable[str]
    ) -> Mapping[str, int]:
        found: dict[str, int] = {}
        with self._engine.connect() as connection:
            for some in batched(sorted(set(names)), KEYS_AT_ONCE):
                here = select(key, up_to).where(among(connection, key, some))
                found.update((name, value) for name, value in connection.execute(here))
        return found

    def posts(self) -> Iterator[tuple[str, int]]:
        """Every erased id with the version up to which it is."""
        return self._all(erased_post.c.id, erased_post.c.up_to_version)

    def authors(self) -> Iterator[tuple[str, int]]:
        """Every erased pseudonym with the rev up to which it is."""
        return self._all(erased_author.c.author, erased_author.c.up_to_rev)

    def _all(self, key: Column[str], up_to: Column[int]) -> Iterator[tuple[str, int]]:
        """In the order of their names; nothing stays open in the database while who asks takes
        their time.
        """
        after = ""
        while True:
            following = select(key, up_to).where(key > after).order_by(key).limit(ROWS_AT_ONCE)
            with self._engine.connect() as connection:
                rows = connection.execute(following).all()
            yield from ((name, value) for name, value in rows)
            if len(rows) < ROWS_AT_ONCE:
                return
            after = rows[-1][0]

    def pending(self, limit: int) -> Pending:
        """At most `limit` ids and as many authors that were added, or added again, and not settled
        since.
        """
        return Pending(
            self._pending(erased_post.c.id, erased_post.c.up_to_version, limit),
            self._pending(erased_author.c.author, erased_author.c.up_to_rev, limit),
        )

    def _pending(self, key: Column[str], up_to: Column[int], limit: int) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            here = select(key, up_to).where(key.table.c.pending).limit(limit)
            return {name: value for name, value in connection.execute(here)}  # noqa: C416  (typed)

    def settle(self, done: Pending) -> None:
        """Every record that these entries erase is erased in the log; whoever has a newer version
        or rev by now stays pending.
        """
        self._settle(erased_post, "id", "up_to_version", done.posts)
        self._settle(erased_author, "author", "up_to_rev", done.authors)

    def _settle(self, table: Table, key: str, up_to: str, done: Mapping[str, int]) -> None:
        here = (table.c[key] == bindparam("name")) & (table.c[up_to] == bindparam("value"))
        statement = update(table).where(here).values(pending=False)
        for some in batched(sorted(done.items()), KEYS_AT_ONCE):
            with self._engine.begin() as connection:
                connection.execute(statement, [{"name": each, "value": up} for each, up in some])

    def reopen(self) -> None:
        """Every entry is pending again, as after a backup was restored."""
        with self._engine.begin() as connection:
            for table in (erased_post, erased_author):
                connection.execute(update(table).values(pending=True))

    def expire(self, now: int) -> int:
        """Forget what can no longer come back; returns how many entries."""
        with self._engine.begin() as connection:
            return sum(
                connection.execute(delete(table).where(table.c.until <= now)).rowcount
                for table in (erased_post, erased_author)
            )
