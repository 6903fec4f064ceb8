"""That the keys are still those that were used: another one would count every author twice and
let in again what was erased.
"""

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.sqlite import insert

from privacy.keys import KeyRing
from privacy.tables import key_mark
from stream.errors import Stop


class KeyMarks:
    """A mark of each key in the operational database; a key cannot be computed from its mark."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def check(self, keys: KeyRing, *, now: int) -> None:
        """Remember the keys that are new; Stop when one that was used is gone or another."""
        here = {name: keys.mark(name) for name in keys.names()}
        with self._engine.begin() as connection:
            marked = {row.name: row.mark for row in connection.execute(select(key_mark))}
            for name, mark in marked.items():
                if here.get(name) == mark:
                    continue
                if name not in here and keys.is_over(name, now=now):
                    connection.execute(delete(key_mark).where(key_mark.c.name == name))
                    continue
                raise Stop(
                    f"the key {name} is {'another one' if name in here else 'gone'}: restore "
                    "data/keys from its own backup. Without it no post is recognised again; then "
                    "start a new working folder"
                )
            new = [{"name": name, "mark": mark} for name, mark in here.items()
                   if name not in marked]  # fmt: skip
            if new:  # another process may see them as new at the same moment
                connection.execute(insert(key_mark).on_conflict_do_nothing(), new)
