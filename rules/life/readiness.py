"""What keeps a version from being reviewed and from counting: mistakes, and its own examples."""

from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from rules.documents import Book, Enrich, run_examples, unchanged
from rules.life.versions import Version, as_document
from rules.lint.linter import known_of, lint_rule, names_alike
from rules.lint.meaning import nothing


def missing(
    version: Version,
    *,
    book: Book,
    today: date,
    personal: Callable[[str], Sequence[str]] = nothing,
    enrich: Enrich = unchanged,
) -> Sequence[str]:
    """What must be mended in `version` first, a line each; nothing when it is ready."""
    found = mistakes(version, book=book, today=today, personal=personal, enrich=enrich)
    expires = version.document.expires
    over = [f"it expired on {expires}: give it a later date, then sync it"]
    return [*found, *(over if expires <= today else ())]


def mistakes(
    version: Version,
    *,
    book: Book,
    today: date,
    personal: Callable[[str], Sequence[str]] = nothing,
    enrich: Enrich = unchanged,
) -> Sequence[str]:
    """What of that is wrong whatever the date.

    Of `book` count the names of the other rules, and the lists that say what a rule may not be
    about (also those that cannot be read): the words of other lists are in the version. `personal`
    names what in a text leads to a person.
    """
    document = version.document
    alone = Book(
        rules={document.id: document},
        lists={name: each for name, each in book.lists.items() if each.lint},
        older=tuple(map(as_document, version.lists)),
    )
    others = [name for name in book.rules if name != document.id]
    known = msgspec.structs.replace(
        known_of(alone, personal=personal), withheld=known_of(book).withheld
    )
    findings = [
        *lint_rule(document, today, known=known),
        *(each for each in names_alike([*others, document.id]) if each.document == document.id),
    ]
    found = [each.message for each in findings if each.severity == "error"]
    if not found:  # what cannot be read has no examples that can be tried
        found = [
            str(outcome) for outcome in run_examples(alone, enrich=enrich) if not outcome.passed
        ]
    return found
