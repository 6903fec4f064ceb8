"""That the keys are still those that were used: another one would count every author twice and
let in again what was erased.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, delete, insert, select

from privacy.keys import KeyRing
from privacy.tables import key_mark
from stream.database import alone
from stream.errors import Stop


class KeyMarks:
    """A mark of each key in the operational database; a key cannot be computed from its mark."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self, keys: KeyRing, *, now: int) -> Sequence[str]:
        """The keys that are new, by name; Stop as in `check`. Nothing is changed."""
        with self._engine.connect() as connection:
            new, _ = _compare(connection, keys, now=now)
        return sorted(new)

    def check(self, keys: KeyRing, *, now: int) -> None:
        """Remember the keys that are new; Stop when one that was used is gone or another."""
        with self._engine.connect() as connection:
            new, over = _compare(connection, keys, now=now)
        if not new and not over:
            return
        # Another process, with keys of its own perhaps, may see them as new at the same moment.
        with alone(self._engine, "key marks") as connection:
            new, over = _compare(connection, keys, now=now)
            if new:
                connection.execute(
                    insert(key_mark), [{"name": name, "mark": new[name]} for name in new]
                )
            if over:
                connection.execute(delete(key_mark).where(key_mark.c.name.in_(over)))


def _compare(
    connection: Connection, keys: KeyRing, *, now: int
) -> tuple[Mapping[str, str], Sequence[str]]:
    """The marks of the keys that are new by their names, and the names of those that are gone as
    they should be.
    """
    # A key is made before it is marked. So the marks are read first: whoever makes a key meanwhile
    # has none among them that is not found here.
    marked = {row.name: row.mark for row in connection.execute(select(key_mark))}
    # Nothing is made with a key that is over, and another process may be destroying it just now.
    here = {name: keys.mark(name) for name in keys.names() if not keys.is_over(name, now=now)}
    over: list[str] = []
    for name, mark in marked.items():
        if here.get(name) == mark:
            continue
        if name not in here and keys.is_over(name, now=now):
            over.append(name)
            continue
        raise Stop(
            f"the key {name} is {'another one' if name in here else 'gone'}: restore data/keys "
            "from its own backup. Without it no post is recognised again; then start a new "
            "working folder"
        )
    return {name: here[name] for name in here if name not in marked}, over
