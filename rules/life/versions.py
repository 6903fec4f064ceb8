"""A version of a rule: its document with the lists that it names, as it is stored and travels."""

from datetime import date

import msgspec

from rules.documents import ActiveRule, Book, KeywordList, RuleDocument, activate
from rules.lists import ListEntries, Lists, list_lookup
from rules.tree import Keywords, walk
from stream.errors import Stop


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with all that decides what it matches, to be parsed again where it is needed.

    `version` is `rules.documents.version_of` its tree; `lists` hold what its query resolves to.
    """

    document: RuleDocument
    lists: tuple[ListEntries, ...]
    version: str

    @property
    def name(self) -> str:
        """`rule@version`."""
        return f"{self.document.id}@{self.version}"

    def lookup(self) -> Lists:
        """The lists of this version as the parser asks for them."""
        return _lookup(self.lists)

    def activate(self) -> ActiveRule:
        """The rule as it is matched; Stop when it cannot be read, and when this release of peil
        reads it as another version.
        """
        rule = activate(self.document, self.lookup())
        if rule.version != self.version:
            raise Stop(
                f"rule {rule.id} is version {rule.version} here and {self.version} where it was "
                "published: another release of peil reads it differently; upgrade all processes "
                "together"
            )
        return rule


def resolve(document: RuleDocument, lists: Lists) -> Version:
    """The version that `document` is with these lists; Stop with every mistake in its query."""
    rule = activate(document, lists)
    named = {
        (each.name, each.version): lists(each.name, each.version)
        for each in walk(rule.tree)
        if isinstance(each, Keywords)
    }
    return Version(
        document=document,
        lists=tuple(found for _, found in sorted(named.items()) if found is not None),
        version=rule.version,
    )


def versions_of(book: Book, *, today: date) -> tuple[Version, ...]:
    """The rules of a folder that have not expired on `today`; Stop when one does not parse."""
    lookup = book.lookup()
    return tuple(
        resolve(document, lookup) for document in book.rules.values() if document.expires > today
    )


def as_document(entries: ListEntries) -> KeywordList:
    """A list of which nothing but its entries is known."""
    return KeywordList(
        id=entries.name, version=entries.version, title="", owner="", entries=entries.entries
    )


def _lookup(lists: tuple[ListEntries, ...]) -> Lists:
    by_name: dict[str, dict[int, ListEntries]] = {}
    for each in lists:
        by_name.setdefault(each.name, {})[each.version] = each
    return list_lookup(by_name)
