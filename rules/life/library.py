"""Every version of every rule and list that ever was, and its life, in the database."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    Select,
    Subquery,
    Table,
    delete,
    func,
    insert,
    select,
)  # fmt: skip

from rules.documents import KeywordList, restates
from rules.life.descriptions import Description, Redescribed, authors, redescribed
from rules.life.history import Change, State, reviewed_at, step
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


def version_of(rule: str, standings: Sequence[Standing], version: str) -> Standing:
    """The version of `rule` that begins so; Stop with what there is when that is not one."""
    found = [each for each in standings if each.change.version.startswith(version)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{each.change.version} ({each.state})" for each in found or standings)
    if found:
        raise Stop(f"{rule}@{version} is not one version but {listed}; write more of it")
    raise Stop(f"there is no version {version!r} of rule {rule!r}; it has {listed or 'none'}")


class Library:
    """A single read needs no turn. What is written is written in one, so that who checks a state
    and then changes it is not overtaken; in one as well are read what must agree.
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
            return _described(connection)

    def standings(self) -> Standings:
        """Where every version of every rule stands now."""
        with self._engine.connect() as connection:
            return _standings(connection)

    def history(self, rule: str) -> Sequence[Change]:
        """All that became of a rule's versions, oldest first."""
        with self._engine.connect() as connection:
            return _history(connection, rule)

    def lives(self) -> Iterator[tuple[Sequence[Change], Sequence[Description]]]:
        """Of each version that ever was all that became of it, and how it was described, oldest
        first.
        """
        with self._engine.connect() as connection:
            history, described = _history(connection), _descriptions(connection)
        changes: dict[tuple[str, str], list[Change]] = {}
        for each in history:
            changes.setdefault((each.rule, each.version), []).append(each)
        told: dict[tuple[str, str], list[Description]] = {}
        for one in described:
            told.setdefault((one.version.document.id, one.version.version), []).append(one)
        for name, own in changes.items():
            yield own, told.get(name, ())

    def redescribed(self, rule: str) -> Sequence[Redescribed]:
        """All that changed beside the queries of a rule's versions, oldest first."""
        with self._engine.connect() as connection:
            return redescribed(_descriptions(connection, rule))

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

    def check_still(self, seen: Standing) -> None:
        """Stop when somebody changed this version since it was `seen` so."""
        name, change = seen.change.name, seen.change
        held = self.standings()[change.rule]
        now = next(each for each in held if each.change.version == change.version)
        if now == seen:
            return
        if now.state != seen.state:
            what = f"was {seen.state} and is {now.state}"
        elif now.version != seen.version:
            what = "is described otherwise"
        else:
            what = f"has another line in its history ({now.change.note})"
        raise Stop(
            f"while you looked at it, {now.change.by} changed {name}: it {what} now. Nothing was "
            f"done; look at `peil rules history {change.rule}`, then do it again if it is right"
        )

    def described(self) -> Sequence[KeywordList]:
        """Every version of every keyword list."""
        return _described(self._connection)

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
    ) -> Mapping[str, str]:
        """Keep these lists, and `older` versions that may come back, but for those that cannot be
        what they say: returns why, by the names of their files.
        """
        held = {(each.id, each.version): each for each in self.described()}
        new: list[KeywordList] = []
        wrong: dict[str, str] = {}
        for each in older:
            before = held.get((each.id, each.version))
            if before is None:
                new.append(each)
            elif before.entries != each.entries:
                wrong[f"{each.id}@{each.version}"] = (
                    f"rules were counted with other entries of version {each.version}: put those "
                    "back, or take the file out"
                )
        for each in lists:
            if each.lint:
                continue
            if why := restates(each, held.values()):
                wrong[each.id] = why
            elif held.get((each.id, each.version)) != each:
                new.append(each)
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
        return wrong

    def forget_lists(self, names: Collection[str]) -> None:
        """Drop every version of these lists. A version of a rule has the words that it names."""
        self._connection.execute(delete(keyword_list).where(keyword_list.c.name.in_(names)))

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
        history = self.history(rule)
        if state == "reviewed":
            self._check_reviewer(change, history)
        added = step(history, change, single_author=single_author)
        self._add(added)
        return added

    def _check_reviewer(self, change: Change, history: Sequence[Change]) -> None:
        """Stop when who reviews a version is who said last what of it nobody else reviewed."""
        own = [each for each in history if each.version == change.version]
        described = [
            each
            for each in _descriptions(self._connection, change.rule)
            if each.version.version == change.version
        ]
        if described and change.by in authors(described, reviewed_at=reviewed_at(own)):
            raise Stop(
                f"{change.by} changed the end, the purpose or the ground of {change.name}: "
                f"somebody else must review it, with `peil rules review {change.rule}`"
            )

    def note(self, held: Standing, note: str, *, by: str) -> Change:
        """Write in the history what became of a version without a change of its state."""
        change = msgspec.structs.replace(held.change, at=self.now, by=by, note=note)
        self._add([change])
        return change

    def history(self, rule: str) -> Sequence[Change]:
        return _history(self._connection, rule)

    def _add(self, changes: Iterable[Change]) -> None:
        for each in changes:  # one by one: their numbers are their order
            self._connection.execute(
                insert(rule_state).values(
                    rule=each.rule,
                    version=each.version,
                    state=each.state,
                    at=each.at,
                    actor=each.by,
                    note=each.note,
                )
            )


