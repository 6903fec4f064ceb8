"""What keeps a version from being reviewed and from counting: mistakes, and its own examples."""

from collections.abc import Iterable, Sequence
from datetime import date

from rules.documents import Book, Enrich, KeywordList, run_examples, unchanged
from rules.life.versions import Version, as_document
from rules.lint.linter import check


def missing(
    version: Version,
    *,
    lists: Iterable[KeywordList],
    today: date,
    enrich: Enrich = unchanged,
) -> Sequence[str]:
    """What must be mended in `version` first, a line each; nothing when it is ready.

    Of `lists` only those count that say what a rule may not be about: the words of the others
    are in the version.
    """
    document = version.document
    book = Book(
        rules={document.id: document},
        lists={each.id: each for each in lists if each.lint},
        older=tuple(map(as_document, version.lists)),
    )
    found = [each.message for each in check(book, today=today) if each.severity == "error"]
    if not found:  # what cannot be read has no examples that can be tried
        found = [
            str(outcome) for outcome in run_examples(book, enrich=enrich) if not outcome.passed
        ]
    if document.expires <= today:
        found.append(f"it expired on {document.expires}: give it a later date, then sync it")
    return found
