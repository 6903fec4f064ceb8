"""What can be said of rules, lists and searches without posts. Every check is in
`rules.lint.catalogue`, and what they find is so; of what cannot be decided, nothing is said.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import regex

from rules.documents import Book, KeywordList, RuleDocument, restates
from rules.errors import QueryError
from rules.lint.alone import Groups
from rules.lint.breadth import Frequencies
from rules.lint.findings import Finding, finding, spot_of, unread
from rules.lint.meaning import Known, lint_query, nothing, problem_spot, said
from rules.lint.persons import leads
from rules.lint.redundancy import covered
from rules.parser import parse
from rules.tree import Node, is_positional

MONTHS = 6
"""A rule is looked at again within so many months."""

_NEEDED = ("title", "purpose", "owner", "category")


def known_of(
    book: Book,
    *,
    personal: Callable[[str], Sequence[str]] = nothing,
    frequencies: Frequencies | None = None,
) -> Known:
    """What a folder's own lists tell."""
    names = [entry for each in book.lists.values() if each.lint for entry in each.entries]
    return Known(
        lists=book.lookup(),
        groups=Groups(names),
        withheld=", ".join(each.file for each in book.withheld()),
        personal=personal,
        frequencies=frequencies,
    )


def check(
    book: Book,
    *,
    today: date,
    known: Known | None = None,
    only: Collection[str] | None = None,
) -> Sequence[Finding]:
    """All that can be said of a book on `today`, document by document; of those in `only` when
    it is given (a list's name begins with $).
    """
    known = known_of(book) if known is None else known
    found = [unread("R105", each) for each in book.unread if only is None or each.name in only]
    for name, rule in book.rules.items():
        if only is None or name in only:
            found += lint_rule(rule, today, known=known)
    alike = (*names_alike(book.rules), *_queries_alike(book.rules, known))
    found += [each for each in alike if only is None or each.document in only]
    for name, each in book.lists.items():
        if only is None or f"${name}" in only:
            found += lint_list(each, known=known)
            if why := restates(each, book.older):
                found.append(finding("R603", f"${name}", why))
    return found


def lint_rule(document: RuleDocument, today: date, *, known: Known) -> Sequence[Finding]:
    """All that can be said of one rule on `today`."""
    name = document.id
    return [
        *lint_query(document.query, known=known, name=name, use="stream"),
        *(
            finding("R501", name, f"its {field} is empty")
            for field in _NEEDED
            if not getattr(document, field).strip()
        ),
        *(
            finding("R502", name, f"there is no [[{field}]] example")
            for field in ("match", "no_match")
            if not getattr(document, field)
        ),
        *_expiry(document, today),
        *_texts_of_persons(name, document, known),
    ]


def lint_list(document: KeywordList, *, known: Known) -> Sequence[Finding]:
    """All that can be said of one keyword list."""
    name = f"${document.id}"
    told = [*_texts_of_persons(name, document, known)]
    if not document.entries:
        return [*told, finding("R602", name, "it has no entries; add some, or take the list out")]
    nodes: list[Node] = []
    found: list[Finding] = []
    text_of: dict[int, str] = {}
    for entry in document.entries:
        try:
            node = parse(entry).tree
        except QueryError as error:
            found += [
                finding("R601", name, f"entry {entry!r}: {said(each)}", problem_spot(entry, each))
                for each in error.problems
            ]
            continue
        if not is_positional(node):
            found.append(
                finding("R601", name, f"entry {entry!r}: words, phrases and prefixes only")
            )
            continue
        found += [
            finding(
                each.code, name, f"entry {entry!r}: {each.message}", spot_of(entry, each.node.at)
            )
            for each in leads(entry, node, personal=known.personal)
        ]
        nodes.append(node)
        text_of[id(node)] = entry
    return [
        *told,
        *found,
        *(
            finding("R204", name, f"entry {text_of[id(each.part)]!r} is covered by "
                                  f"{text_of[id(each.by)]!r}; take it out")
            for each in covered(nodes, positional=True)
        ),
    ]  # fmt: skip


def _expiry(document: RuleDocument, today: date) -> Iterator[Finding]:
    latest = _later(today, MONTHS)
    if document.expires <= today:
        yield finding(
            "R503", document.id, f"it expired on {document.expires}; set a new date or take it out"
        )
    elif document.expires > latest:
        yield finding(
            "R504", document.id, f"it expires on {document.expires}; set a date up to {latest}"
        )


def _later(day: date, months: int) -> date:
    """The same day so many months later; the first of the next month where there is none."""
    count = day.month - 1 + months
    year, month = day.year + count // 12, count % 12 + 1
    try:
        return date(year, month, day.day)
    except ValueError:
        return date(year, month + 1, 1)


def _texts_of_persons(
    name: str, document: RuleDocument | KeywordList, known: Known
) -> Iterator[Finding]:
    for what, text in _texts(document):
        for kind in known.personal(text):
            yield finding("R507", name, f"{what} holds {kind}; write it without")


def _texts(document: RuleDocument | KeywordList) -> Iterator[tuple[str, str]]:
    yield "its title", document.title
    if isinstance(document, RuleDocument):
        yield "its purpose", document.purpose
    for field in ("match", "no_match"):
        for number, example in enumerate(getattr(document, field), 1):
            yield f"[[{field}]] example {number}", f"{example.text}\n{example.why}"


def names_alike(rules: Iterable[str]) -> Iterator[Finding]:
    """Rules whose names are nearly alike: each is told of the others."""
    names: dict[str, list[str]] = {}
    for name in rules:
        names.setdefault(regex.sub(r"[\W_]", "", name.casefold()), []).append(name)
    for name, others in _shared(names):
        yield finding("R505", name, f"its name is nearly that of {others}; give one another name")


def _queries_alike(rules: Mapping[str, RuleDocument], known: Known) -> Iterator[Finding]:
    queries: dict[Node, list[str]] = {}
    for name, document in rules.items():
        try:
            tree = parse(document.query, lists=known.lists, use="stream").tree
        except QueryError:
            continue  # said of the rule itself
        queries.setdefault(tree, []).append(name)
    for name, others in _shared(queries):
        yield finding("R506", name, f"it asks for the same as {others}; keep one of them")


def _shared(names: Mapping[Any, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Each name with the others that share what it has."""
    for found in names.values():
        for name in found if len(found) > 1 else ():
            yield name, ", ".join(other for other in found if other != name)
