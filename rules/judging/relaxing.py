"""Queries that ask for a little less than another: what it nearly matches is a hint at what it
misses.
"""

from collections.abc import Iterator

from rules.operands import MAX_DISTANCE, MIN_PREFIX
from rules.tree import (
    And,
    Dates,
    Field,
    Near,
    Node,
    Not,
    Of,
    Or,
    Phrase,
    Prefix,
    Term,
    Together,
    is_positional,
    size,
    with_one,
)  # fmt: skip

WIDER = 10
"""So many more words may stand between two that must be near each other."""

MOST_NODES = 90
"""A query for near misses is no larger: a question has at most 100 words and operators."""


def near_misses(tree: Node) -> And | None:
    """The query for what a query that is a little looser than `tree` matches and `tree` does not;
    None when there is none.
    """
    found: list[Node] = []
    room = MOST_NODES - size(tree)
    for each in dict.fromkeys(relaxed(tree)):
        room -= size(each)
        if room >= 0:
            found.append(each)
    if not found:
        return None
    return And((found[0] if len(found) == 1 else Or(tuple(found)), Not(tree)))


def relaxed(tree: Node) -> Iterator[Node]:
    """Every query that asks for one thing less than `tree`, and matches all that it does."""
    yield from _relaxed(tree, placed=False)


def _relaxed(node: Node, *, placed: bool) -> Iterator[Node]:
    """What is `placed` stands beside NEAR, and must keep a place in the text."""
    match node:
        case And():
            yield from _with_one_less(node)
            for index, child in enumerate(node.children):
                if not isinstance(child, Not):
                    for other in _relaxed(child, placed=placed):
                        yield And(with_one(node.children, index, other))
        case Or():
            for index, child in enumerate(node.children):
                for other in _relaxed(child, placed=placed):
                    yield Or(with_one(node.children, index, other))
        case Near():
            if node.distance < MAX_DISTANCE:
                wider = min(node.distance + WIDER, MAX_DISTANCE)
                yield Near(node.left, node.right, wider, node.ordered)
            elif not placed:
                yield And((node.left, node.right))
            if node.ordered:
                yield Near(node.left, node.right, node.distance)
            for left, right in _sides(node):
                yield Near(left, right, node.distance, node.ordered)
        case Together():
            if not placed:
                yield And((node.left, node.right))
            for left, right in _sides(node):
                yield Together(left, right)
        case Of():
            if node.least > 1:
                least = node.least - 1
                yield Or(node.members) if least == 1 else Of(least, node.members)
        case Phrase():
            words = tuple(Term(form) for form in dict.fromkeys(node.forms))
            if len(words) == 1:
                yield words[0]
            elif placed:
                yield Phrase(node.forms, node.slop + 1)
            else:
                yield And(words)
        case Prefix() if len(node.stem) > MIN_PREFIX:
            yield Prefix(node.stem[:-1])
        case _:
            pass


def _with_one_less(node: And) -> Iterator[Node]:
    """Without one of the operands; of those that must be there one stays, and a field, which says
    where to look and not what for, is none of them.
    """
    needed = [index for index, child in enumerate(node.children) if _is_looked_for(child)]
    for index, child in enumerate(node.children):
        if isinstance(child, Not) or (index in needed and len(needed) > 1):
            rest = node.children[:index] + node.children[index + 1 :]
            yield rest[0] if len(rest) == 1 else And(rest)


def _is_looked_for(node: Node) -> bool:
    return not isinstance(node, Not | Field | Dates)


def _sides(node: Near | Together) -> Iterator[tuple[Node, Node]]:
    for left in _relaxed(node.left, placed=True):
        if is_positional(left):
            yield left, node.right
    for right in _relaxed(node.right, placed=True):
        if is_positional(right):
            yield node.left, right
