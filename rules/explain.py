"""Why a post matches or does not: every part of the query, and words in their context."""

from itertools import islice
from typing import Literal, assert_never

import msgspec

from rules.evaluator import MAX_SPANS, Reading, holds, spans
from rules.reasons import failure
from rules.spans import Span
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    Keywords,
    Lemma,
    Near,
    Node,
    Not,
    Of,
    Or,
    Part,
    Phrase,
    Prefix,
    Term,
    Together,
    children,
    is_positional,
)  # fmt: skip
from rules.written import written
from stream.post import Post

Kind = Literal[
    "term", "phrase", "prefix", "case", "lemma", "part", "and", "or", "not", "exclude", "near",
    "sentence", "of", "list", "field", "date",
]  # fmt: skip

MAX_ENTRIES = 20
"""So many entries of a list are told that a post has."""

SHORT = 40
"""Of a longer part of a query so many characters are named where another part is explained."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a query and whether it is true of a post.

    `text` is the part as it was written. `why` says what failed first, and is empty when it is
    true. `spans` are the tokens (first, last + 1) that it found, of parts that have a place in a
    text. The children are those of the query; of a list only the entries that the post has, at
    most `MAX_ENTRIES`.
    """

    kind: Kind
    text: str
    holds: bool
    why: str = ""
    spans: tuple[Span, ...] = ()
    children: tuple["Reason", ...] = ()


class InContext(msgspec.Struct, frozen=True):
    """A keyword in context: what stands left of it, the words themselves, what stands right."""

    left: str
    keyword: str
    right: str


def explain(
    tree: Node, post: Post, *, query: str = "", timezone: str = "Europe/Amsterdam"
) -> Reason:
    """Why `post` matches `tree` or does not. `query` is the text that the tree was made of; days
    are those of `timezone`.
    """
    return _reason(tree, Reading(post, timezone), query)


def _reason(node: Node, post: Reading, query: str) -> Reason:
    true = holds(node, post)
    found = spans(node, post) if true and is_positional(node) else iter(())

    def named(each: Node) -> str:
        text = _text(each, query)
        return f"`{text if len(text) <= SHORT else text[:SHORT] + '…'}`"

    return Reason(
        kind=_kind(node),
        text=_text(node, query),
        holds=true,
        why="" if true else failure(node, post, named),
        spans=tuple(sorted(set(islice(found, MAX_SPANS)))),
        children=tuple(_children(node, post, query)),
    )


def _children(node: Node, post: Reading, query: str) -> list[Reason]:
    if isinstance(node, Keywords):  # its entries stand in the list, not in the query
        there = (entry for entry in node.entries if holds(entry, post))
        return [_reason(entry, post, "") for entry in islice(there, MAX_ENTRIES)]
    return [_reason(child, post, query) for child in children(node)]


def _text(node: Node, query: str) -> str:
    return " ".join(query[node.at.start : node.at.end].split()) or written(node)


def _kind(node: Node) -> Kind:
    match node:
        case Term():
            return "term"
        case Phrase():
            return "phrase"
        case Prefix():
            return "prefix"
        case Cased():
            return "case"
        case Lemma():
            return "lemma"
        case Part():
            return "part"
        case And():
            return "and"
        case Or():
            return "or"
        case Not():
            return "exclude" if node.exclude else "not"
        case Near():
            return "near"
        case Together():
            return "sentence"
        case Of():
            return "of"
        case Keywords():
            return "list"
        case Field():
            return "field"
        case Dates():
            return "date"
        case _:
            assert_never(node)


def in_context(post: Post, span: Span, *, width: int = 40) -> InContext:
    """The token span (first, last + 1) of `post` with at most `width` characters on each side,
    cut at a space where there is one.
    """
    start, end = post.tokens[span[0]].start, post.tokens[span[1] - 1].end
    left, right = post.text[max(0, start - width) : start], post.text[end : end + width]
    if start > width and " " in left:
        left = "…" + left.split(" ", 1)[1]
    if end + width < len(post.text) and " " in right:
        right = right.rsplit(" ", 1)[0] + "…"
    return InContext(_line(left), _line(post.text[start:end]), _line(right))


def _line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
