"""Where each rule stands, in a line: what its file holds, and what counts."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

from rules.documents import Book, RuleDocument
from rules.life.history import PUBLISHED, State
from rules.life.library import Standing, Standings, those_in
from rules.life.versions import resolve
from rules.lists import Lists
from stream.errors import Stop

FileState = State | Literal["not synced", "no file", "wrong"]
NO_FILE: FileState = "no file"


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: the version of its file (empty without one, or when it cannot be read), the state
    of that, the version that is active (empty: none) and those that are counted beside it.
    """

    rule: str
    title: str
    owner: str
    expires: date
    version: str
    state: FileState
    active: str
    beside: tuple[str, ...]


def states(book: Book, standings: Standings) -> Sequence[RuleState]:
    """Every rule that has a file or that counts, by id."""
    counting = {each.change.rule for each in those_in(standings, *PUBLISHED)}
    lookup = book.lookup()
    return [
        _state(rule, book.rules.get(rule), lookup, standings.get(rule, ()))
        for rule in sorted(counting | book.rules.keys())
    ]


def _state(
    rule: str, document: RuleDocument | None, lookup: Lists, standings: Sequence[Standing]
) -> RuleState:
    if document is None:
        document = standings[-1].version.document
        version, state = "", NO_FILE
    else:
        version, state = _of_file(document, lookup, standings)
    active = [each.version.version for each in standings if each.state == "active"]
    return RuleState(
        rule=rule,
        title=document.title,
        owner=document.owner,
        expires=document.expires,
        version=version,
        state=state,
        active=active[0] if active else "",
        beside=tuple(
            each.version.version for each in standings if each.state in PUBLISHED - {"active"}
        ),
    )


def _of_file(
    document: RuleDocument, lookup: Lists, standings: Sequence[Standing]
) -> tuple[str, FileState]:
    try:
        version = resolve(document, lookup).version
    except Stop:
        return "", "wrong"
    known: list[FileState] = [
        each.state for each in standings if each.version.version == version
    ]  # fmt: skip
    return version, known[0] if known else "not synced"
