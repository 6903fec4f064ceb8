"""Every version of every rule and list that ever was, and its life, in the database."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, Select, Table, func, insert, select

from rules.documents import KeywordList
from rules.life.descriptions import Description, Redescribed, redescribed
from rules.life.history import Change, State, step
from rules.life.tables import keyword_list, rule_document, rule_state
from rules.life.versions import Version
from rules.lists import ListEntries
from stream.clock import Clock
from stream.database import alone, upsert
from stream.errors import Stop


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it was described last, and the change that brought it where it is."""

    version: Version
    change: Change

    @property
    def state(self) -> State:
        return self.change.state


Standings = Mapping[str, Sequence[Standing]]
"""By rule: its versions, in the order in which they were brought in."""


def those_in(standings: Standings, *states: State) -> list[Standing]:
    """The versions of all rules that are in one of these states, by rule."""
    return [each for found in standings.values() for each in found if each.state in states]


class Library:
    """Reading needs no turn; what is written is written in one, so that who checks a state and
    then changes it is not overtaken.
    """

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def now(self) -> int:
        """The present, as what is written has it."""
        return self._clock.now()

    def is_empty(self) -> bool:
        """Whether no version of any rule was brought in yet."""
        with self._engine.connect() as connection:
            return connection.execute(select(rule_state.c.number).limit(1)).first() is None

    def lists(self) -> tuple[ListEntries, ...]:
        """Every version of every keyword list."""
        return tuple(ListEntries(each.id, each.version, each.entries) for each in self.described())

    def described(self) -> Sequence[KeywordList]:
        """The same with what was written beside the entries."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(keyword_list.c.content).order_by(keyword_list.c.name, keyword_list.c.version)
            )
            return [msgspec.json.decode(content, type=KeywordList) for (content,) in rows]

    def standings(self) -> Standings:
        """Where every version of every rule stands now."""
        with self._engine.connect() as connection:
            return _standings(connection)

    def history(self, rule: str) -> Sequence[Change]:
        """All that became of a rule's versions, oldest first."""
        with self._engine.connect() as connection:
            return _history(connection, rule)

    def redescribed(self, rule: str) -> Sequence[Redescribed]:
        """All that changed beside the queries of a rule's versions, oldest first."""
        rows = select(rule_document).where(rule_document.c.rule == rule)
        with self._engine.connect() as connection:
            found = connection.execute(rows.order_by(rule_document.c.number)).mappings()
            return redescribed(
                [
                    Description(
                        version=msgspec.json.decode(row["content"], type=Version),
                        at=row["at"],
                        by=row["actor"],
                    )
                    for row in found
                ]
            )

    @contextmanager
    def turn(self) -> Generator["Turn"]:
        """Write, while nobody else does; all of it, or nothing after an error."""
        with alone(self._engine, "rule life") as connection:
            yield Turn(connection, now=self._clock.now())


class Turn:
    """One transaction of one writer."""

    def __init__(self, connection: Connection, *, now: int) -> None:
        self._connection = connection
        self.now = now

    def standings(self) -> Standings:
        return _standings(self._connection)

    def describe(self, version: Version, *, by: str) -> None:
        """Keep `version` with what is written beside its query now."""
        self._connection.execute(
            insert(rule_document).values(
                rule=version.document.id,
                version=version.version,
                content=msgspec.json.encode(version).decode(),
                at=self.now,
                actor=by,
            )
        )

    def keep_lists(
        self, lists: Iterable[KeywordList], *, older: Iterable[KeywordList] = (), by: str
    ) -> None:
        """Keep the words of these lists; Stop when one has other entries than its version had
        before, and when one that is not `older` than another went back.
        """
        held = self._lists()
        latest: dict[str, int] = {}
        for name, number in held:
            latest[name] = max(number, latest.get(name, 0))
        new: list[KeywordList] = []
        wrong: list[str] = []
        current = [each for each in lists if not each.lint]
        for each in (*older, *current):
            before, last = held.get((each.id, each.version)), latest.get(each.id, 0)
            if before is not None and before.entries != each.entries:
                wrong.append(
                    f"list {each.id} has other entries than its version {each.version} had: raise "
                    f"its version to {last + 1}, because rules were counted with the old entries"
                )
            elif each in current and each.version < last:
                wrong.append(
                    f"list {each.id} is version {each.version} and was version {last} already: "
                    f"raise its version to {last + 1}"
                )
            elif before != each:
                new.append(each)
        if wrong:
            raise Stop("lists are wrong:\n" + "\n".join(f"  {line}" for line in wrong))
        upsert(
            self._connection,
            keyword_list,
            [
                {
                    "name": each.id,
                    "version": each.version,
                    "content": msgspec.json.encode(each).decode(),
                    "at": self.now,
                    "actor": by,
                }
                for each in new
            ],
            replace=("content", "at", "actor"),
        )

    def move(
        self,
        rule: str,
        version: str,
        state: State,
        *,
        by: str,
        note: str = "",
        single_author: bool = False,
    ) -> Sequence[Change]:
        """Bring a version into `state`; returns what that changed. Stop says what is missing."""
        change = Change(rule=rule, version=version, state=state, at=self.now, by=by, note=note)
        added = step(_history(self._connection, rule), change, single_author=single_author)
        rows = [
            {
                "rule": each.rule,
                "version": each.version,
                "state": each.state,
                "at": each.at,
                "actor": each.by,
                "note": each.note,
            }
            for each in added
        ]
        for row in rows:  # one by one: their numbers are their order
            self._connection.execute(insert(rule_state).values(row))
        return added

    def _lists(self) -> Mapping[tuple[str, int], KeywordList]:
        rows = self._connection.execute(select(keyword_list.c.content))
        found = [msgspec.json.decode(content, type=KeywordList) for (content,) in rows]
        return {(each.id, each.version): each for each in found}


def _standings(connection: Connection) -> Standings:
    contents = {
        (row["rule"], row["version"]): row["content"]
        for row in connection.execute(_newest(rule_document)).mappings()
    }
    states = {
        (row["rule"], row["version"]): _change(row)
        for row in connection.execute(_newest(rule_state)).mappings()
    }
    found: dict[str, list[Standing]] = {}
    first = select(rule_document.c.rule, rule_document.c.version).group_by(
        rule_document.c.rule, rule_document.c.version
    )
    for rule, version in connection.execute(first.order_by(func.min(rule_document.c.number))):
        described = msgspec.json.decode(contents[rule, version], type=Version)
        found.setdefault(rule, []).append(Standing(version=described, change=states[rule, version]))
    return found


def _newest(table: Table) -> Select[tuple[object, ...]]:
    """The last row of each version."""
    last = select(func.max(table.c.number)).group_by(table.c.rule, table.c.version)
    return select(table).where(table.c.number.in_(last))


def _history(connection: Connection, rule: str) -> Sequence[Change]:
    rows = connection.execute(
        select(rule_state).where(rule_state.c.rule == rule).order_by(rule_state.c.number)
    )
    return [_change(row) for row in rows.mappings()]


def _change(row: RowMapping) -> Change:
    return Change(
        rule=row["rule"],
        version=row["version"],
        state=row["state"],
        at=row["at"],
        by=row["actor"],
        note=row["note"],
    )
