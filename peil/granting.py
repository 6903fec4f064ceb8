"""`peil doctor --setup`: what the administrators of a cluster make once for each release."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Engine

from peil.backends import open_elastic, open_kafka
from peil.diagnosis import Finding
from peil.grants import has_login, put_login, put_rights
from peil.pipeline import Pipeline
from peil.rights import GROUPS, RIGHTS, Rights, Server
from stream.errors import PeilError, Stop
from stream.secrets import NO_SECRET
from stream.topics import topics

if TYPE_CHECKING:
    from index.elastic.access import Access
    from stream.kafka.grants import Grants


def set_up(pipeline: Pipeline, passwords: Path) -> Iterator[Finding]:
    """Make the tables, the topics, the template of indices, and for each role a user on each
    server where the settings log in: its password is what stands in the file `ROLE-SERVER` of
    `passwords`. Says what was made or is wrong; a server that fails keeps no other from it.

    The users of the settings must be those who may do everything. Doing it twice changes nothing.
    """
    settings = pipeline.settings
    if not (settings.engine == "cluster" or settings.database.url):
        raise Stop("on one machine nothing is to be set up: peil makes what it needs by itself")
    if settings.database.url:
        yield from _made("postgres", _postgres(pipeline, passwords))
    if settings.engine == "cluster":
        yield from _made("kafka", _kafka(pipeline, passwords))
        yield from _made("elasticsearch", _elasticsearch(pipeline, passwords))


def _made(server: Server, steps: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from steps
    except PeilError as error:
        yield Finding(server, "wrong", str(error))


def _postgres(pipeline: Pipeline, passwords: Path) -> Iterator[Finding]:
    engine, settings = pipeline.database, pipeline.settings.database
    yield Finding("postgres", "well", "the tables are those of this release")
    if settings.password != NO_SECRET or settings.password_file:
        yield from _admit("postgres", _InPostgres(engine), passwords)


def _kafka(pipeline: Pipeline, passwords: Path) -> Iterator[Finding]:
    settings = pipeline.settings.stream.kafka
    with closing(open_kafka(pipeline.settings, clock=pipeline.clock)) as broker:
        problems = broker.prepare()
        names = ", ".join(settings.prefix + name for name in broker.topics())
    yield Finding("kafka", "well", f"the topics are there: {names}")
    for problem in problems:
        yield Finding("kafka", "wrong", problem)
    if "SASL" in settings.security:
        from stream.kafka.grants import Grants  # noqa: PLC0415  (needs the extra `cluster`)

        known = topics(partitions=settings.partitions)
        with closing(Grants(settings, topics=known)) as grants:
            yield from _admit("kafka", _InKafka(grants), passwords)


def _elasticsearch(pipeline: Pipeline, passwords: Path) -> Iterator[Finding]:
    settings = pipeline.settings.index.elastic
    with closing(open_elastic(pipeline.settings, clock=pipeline.clock)) as store:
        for done in store.setup():
            yield Finding("elasticsearch", "well", done)
        for problem in store.problems():  # no failure of this: roles must start, and mend some
            yield Finding("elasticsearch", "warning", problem)
    if settings.user or settings.api_key != NO_SECRET or settings.api_key_file:
        from index.elastic.access import Access  # noqa: PLC0415  (the same)

        with closing(Access(settings)) as access:
            yield from _admit("elasticsearch", _InElasticsearch(access), passwords)


class _Users(Protocol):
    """The users of one server."""

    def knows(self, user: str) -> bool:
        """Whether `user` can log in already."""
        ...

    def admit(self, user: str, rights: Rights, password: str | None) -> str:
        """Give `user` these rights and, if there is one, that password; says which, in words."""
        ...


def _admit(server: Server, users: _Users, passwords: Path) -> Iterator[Finding]:
    for role, rights in RIGHTS.items():
        if server not in rights.servers:
            continue
        user, file = f"peil_{role}", passwords / f"{role}-{server}"
        try:
            password = _read(file)
            if password is None and not users.knows(user):
                raise Stop("it cannot log in yet: there is no such file with its password")
            may = users.admit(user, rights, password)
        except PeilError as error:
            yield Finding(server, "wrong", f"{user} ({file}): {error}")
        else:
            yield Finding(server, "well", f"{user}: {may}")


def _read(file: Path) -> str | None:
    try:
        password = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Stop(f"its password cannot be read ({reason})") from None
    if not password:
        raise Stop("the file is empty; write the password in it")
    return password


class _InPostgres:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def knows(self, user: str) -> bool:
        return has_login(self._engine, user)

    def admit(self, user: str, rights: Rights, password: str | None) -> str:
        if password is not None:
            put_login(self._engine, user, password)
        put_rights(self._engine, user, rights.tables, moves=rights.moves)
        changed = sorted(each.name for each, right in rights.tables.items() if right != "SELECT")
        return f"changes {', '.join(changed)}"


class _InKafka:
    def __init__(self, grants: "Grants") -> None:
        self._grants = grants

    def knows(self, user: str) -> bool:
        return not self._grants.makes_logins or self._grants.has_login(user)

    def admit(self, user: str, rights: Rights, password: str | None) -> str:
        if password is not None and self._grants.makes_logins:
            self._grants.put_login(user, password)
        self._grants.put_rights(
            user,
            reads=rights.reads,
            writes=rights.writes,
            drops=rights.drops,
            groups={group: group in rights.groups for group in GROUPS},
            brokers=rights.brokers,
        )
        said = {"reads": rights.reads, "writes": rights.writes, "drops from": rights.drops}
        return "; ".join(f"{does} {', '.join(sorted(to))}" for does, to in said.items() if to)


class _InElasticsearch:
    def __init__(self, access: "Access") -> None:
        self._access = access

    def knows(self, user: str) -> bool:
        return self._access.has_user(user)

    def admit(self, user: str, rights: Rights, password: str | None) -> str:
        if rights.store is None:
            return "may do nothing"
        name = self._access.put_role(rights.store)
        self._access.put_user(user, role=rights.store, password=password)
        return f"has the role {name}"
