"""The rules as whoever reads answers knows them, which need not be what their files say."""

from collections.abc import Mapping, Sequence

import msgspec

from rules.documents import Book
from rules.life.fresh import Fresh
from rules.life.history import Change
from rules.life.library import Library, Standings, those_in


class ReadersBook:
    """The rules of `files` as they count. Threads may share it."""

    def __init__(self, files: Book, library: Library) -> None:
        self._book = Fresh(lambda: standing_in(files, library.standings()), now=library.now)

    def __call__(self) -> Book:
        """As it stood a moment ago; reads the database when that is longer ago."""
        return self._book()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of which there are counts to see: those that count, and those that did. `ended`
    has, of the latter, when that was (Unix ms). `book` has no others, each as in `versions`.
    """

    book: Book
    versions: Mapping[str, str]
    ended: Mapping[str, int]


class ShownRules:
    """The rules of `files` of which there are counts to see. Threads may share it."""

    def __init__(self, files: Book, library: Library) -> None:
        self._shown = Fresh(lambda: shown_in(files, library), now=library.now)

    def __call__(self) -> Shown:
        """As it stood a moment ago; reads the database when that is longer ago."""
        return self._shown()


def shown_in(book: Book, library: Library) -> Shown:
    """What of `book` there are counts of. Nothing a file says is in it: what a rule is called that
    counts, or that did, was reviewed.
    """
    standings = library.standings()
    shown = {each.change.rule: each.version for each in those_in(standings, "active")}
    ended: dict[str, int] = {}
    for rule, found in standings.items():
        last = None if rule in shown else last_active(library.history(rule))
        for each in found:
            if last is not None and each.version.version == last.version:
                shown[rule], ended[rule] = each.version, last.at
    return Shown(
        book=msgspec.structs.replace(
            book, rules={rule: each.document for rule, each in shown.items()}
        ),
        versions={rule: each.version for rule, each in shown.items()},
        ended=ended,
    )


def last_active(history: Sequence[Change]) -> Change | None:
    """The change, of one rule's `history` (oldest first), with which a version was active last;
    None when none ever was.
    """
    active: set[str] = set()
    last = None
    for each in history:
        if each.state == "active":
            active.add(each.version)
        elif each.version in active:
            active.remove(each.version)
            last = each
    return last


def standing_in(book: Book, standings: Standings) -> Book:
    """`book` for whoever reads answers, and not for whoever works on its files: a rule that counts
    is as it was brought in and reviewed, and one whose file cannot be read as it was last.
    """
    unread = [each.name for each in book.unread if each.name in standings]
    held = {rule: standings[rule][-1].version.document for rule in unread}
    counting = {
        each.change.rule: each.version.document for each in those_in(standings, "active")
    }  # fmt: skip
    return msgspec.structs.replace(book, rules={**book.rules, **held, **counting})
