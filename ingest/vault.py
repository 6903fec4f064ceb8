"""The re-check vault: where a post stands on its platform, to find out that it was deleted.

A reference is sealed under its source's own key and bound to its row. Only a collector that is
about to ask its platform gets it back; there is no way to show one to a person.
"""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, delete, select, tuple_, update

from ingest.contract import Rechecking, Reference, Standing
from ingest.tables import reference
from privacy.keys import KeyRing
from stream.clock import DAY_MS, HOUR_MS
from stream.database import upsert
from stream.post import RawPost

NONCE_BYTES = 12
ROWS_AT_ONCE = 10_000
BETWEEN_MS = DAY_MS
"""A platform is asked about a post once a day; what is missing twice in a row is gone."""

PUT_OFF_MS = HOUR_MS
"""What was not asked because its server wants to be left alone is due again after so long."""


class Due(msgspec.Struct, frozen=True):
    """A post that is to be asked about; it was added to the vault at `added` (Unix ms)."""

    id: str
    reference: Reference
    missing: bool
    added: int


class Vault:
    """The references of all sources in the operational database, each with its end."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys

    def add(
        self,
        source: str,
        posts: Iterable[RawPost],
        *,
        collector: Rechecking,
        admitted: Collection[str],
        now: int,
        until: int,
    ) -> None:
        """Keep the references of those `posts` whose ids were `admitted`, to `until` (Unix ms)."""
        rows = [
            {"source": source, "id": key, "sealed": self._seal(source, key, found),
             "until": until, "added": now, "asked": now, "missing": False}
            for post in posts
            if (key := self._keys.post_id(post.platform, post.native_id)) in admitted
            and (found := collector.reference(post)) is not None
        ]  # fmt: skip
        if not rows:
            return
        with self._engine.begin() as connection:
            # An edit never prolongs: the end stays what it was.
            upsert(connection, reference, rows, replace=["sealed"])

    def due(self, source: str, *, now: int, limit: int) -> Sequence[Due]:
        """What of `source` was not asked about for a day, the longest ago first."""
        table = reference.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table.id, table.sealed, table.missing, table.added)
                .where(table.source == source, table.until > now, table.asked <= now - BETWEEN_MS)
                .order_by(table.asked, table.id)
                .limit(limit)
            ).all()
        return [
            Due(row.id, self._open(source, row.id, row.sealed), row.missing, row.added or 0)
            for row in rows
        ]

    def note(self, source: str, said: Mapping[str, Standing], *, now: int) -> None:
        """Remember what the platform said of some posts, by their ids."""
        with self._engine.begin() as connection:
            for key, standing in said.items():
                here = (reference.c.source == source) & (reference.c.id == key)
                if standing == "gone":
                    connection.execute(delete(reference).where(here))
                elif standing == "unasked":
                    asked = now - BETWEEN_MS + PUT_OFF_MS  # behind those that wait for a day
                    connection.execute(update(reference).where(here).values(asked=asked))
                elif standing == "unknown":
                    connection.execute(update(reference).where(here).values(asked=now))
                else:
                    values = {"asked": now, "missing": standing == "missing"}
                    connection.execute(update(reference).where(here).values(values))

    def drop(self, source: str, ids: Iterable[str]) -> None:
        """Forget references whose posts are not held any more."""
        with self._engine.begin() as connection:
            for key in ids:
                here = (reference.c.source == source) & (reference.c.id == key)
                connection.execute(delete(reference).where(here))

    def forget(
        self, now: int, *, erased: Callable[[Sequence[str]], Collection[str]] = lambda _ids: ()
    ) -> None:
        """Drop the references whose end has come and those of posts that were erased: `erased`
        says which of some ids.
        """
        table = reference.c
        with self._engine.begin() as connection:
            connection.execute(delete(reference).where(table.until <= now))
        for source, ids in self._held():
            if gone := erased(ids):
                self.drop(source, gone)

    def _held(self) -> Iterator[tuple[str, Sequence[str]]]:
        """All ids by source, some at a time."""
        columns, last = (reference.c.source, reference.c.id), ("", "")
        while True:
            following = (
                select(*columns)
                .where(tuple_(*columns) > last)
                .order_by(*columns)
                .limit(ROWS_AT_ONCE)
            )
            with self._engine.connect() as connection:
                rows = [(row.source, row.id) for row in connection.execute(following)]
            by_source: dict[str, list[str]] = {}
            for source, key in rows:
                by_source.setdefault(source, []).append(key)
            yield from by_source.items()
            if len(rows) < ROWS_AT_ONCE:
                return
            last = rows[-1]

    def _seal(self, source: str, key: str, found: Reference) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = json.dumps(msgspec.to_builtins(found)).encode()  # any text, lone surrogates too
        return nonce + self._cipher(source).encrypt(nonce, plain, _bound(source, key))

    def _open(self, source: str, key: str, sealed: bytes) -> Reference:
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        plain = self._cipher(source).decrypt(nonce, rest, _bound(source, key))
        return msgspec.convert(json.loads(plain), Reference)

    def _cipher(self, source: str) -> AESGCM:
        return AESGCM(self._keys.key(f"vault-{source}"))


def _bound(source: str, key: str) -> bytes:
    """What a sealed reference cannot be moved away from."""
    return f"{source}\0{key}".encode()
