"""What can be said of rules without posts: mistakes, what lacks, what is out of bounds."""

from collections.abc import Sequence
from datetime import date

import msgspec

from rules.documents import Book
from rules.errors import QueryError
from rules.parser import parse
from rules.tokens import tokenise
from rules.tree import (
    And,
    Keywords,
    Near,
    Node,
    Not,
    Of,
    Or,
    Phrase,
    Term,
    Together,
    children,
)  # fmt: skip


class Finding(msgspec.Struct, frozen=True):
    """Something that a rule's author should look at; an error keeps the rule from running."""

    severity: str
    document: str
    message: str


def check(book: Book, *, today: date) -> Sequence[Finding]:
    """All that can be said of a book without posts: what does not parse, what lacks, what is
    over its date, and names of groups that stand alone.
    """
    findings: list[Finding] = []
    lookup = book.lookup()
    protected = frozenset(
        " ".join(token.forms[0] for token in tokenise(entry) if token.forms)
        for each in book.lists.values()
        if each.lint
        for entry in each.entries
    )
    for rule in book.rules.values():
        try:
            tree = parse(rule.query, lists=lookup, use="stream").tree
        except QueryError as error:
            findings.append(Finding("error", rule.id, str(error)))
            continue
        if alone := _alone(tree, protected):
            findings.append(
                Finding(
                    "error",
                    rule.id,
                    f"{alone!r} alone would match a group of people: a group is not a phenomenon; "
                    "put the behaviour that you look for beside it",
                )
            )
        findings += [
            Finding("error", rule.id, f"{name} is empty")
            for name in ("title", "purpose", "owner", "category")
            if not getattr(rule, name).strip()
        ]
        findings += [
            Finding("warning", rule.id, f"there is no [[{name}]] example")
            for name in ("match", "no_match")
            if not getattr(rule, name)
        ]
        if rule.expires <= today:
            findings.append(Finding("warning", rule.id, f"it expired on {rule.expires}"))
    return findings


def _alone(node: Node, protected: frozenset[str]) -> str | None:
    """A name of a group that is enough for `node` to match, if there is one."""
    match node:
        case Term():
            return node.form if node.form.lstrip("#") in protected else None
        case Phrase():
            text = " ".join(node.forms)
            return text if text in protected else None
        case Or() | Keywords():
            return next((hit for each in children(node) if (hit := _alone(each, protected))), None)
        case And() | Near() | Together() | Of():
            hits = [_alone(each, protected) for each in children(node) if not isinstance(each, Not)]
            return hits[0] if hits and all(hits) else None
        case _:
            return None
