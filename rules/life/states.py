"""Where each rule stands, in a line: what its file holds, and what counts."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

from rules.documents import Book, RuleDocument
from rules.life.asking import wish
from rules.life.descriptions import differences
from rules.life.history import OVER, PUBLISHED, State
from rules.life.library import Standing, Standings
from rules.life.takeover import BY_ITSELF, LONG_ENOUGH
from rules.life.versions import Version, resolve
from rules.lists import Lists
from stream.clock import to_datetime
from stream.errors import Stop

FileState = State | Literal["not synced", "no file", "wrong"]
NO_FILE: FileState = "no file"
WRONG: FileState = "wrong"


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: the version of its file (empty without one, or when it cannot be read), the state
    of that, the version that is active (empty: none) and those that are counted beside it.
    `says` is what a person should know of it.
    """

    rule: str
    title: str
    owner: str
    expires: date
    version: str
    state: FileState
    active: str
    beside: tuple[str, ...]
    says: str = ""


def states(book: Book, standings: Standings) -> Sequence[RuleState]:
    """Every rule that has a file or a version that is not over, by id; of a file that was never
    read nothing is known but that (`book.unread`).
    """
    alive = {rule for rule, found in standings.items() if living(found)}
    unread = {each.name: str(each) for each in book.unread if each.name in standings}
    lookup = book.lookup()
    return [
        _state(rule, book.rules.get(rule), lookup, standings.get(rule, ()), unread.get(rule, ""))
        for rule in sorted(alive | unread.keys() | book.rules.keys())
    ]


def _state(
    rule: str,
    document: RuleDocument | None,
    lookup: Lists,
    standings: Sequence[Standing],
    unread: str,
) -> RuleState:
    version, state, says = "", WRONG if unread else NO_FILE, unread
    if document is None:
        document = standings[-1].version.document
        says = unread or without_file(rule, living(standings))
    else:
        version, state, says = _of_file(document, lookup, standings)
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
        says="\n".join(filter(None, (says, "" if active else _ended(standings)))),
    )


def _of_file(
    document: RuleDocument, lookup: Lists, standings: Sequence[Standing]
) -> tuple[str, FileState, str]:
    try:
        version = resolve(document, lookup)
    except Stop as error:
        return "", WRONG, str(error)
    for each in standings:
        if each.version.version == version.version:
            return version.version, each.state, _says(each, version)
    return version.version, "not synced", ""


def _says(held: Standing, version: Version) -> str:
    """What of a file does not hold, where its version is the one that is `held`."""
    if held.version == version:
        return ""
    last = held.change
    if last.note == wish(held, version):
        return (
            f"{last.note}, asked for by {last.by} on {to_datetime(last.at):%Y-%m-%d}: somebody "
            f"else does it with `peil rules review {last.rule} --version {last.version}`"
        )
    told = "; ".join(differences(held.version, version))
    return f"its file says otherwise than what was brought in ({told}): `peil rules sync`"


def without_file(rule: str, left: Sequence[Standing]) -> str:
    """What is `left` of a rule without a file, and the ways on."""
    ends = [f"`peil rules withdraw {rule}`"] if any(_counts(each) for each in left) else []
    ends += [
        f"`peil rules withdraw {rule} --version {each.change.version}`"
        for each in left
        if not _counts(each)
    ]
    named = ", ".join(f"{each.change.version} ({each.state})" for each in left)
    return (
        f"its file is gone, and there is still {named}: `peil rules export` writes one again; or "
        f"end it with {' and '.join(ends)}"
    )


def living(standings: Sequence[Standing]) -> Sequence[Standing]:
    """The versions that are not over."""
    return [each for each in standings if each.state not in OVER]


def _counts(standing: Standing) -> bool:
    return standing.state in PUBLISHED


def _ended(standings: Sequence[Standing]) -> str:
    """Why nothing of a rule counts, where peil ended it by itself: nobody was there to see it."""
    ends = [each.change for each in standings if each.state in OVER]
    last = max(ends, key=lambda each: each.at, default=None)
    if last is None or last.by != BY_ITSELF or last.note == LONG_ENOUGH:
        return ""
    return f"{last.name} ended on {to_datetime(last.at):%Y-%m-%d}: {last.note}"
