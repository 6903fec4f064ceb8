"""What each role of a cluster may do on its servers: what it does, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Table

from dashboard.tables import account, link, saved_search, session, stored_query
from index.tables import gap, phenomenon, shadowed, volume
from ingest.tables import condition, cursor, pause, reference, run, seen, source_author, tally
from peil.leases import lease
from privacy.tables import access, erased_author, erased_post, key_mark, objection, register
from rules.judging.tables import judgement
from rules.life.tables import generation, keyword_list, rule_document, rule_state
from stream.broker import TopicName
from stream.topics import LABELLED, POSTS, QUARANTINE, RULES

Server = Literal["kafka", "elasticsearch", "postgres"]

GROUPS = ("enrich", "index")
"""The consumer groups that there are."""

READ = "SELECT"
ADD = "SELECT, INSERT"
KEEP = "SELECT, INSERT, UPDATE"
TURN_OVER = "SELECT, INSERT, DELETE"
RENEW = "SELECT, UPDATE (password)"
SWEEP = "SELECT, DELETE"
ALL = "SELECT, INSERT, UPDATE, DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Of one role: on the topics of the log, which all who log in there see, with `drops` for
    removing old records; in which `groups` it shares work; whether it sees the `brokers`'
    settings; how it comes to the store; what it does in which `tables`, and whether it moves whole
    ones.
    """

    reads: frozenset[TopicName] = frozenset()
    writes: frozenset[TopicName] = frozenset()
    drops: frozenset[TopicName] = frozenset()
    groups: frozenset[str] = frozenset()
    brokers: bool = False
    store: Literal["reader", "writer", "operator"] | None = None
    tables: Mapping[Table, str] = field(default_factory=dict)
    moves: bool = False

    @property
    def servers(self) -> tuple[Server, ...]:
        """Where the role logs in."""
        log = self.reads or self.writes or self.drops or self.groups or self.brokers
        return (
            *(("kafka",) if log else ()),
            *(("elasticsearch",) if self.store else ()),
            "postgres",
        )


WITH_TEXTS = frozenset({POSTS.name, LABELLED.name, QUARANTINE.name})

_WORKERS: Mapping[str, Rights] = {
    "collect": Rights(
        writes=frozenset({POSTS.name, QUARANTINE.name}),
        store="reader",  # whether a post that its platform deleted is held
        tables={
            lease: KEEP,
            register: READ,
            cursor: KEEP,
            seen: KEEP,
            run: KEEP,
            tally: KEEP,
            condition: KEEP,
            pause: READ,
            source_author: ALL,
            reference: ALL,
            key_mark: TURN_OVER,
            objection: READ,
            erased_author: READ,
            erased_post: KEEP,
        },
    ),
    # It publishes the rules when it starts, and works by what was published last.
    "enrich": Rights(
        reads=frozenset({POSTS.name, RULES.name}),
        writes=frozenset({LABELLED.name, QUARANTINE.name, RULES.name}),
        groups=frozenset({"enrich"}),
        tables={
            lease: KEEP,
            generation: ADD,
            rule_document: ADD,
            rule_state: ADD,
            keyword_list: KEEP,
        },
    ),
    # With the role `house`, which is the one that drops and erases.
    "index": Rights(
        reads=WITH_TEXTS,
        writes=WITH_TEXTS,
        drops=WITH_TEXTS,
        groups=frozenset({"index"}),
        store="writer",
        tables={
            lease: KEEP,
            gap: KEEP,
            volume: TURN_OVER,
            phenomenon: TURN_OVER,
            shadowed: TURN_OVER,
            key_mark: TURN_OVER,
            seen: SWEEP,
            run: SWEEP,
            tally: SWEEP,
            reference: SWEEP,
            stored_query: SWEEP,
            saved_search: READ,
            rule_document: READ,
            rule_state: READ,
            keyword_list: READ,
            erased_author: ALL,
            erased_post: ALL,
        },
    ),
}


def _together(*rights: Mapping[Table, str]) -> Mapping[Table, str]:
    """What is in any of `rights`."""
    tables = dict.fromkeys(table for each in rights for table in each)
    return {
        table: ", ".join(
            verb for verb in ALL.split(", ") if any(verb in each.get(table, "") for each in rights)
        )
        for table in tables
    }


RIGHTS: Mapping[str, Rights] = {
    **_WORKERS,
    # Readers come to it, so it can do least: it opens no log, and nobody gets an account or a role
    # by it.
    "dashboard": Rights(
        store="reader",
        tables={
            lease: READ,  # whether a source runs now
            register: READ,
            run: READ,
            tally: READ,
            condition: READ,
            pause: READ,
            gap: READ,
            volume: READ,
            phenomenon: READ,
            shadowed: READ,
            judgement: READ,
            rule_document: READ,
            rule_state: READ,
            keyword_list: READ,
            access: ADD,
            key_mark: TURN_OVER,
            account: RENEW,  # at a login, when what is thought safe has grown
            session: ALL,
            link: TURN_OVER,
            stored_query: ADD,
            saved_search: TURN_OVER,
        },
    ),
    # Whoever types commands does the work of every role where no role runs.
    "operator": Rights(
        reads=WITH_TEXTS | {RULES.name},
        writes=WITH_TEXTS | {RULES.name},
        drops=WITH_TEXTS,
        groups=frozenset(GROUPS),
        brokers=True,
        store="operator",
        # What stands in the access log and among the objections nobody takes back.
        tables=_together(
            *(each.tables for each in _WORKERS.values()),
            {access: ADD, register: KEEP, objection: ADD, cursor: ALL, pause: ALL},
            # A name that was removed stays taken.
            {account: KEEP, judgement: ALL},
            dict.fromkeys((session, link, stored_query, saved_search), ALL),
        ),
        moves=True,
    ),
}
"""By role."""
