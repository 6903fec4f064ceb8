"""What was erased and must not come back: by replay, by a late post, by a restored backup; and
who objected, so that nothing of theirs is taken in at all.
"""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.sqlite import insert

from privacy.tables import erased_author, erased_post, objection
from stream.post import Post
from stream.version import MAX_REV, rev_of

KEYS_AT_ONCE = 500


class Ledger:
    """The ledger in the operational database. Adding the same thing twice changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_post(self, post_id: str, *, up_to_version: int, until: int) -> None:
        """Post `post_id` is erased up to `up_to_version` (inclusive); remembered to `until`."""
        statement = insert(erased_post).values(id=post_id, up_to_version=up_to_version, until=until)
        newer = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[erased_post.c.id],
            set_={"up_to_version": newer.up_to_version, "until": newer.until},
            where=newer.up_to_version >= erased_post.c.up_to_version,
        )
        with self._engine.begin() as connection:
            connection.execute(statement)

    def add_authors(self, authors: Sequence[str], *, up_to_rev: int = MAX_REV, until: int) -> None:
        """Everything of these pseudonyms is erased up to `up_to_rev` (Unix ms, inclusive)."""
        statement = insert(erased_author)
        newer = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[erased_author.c.author],
            set_={"up_to_rev": newer.up_to_rev, "until": newer.until},
            where=newer.up_to_rev >= erased_author.c.up_to_rev,
        )
        with self._engine.begin() as connection:
            connection.execute(
                statement,
                [{"author": author, "up_to_rev": up_to_rev, "until": until} for author in authors],
            )

    def object(self, account: str, *, since: int) -> None:
        """Nothing of `account` (`KeyRing.objection`) is taken in from `since` (Unix ms) on,
        without an end.
        """
        statement = insert(objection).values(account=account, since=since)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def objected(self, accounts: Collection[str]) -> frozenset[str]:
        """Those of `accounts` that objected."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for some in _chunks(sorted(accounts)):
                statement = select(objection.c.account).where(objection.c.account.in_(some))
                found.update(connection.scalars(statement))
        return frozenset(found)

    def blocked(self, posts: Sequence[Post]) -> frozenset[str]:
        """The ids of those posts that are erased in the version they have here."""
        ids: dict[str, int] = {}
        authors: dict[str, int] = {}
        with self._engine.connect() as connection:
            for some in _chunks(sorted({post.id for post in posts})):
                rows = connection.execute(
                    select(erased_post.c.id, erased_post.c.up_to_version).where(
                        erased_post.c.id.in_(some)
                    )
                )
                ids.update((key, version) for key, version in rows)
            for some in _chunks(sorted({post.author for post in posts})):
                rows = connection.execute(
                    select(erased_author.c.author, erased_author.c.up_to_rev).where(
                        erased_author.c.author.in_(some)
                    )
                )
                authors.update((author, rev) for author, rev in rows)
        return frozenset(
            post.id
            for post in posts
            if post.version <= ids.get(post.id, -1)
            or rev_of(post.version) <= authors.get(post.author, -1)
        )

    def posts(self) -> Iterator[tuple[str, int]]:
        """Every erased id with the version up to which it is."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(erased_post.c.id, erased_post.c.up_to_version))
            yield from ((key, version) for key, version in rows)

    def authors(self) -> Iterator[tuple[str, int]]:
        """Every erased pseudonym with the rev up to which it is."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(erased_author.c.author, erased_author.c.up_to_rev))
            yield from ((author, rev) for author, rev in rows)

    def expire(self, now: int) -> int:
        """Forget what can no longer come back; returns how many entries."""
        with self._engine.begin() as connection:
            return sum(
                connection.execute(delete(table).where(table.c.until <= now)).rowcount
                for table in (erased_post, erased_author)
            )


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), KEYS_AT_ONCE):
        yield values[start : start + KEYS_AT_ONCE]
