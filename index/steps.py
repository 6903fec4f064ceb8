"""The queries that are one step simpler than a query: an operand less, a word less in a phrase, a
distance or a slop of one less, a shorter prefix, a word in place of its lemma.

Many steps lead from any query to no condition at all. Keyword lists are left as they are: nobody
changes them for one question.
"""

from collections.abc import Iterator
from typing import TypeVar

from rules.folding import fold
from rules.operands import MIN_PREFIX
from rules.tree import (
    And,
    At,
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
    with_one,
)  # fmt: skip

T = TypeVar("T")

_Path = tuple[int, ...]

Operand = tuple[_Path, Node]
"""An operand, and where what it is one of stands in the query."""

_Simpler = Iterator[tuple[Node, Operand | None]]


def steps(tree: Node | None) -> Iterator[tuple[Node | None, Operand | None]]:
    """Every tree that is one step simpler (None is no condition at all), with the operand of an
    AND or OR that is left out, where it is one. Always in the same order for the same tree: a
    bracket before what stands in it.
    """
    if tree is not None:
        yield None, None
        yield from _simpler(tree, (), placed=False)


def _simpler(node: Node, path: _Path, *, placed: bool) -> _Simpler:
    """`node`, to which `path` leads, with one operand less, or one of its parts made simpler, where
    it was written. What is `placed` stands beside NEAR and must keep a place in the text.
    """
    if isinstance(node, And | Or):
        for operand, rest in zip(node.children, _without_one(node.children), strict=True):
            yield _together(type(node), rest, node.at), (path, operand)
    for each in _simpler_itself(node, placed=placed):
        yield each, None
    yield from _simpler_below(node, path, placed=placed)


def _simpler_itself(node: Node, *, placed: bool) -> Iterator[Node]:
    at = node.at
    match node:
        case Of():
            for rest in _without_one(node.members):
                if node.least <= len(rest):
                    yield _of(node.least, rest, at)  # as if it never matched
                if node.least > 1:
                    yield _of(node.least - 1, rest, at)  # as if it always did
        case Near():
            if not placed:
                yield And((node.left, node.right), at=at)
            if node.distance > 0:
                yield Near(node.left, node.right, node.distance - 1, node.ordered, at=at)
            if node.ordered:
                yield Near(node.left, node.right, node.distance, at=at)
        case Together():
            if not placed:
                yield And((node.left, node.right), at=at)
        case Phrase():
            if node.slop:
                yield Phrase(node.forms, node.slop - 1, at=at)
            yield from (_phrase(forms, at) for forms in (node.forms[1:], node.forms[:-1]))
        case Prefix():
            yield Term(node.stem, at=at)
            if len(node.stem) > MIN_PREFIX:
                yield Prefix(node.stem[:-1], at=at)
        case Cased():
            yield _phrase(tuple(map(fold, node.words)), at)
        case Lemma() | Part():
            yield Term(node.word, at=at)
        case Field():
            if len(node.values) > 1:
                yield from (Field(node.name, rest, at=at) for rest in _without_one(node.values))
        case And() | Or() | Not() | Term() | Keywords() | Dates():
            pass


def _simpler_below(node: Node, path: _Path, *, placed: bool) -> _Simpler:
    if isinstance(node, Keywords):
        return
    beside = placed or isinstance(node, Near | Together)
    for index, child in enumerate(children(node)):
        for simpler, operand in _simpler(child, (*path, index), placed=beside):
            if is_positional(simpler) or not isinstance(node, Near | Together):
                yield _with(node, index, simpler), operand


def _with(node: Node, index: int, simpler: Node) -> Node:
    """`node` with a simpler operand at `index`."""
    operands = with_one(children(node), index, simpler)
    match node:
        case And() | Or():
            return type(node)(operands, at=node.at)
        case Of():
            return Of(node.least, operands, at=node.at)
        case Not():
            return Not(simpler, at=node.at)
        case Near():
            left, right = operands
            return Near(left, right, node.distance, node.ordered, at=node.at)
        case Together():
            left, right = operands
            return Together(left, right, at=node.at)
        case _:
            raise AssertionError(node)  # nothing is below it


def _without_one(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    return (items[:index] + items[index + 1 :] for index in range(len(items)))


def _together(kind: type[And] | type[Or], nodes: tuple[Node, ...], at: At) -> Node:
    return nodes[0] if len(nodes) == 1 else kind(nodes, at=at)


def _of(least: int, members: tuple[Node, ...], at: At) -> Node:
    if least == len(members):
        return _together(And, members, at)
    return Or(members, at=at) if least == 1 else Of(least, members, at=at)


def _phrase(forms: tuple[str, ...], at: At) -> Node:
    return Term(forms[0], at=at) if len(forms) == 1 else Phrase(forms, at=at)
