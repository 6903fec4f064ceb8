"""Which query is meant: that of a rule's file, of a version of it, or one that was typed."""

import difflib

from index.subject import Subject
from rules.documents import Book, activate
from rules.life.library import Standings, version_of
from rules.life.versions import Version
from rules.lists import Lists
from rules.parser import parse
from stream.errors import Stop


class Subjects:
    """What can be tried: the rules of `book`, and every version that was ever brought in."""

    def __init__(self, book: Book, standings: Standings, *, lists: Lists) -> None:
        self._book = book
        self._standings = standings
        self._lists = lists

    def typed(self, query: str) -> Subject:
        """The words of a query; QueryError with all its mistakes."""
        return Subject(query=query, tree=parse(query, lists=self._lists).tree)

    def rule(self, name: str) -> Subject:
        """`RULE`, as its file is now, or `RULE@VERSION`. Stop when there is none, and when its
        query cannot be read.
        """
        rule, _, version = name.partition("@")
        if version:
            held = version_of(rule, self._standings.get(rule, ()), version)
            return _of_version(held.version)
        self._book.check_read(rule)
        document = self._book.rules.get(rule)
        if document is None:
            known = [*self._book.rules, *self._standings]
            close = difflib.get_close_matches(rule, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise Stop(f"there is no rule {rule!r}; {hint}`peil rules list` shows them")
        active = activate(document, self._lists)
        return Subject(
            query=document.query,
            tree=active.tree,
            rule=rule,
            special=document.special_category,
            name=active.name,
        )

    def active(self, rule: str) -> Subject | None:
        """The version of `rule` that counts now, if there is one."""
        found = (each for each in self._standings.get(rule, ()) if each.state == "active")
        return next((_of_version(each.version) for each in found), None)

    def against(self, name: str, subject: Subject) -> Subject | None:
        """What `subject` is compared with: `RULE` as it is active (or as its file is, where it
        never was), or `RULE@VERSION`; without a name the active version of the same rule, if
        that is another one.
        """
        if name:
            return (None if "@" in name else self.active(name)) or self.rule(name)
        active = self.active(subject.rule)
        return None if active is None or active.name == subject.name else active


def _of_version(version: Version) -> Subject:
    active = version.activate()
    return Subject(
        query=version.document.query,
        tree=active.tree,
        rule=active.id,
        special=active.special_category,
        name=active.name,
    )
