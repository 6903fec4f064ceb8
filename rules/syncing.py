"""From the files of a folder to versions: what is new comes in as a draft."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from rules.documents import Book, RuleDocument
from rules.library import Library, Standing, Standings, Turn
from rules.life import PUBLISHED, State
from rules.lists import Lists
from rules.readiness import missing
from rules.versions import Version, resolve
from stream.errors import Stop

FILE_GONE = "its file is gone"
WITHDRAWN = "it was withdrawn and stays so"

AT_ONCE: frozenset[State | None] = frozenset({"draft", "expired", "outgoing"})
"""From here the version of a file counts at once with a single author: what was withdrawn, or only
runs beside, was put there on purpose.
"""

What = Literal["new", "changed", "described otherwise", "same", "gone", "wrong"]
SAME: What = "same"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one rule: `state` is that of `version` afterwards, `says` what a person should
    know of it.
    """

    rule: str
    what: What
    version: str = ""
    state: State | None = None
    says: str = ""


def sync(
    library: Library,
    book: Book,
    *,
    by: str,
    today: date,
    single_author: bool = False,
    as_drafts: bool = False,
) -> Sequence[Synced]:
    """Bring the rules and lists of `book` in; returns what became of each, in the order of ids.

    With `single_author` what is ready counts at once and a rule without a file does so no more,
    unless they are to stay as drafts. Stop, and nothing is brought in, when a list is not as its
    version was.
    """
    with library.turn() as turn:
        turn.keep_lists(book.lists.values(), older=book.older, by=by)
        before = turn.standings()
        lookup = book.lookup()
        found = {
            document.id: _bring_in(turn, document, lookup, before, by=by, strict=not single_author)
            for document in book.rules.values()
        }
        found |= {rule: _gone(each) for rule, each in _without_file(before, book).items()}
        if single_author and not as_drafts:
            now = turn.standings()
            for rule, synced in found.items():
                found[rule] = _settle(turn, synced, now.get(rule, ()), book, by=by, today=today)
    return [found[rule] for rule in sorted(found)]


def differing(library: Library, book: Book) -> Sequence[str]:
    """The rules whose files are not as they were brought in last: they wait for a sync."""
    lookup, standings = book.lookup(), library.standings()
    return [
        rule
        for rule, document in sorted(book.rules.items())
        if _resolved(document, lookup) not in [each.version for each in standings.get(rule, ())]
    ]


def _resolved(document: RuleDocument, lookup: Lists) -> Version | None:
    try:
        return resolve(document, lookup)
    except Stop:
        return None


def _bring_in(
    turn: Turn, document: RuleDocument, lookup: Lists, before: Standings, *, by: str, strict: bool
) -> Synced:
    rule, what = document.id, SAME
    try:
        version = resolve(document, lookup)
    except Stop as error:
        return Synced(rule=rule, what="wrong", says=str(error))
    known: Mapping[str, Standing] = {each.version.version: each for each in before.get(rule, ())}
    held = known.get(version.version)
    if held is None:
        turn.describe(version, by=by)
        turn.move(rule, version.version, "draft", by=by)
        what = "changed" if known else "new"
        return Synced(rule=rule, what=what, version=version.version, state="draft")
    if strict and held.version.document.special_category and not document.special_category:
        return Synced(
            rule=rule,
            what="wrong",
            version=version.version,
            state=held.state,
            says="it is not marked as a special category any more, and its query is as before: "
            "nobody would look at that. Change the query too, or give it another id",
        )
    if held.version != version:
        turn.describe(version, by=by)
        what = "described otherwise"
    return Synced(
        rule=rule,
        what=what,
        version=version.version,
        state=held.state,
        says=f"{WITHDRAWN}: `peil rules review {rule}` is the way back"
        if held.state == "withdrawn"
        else "",
    )


def _without_file(before: Standings, book: Book) -> Mapping[str, Sequence[Standing]]:
    """The rules that are matched and have no file."""
    return {
        rule: standings
        for rule, standings in before.items()
        if rule not in book.rules and any(each.state in PUBLISHED for each in standings)
    }


def _gone(standings: Sequence[Standing]) -> Synced:
    newest = next(each for each in reversed(standings) if each.state in PUBLISHED)
    rule = newest.version.document.id
    return Synced(
        rule=rule,
        what="gone",
        version=newest.version.version,
        state=newest.state,
        says=f"it has no file and goes on: `peil rules withdraw {rule}` ends it",
    )


def _settle(
    turn: Turn, synced: Synced, standings: Sequence[Standing], book: Book, *, by: str, today: date
) -> Synced:
    """As one person alone would have it: what is ready counts, and what has no file ends."""
    if synced.what == "wrong":
        return synced
    if synced.what == "gone":
        for each in standings:
            if each.state in PUBLISHED:
                turn.move(synced.rule, each.version.version, "expired", by=by, note=FILE_GONE)
        return msgspec.structs.replace(synced, state="expired", says=FILE_GONE)
    (mine,) = [each.version for each in standings if each.version.version == synced.version]
    if synced.state not in AT_ONCE:
        return synced
    if lacks := missing(mine, lists=book.lists.values(), today=today):
        return msgspec.structs.replace(synced, says="it does not count: " + "; ".join(lacks))
    turn.move(
        synced.rule, synced.version, "active", by=by, note="single author", single_author=True
    )
    return msgspec.structs.replace(synced, state="active")
