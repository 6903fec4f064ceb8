"""From the files of a folder to versions: what is new comes in as a draft."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from rules.documents import Book, Enrich, RuleDocument, Unread, unchanged
from rules.life.asking import REPLACED, needs_review, wish
from rules.life.history import PUBLISHED, State
from rules.life.library import Library, Standing, Standings, Turn
from rules.life.readiness import missing, mistakes
from rules.life.states import living, without_file
from rules.life.versions import Version, resolve
from rules.lint.meaning import nothing
from rules.lists import Lists
from stream.errors import Stop

FILE_GONE = "its file is gone"
WITHDRAWN = "it was withdrawn and stays so"
UNMARKED = (
    "it is not marked as a special category any more, and its query is as before: nobody would "
    "look at that. Change the query too, or give it another id"
)

AT_ONCE: frozenset[State | None] = frozenset({"draft", "expired", "outgoing"})
"""From here the version of a file counts at once with a single author: what was withdrawn, or only
runs beside, was put there on purpose.
"""

What = Literal["new", "changed", "described otherwise", "waits", "same", "gone", "wrong"]
SAME: What = "same"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one rule: `state` is that of `version` afterwards, `says` what a person should
    know of it. A list (`$wijken`) is told when it is wrong.
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
    whole: bool = True,
    personal: Callable[[str], Sequence[str]] = nothing,
    enrich: Enrich = unchanged,
) -> Sequence[Synced]:
    """Bring the rules and lists of `book` in; returns what became of each, in the order of ids.

    With `single_author` what is ready counts at once and a rule without a file does so no more,
    unless they are to stay as drafts. A book that is not the `whole` of a folder says nothing of
    rules and lists that are not in it. What cannot be read is told, and stays as it was brought in
    last: so does a list that is not as its version was.
    """
    with library.turn() as turn:
        book = _without(book, turn.keep_lists(book.lists.values(), older=book.older, by=by))
    found = {
        each.name: Synced(rule=each.name, what="wrong", says=str(each)) for each in book.unread
    }
    lookup = book.lookup()
    read = {rule: _resolved(document, lookup) for rule, document in book.rules.items()}
    held = library.standings()
    unsound = {
        rule: _unsound(
            each, mistakes(each.version, book=book, today=today, personal=personal, enrich=enrich)
        )
        for rule, version in read.items()
        if isinstance(version, Version) and (each := _otherwise(version, held.get(rule, ())))
    }
    with library.turn() as turn:
        before = turn.standings()
        for rule, version in read.items():
            if isinstance(version, str):
                found[rule] = Synced(rule=rule, what="wrong", says=version)
            elif wrong := unsound.get(rule):
                found[rule] = wrong
            else:
                found[rule] = _bring_in(
                    turn, version, before.get(rule, ()), by=by, strict=not single_author
                )
    if whole:
        found |= {rule: _gone(each) for rule, each in _without_file(before, book).items()}
    if single_author and not as_drafts:
        found |= _settled(
            library, found, book, by=by, today=today, personal=personal, enrich=enrich
        )
    if whole:
        _forget_lists(library, book)
    return [found[rule] for rule in sorted(found)]


def guarded(book: Book, *, by: Book) -> Book:
    """`book` with what the lists of the folder `by` say that no rule may be about."""
    held = book.lists.values()
    more = {
        f"config/{name}": each for name, each in by.lists.items() if each.lint and each not in held
    }
    withheld = [msgspec.structs.replace(each, lint=True) for each in by.withheld()]
    return msgspec.structs.replace(
        book, lists={**book.lists, **more}, unread=(*book.unread, *withheld)
    )


def _without(book: Book, wrong: Mapping[str, str]) -> Book:
    """`book` without the lists that are wrong: what was brought in of them last holds."""
    unread = [
        Unread(file=f"lists/{name}.toml", name=f"${name}", why=why) for name, why in wrong.items()
    ]
    return msgspec.structs.replace(
        book,
        lists={name: each for name, each in book.lists.items() if name not in wrong},
        unread=(*book.unread, *unread),
    )


def differing(library: Library, book: Book) -> Sequence[str]:
    """The rules whose files are not as they were brought in last: they wait for a sync."""
    lookup, standings = book.lookup(), library.standings()
    return [
        rule
        for rule, document in sorted(book.rules.items())
        if _resolved(document, lookup) not in [each.version for each in standings.get(rule, ())]
    ]


def _otherwise(version: Version, standings: Sequence[Standing]) -> Standing | None:
    """`version` where it counts, as it is to be described; None when it is so, or counts not."""
    for each in standings:
        if each.state in PUBLISHED and each.version.version == version.version:
            same = each.version == version
            return None if same else msgspec.structs.replace(each, version=version)
    return None


def _unsound(standing: Standing, wrong: Sequence[str]) -> Synced | None:
    """What counts is described by nothing that it could not count with."""
    if not wrong:
        return None
    return Synced(
        rule=standing.change.rule,
        what="wrong",
        version=standing.change.version,
        state=standing.state,
        says="it stays described as it was: " + "; ".join(wrong),
    )


def _resolved(document: RuleDocument, lookup: Lists) -> Version | str:
    """The version that a file is, or why it cannot be read."""
    try:
        return resolve(document, lookup)
    except Stop as error:
        return str(error)


def _bring_in(
    turn: Turn, version: Version, standings: Sequence[Standing], *, by: str, strict: bool
) -> Synced:
    rule, what = version.document.id, SAME
    known = {each.version.version: each for each in standings}
    held = known.get(version.version)
    if held is None:
        turn.describe(version, by=by)
        turn.move(rule, version.version, "draft", by=by)
        what = "changed" if known else "new"
        return Synced(rule=rule, what=what, version=version.version, state="draft")
    marked = held.version.document.special_category
    if strict and marked and not version.document.special_category:
        return Synced(
            rule=rule, what="wrong", version=version.version, state=held.state, says=UNMARKED
        )
    if strict and needs_review(held, version):
        return _asked(turn, held, version, by=by)
    if held.version != version:
        turn.describe(version, by=by)
        what = "described otherwise"
    verb = "review" if strict else "activate"
    way_back = (
        f"{WITHDRAWN}: `peil rules {verb} {rule} --version {version.version}` is the way back"
    )
    return Synced(
        rule=rule,
        what=what,
        version=version.version,
        state=held.state,
        says=way_back if held.state == "withdrawn" else "",
    )


def _asked(turn: Turn, held: Standing, version: Version, *, by: str) -> Synced:
    """What needs a review waits for it: that it was asked for stands in the history, once."""
    rule, number = version.document.id, version.version
    if held.state == "outgoing":  # its time beside the other one is counted from its last change
        return Synced(rule=rule, what="wrong", version=number, state=held.state, says=REPLACED)
    asked = wish(held, version)
    if not any(each.note == asked for each in turn.history(rule)):
        turn.note(held, asked, by=by)
    return Synced(
        rule=rule,
        what="waits",
        version=number,
        state=held.state,
        says=f"{asked}: somebody else does it with `peil rules review {rule} --version {number}`",
    )


def _without_file(before: Standings, book: Book) -> Mapping[str, Sequence[Standing]]:
    """What is not over of the rules that have no file; one that cannot be read is a file."""
    there = {*book.rules, *(each.name for each in book.unread)}
    return {
        rule: left
        for rule, standings in before.items()
        if rule not in there and (left := living(standings))
    }


def _forget_lists(library: Library, book: Book) -> None:
    """Drop the lists that have no file and that no version names which may still count."""
    there = {*book.lists, *(each.name.removeprefix("$") for each in book.unread)}
    lost = {each.name for each in library.lists()} - there
    if not lost:  # as nearly always
        return
    with library.turn() as turn:
        left = [each for found in turn.standings().values() for each in living(found)]
        named = {words.name for each in left for words in each.version.lists}
        turn.forget_lists(lost - named)


def _gone(left: Sequence[Standing]) -> Synced:
    newest = next((each for each in reversed(left) if each.state in PUBLISHED), left[-1])
    rule, version = newest.change.rule, newest.change.version
    says = without_file(rule, left)
    return Synced(rule=rule, what="gone", version=version, state=newest.state, says=says)


def _settled(
    library: Library,
    found: Mapping[str, Synced],
    book: Book,
    *,
    by: str,
    today: date,
    personal: Callable[[str], Sequence[str]],
    enrich: Enrich,
) -> Mapping[str, Synced]:
    """As one person alone would have it: what is ready counts, and what has no file ends."""
    versions = {
        each.version.name: each.version for held in library.standings().values() for each in held
    }
    waiting = {
        rule: missing(
            versions[f"{rule}@{each.version}"],
            book=book,
            today=today,
            personal=personal,
            enrich=enrich,
        )
        for rule, each in found.items()
        if each.state in AT_ONCE and each.what not in {"gone", "wrong"}
    }
    changed = {
        rule: msgspec.structs.replace(found[rule], says="it does not count: " + "; ".join(lacks))
        for rule, lacks in waiting.items()
        if lacks
    }
    with library.turn() as turn:
        now = turn.standings()
        for rule, each in found.items():
            if each.what == "gone":
                changed[rule] = _end(turn, each, now[rule], by=by)
            elif rule in waiting and not waiting[rule]:
                changed[rule] = _activate(turn, each, now[rule], by=by)
    return changed


def _end(turn: Turn, synced: Synced, standings: Sequence[Standing], *, by: str) -> Synced:
    """What counts of a rule without a file ends. A draft of it may be all that there is of
    somebody's work: it stays, and is told.
    """
    ended = [each for each in standings if each.state in PUBLISHED]
    for each in ended:
        turn.move(synced.rule, each.version.version, "expired", by=by, note=FILE_GONE)
    left = [each for each in living(standings) if each not in ended]
    return msgspec.structs.replace(
        synced,
        state="expired" if ended else synced.state,
        says=without_file(synced.rule, left) if left else FILE_GONE,
    )


def _activate(turn: Turn, synced: Synced, standings: Sequence[Standing], *, by: str) -> Synced:
    (state,) = [each.state for each in standings if each.version.version == synced.version]
    if state == synced.state:  # else another person was faster
        turn.move(synced.rule, synced.version, "active", by=by, single_author=True)
        state = "active"
    return msgspec.structs.replace(synced, state=state)