def _described(connection: Connection) -> Sequence[KeywordList]:
    rows = connection.execute(
        select(keyword_list.c.content).order_by(keyword_list.c.name, keyword_list.c.version)
    )
    return [msgspec.json.decode(content, type=KeywordList) for (content,) in rows]


def _standings(connection: Connection) -> Standings:
    """In one statement: between two, another process may bring in a version."""
    described, stood = _of_versions(rule_document), _of_versions(rule_state)
    same = (described.c.rule == stood.c.rule) & (described.c.version == stood.c.version)
    rows = (
        select(rule_document.c.content, rule_state)
        .select_from(described)
        .join(stood, same)
        .join(rule_document, rule_document.c.number == described.c.last)
        .join(rule_state, rule_state.c.number == stood.c.last)
        .order_by(described.c.first)
    )
    found: dict[str, list[Standing]] = {}
    for row in connection.execute(rows).mappings():
        version = msgspec.json.decode(row["content"], type=Version)
        found.setdefault(row["rule"], []).append(Standing(version=version, change=_change(row)))
    return found


def _descriptions(connection: Connection, rule: str | None = None) -> Sequence[Description]:
    """How the versions of a rule, or of all, were described, oldest first."""
    rows = _rows_of(rule_document, rule)
    return [
        Description(
            version=msgspec.json.decode(row["content"], type=Version),
            at=row["at"],
            by=row["actor"],
        )
        for row in connection.execute(rows.order_by(rule_document.c.number)).mappings()
    ]


def _of_versions(table: Table) -> Subquery:
    """The numbers of the first and the last row of each version."""
    rows = select(
        table.c.rule,
        table.c.version,
        func.min(table.c.number).label("first"),
        func.max(table.c.number).label("last"),
    )
    return rows.group_by(table.c.rule, table.c.version).subquery()


def _history(connection: Connection, rule: str | None = None) -> Sequence[Change]:
    rows = connection.execute(_rows_of(rule_state, rule).order_by(rule_state.c.number))
    return [_change(row) for row in rows.mappings()]


def _rows_of(table: Table, rule: str | None) -> Select[Any]:
    """The rows of a rule, or of all."""
    return select(table) if rule is None else select(table).where(table.c.rule == rule)


def _change(row: RowMapping) -> Change:
    return Change(
        rule=row["rule"],
        version=row["version"],
        state=row["state"],
        at=row["at"],
        by=row["actor"],
        note=row["note"],
    )
