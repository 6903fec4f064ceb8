"""What is true of no post, or of every one, whatever is said in it; sound and not complete."""

from collections.abc import Sequence

from rules.fields import VALUES
from rules.lint.logic import MANY, SINGLE, exclude_each_other, implies, must_occur
from rules.tree import (
    And,
    Dates,
    Field,
    Keywords,
    Near,
    Node,
    Not,
    Of,
    Or,
    Together,
    children,
)  # fmt: skip


def conjuncts(node: Node) -> tuple[Node, ...]:
    """What must be true together for `node` to be true."""
    match node:
        case And():
            return tuple(part for child in node.children for part in conjuncts(child))
        case Not(child=Not(child=child)):
            return conjuncts(child)
        case _:
            return (node,)


def never(node: Node) -> bool:
    """Whether `node` is true of no post."""
    match node:
        case And():
            return _never_together(conjuncts(node))
        case Or() | Keywords():
            return all(never(child) for child in children(node))
        case Near() | Together():
            return never(node.left) or never(node.right)
        case Of():
            return _too_few(node)
        case Not():
            return always(node.child)
        case _:
            return False


def _never_together(parts: Sequence[Node]) -> bool:
    if any(never(part) for part in parts):
        return True
    there = frozenset[Node]().union(*map(must_occur, parts))
    if any(isinstance(part, Not) and part.child in there for part in parts):
        return True
    if len(parts) <= MANY and any(_is_ruled_out(part, parts) for part in parts):
        return True
    return _no_value_left(parts) or _no_day_left(parts)


def _is_ruled_out(part: Node, parts: Sequence[Node]) -> bool:
    match part:
        case Not():
            return any(implies(each, part.child) for each in parts)
        case Or():
            return len(part.children) <= MANY and all(
                any(
                    exclude_each_other(piece, each) for piece in conjuncts(branch) for each in parts
                )
                for branch in part.children
            )
        case _:
            return False


def _no_value_left(parts: Sequence[Node]) -> bool:
    """Whether a field would have to have two values, or one that is ruled out."""
    fields = [part for part in parts if isinstance(part, Field) and part.name in SINGLE]
    without = [part.child for part in parts if isinstance(part, Not)]
    for name in {field.name for field in fields}:
        left = set[str].intersection(*(set(each.values) for each in fields if each.name == name))
        for each in without:
            if isinstance(each, Field) and each.name == name:
                left.difference_update(each.values)
        if not left:
            return True
    return False


def _no_day_left(parts: Sequence[Node]) -> bool:
    dates = [part for part in parts if isinstance(part, Dates)]
    return bool(dates) and min(each.end for each in dates) <= max(each.first for each in dates)


def _too_few(node: Of) -> bool:
    able = [each for each in node.members if not never(each)]
    if len(able) < node.least:
        return True
    return (
        node.least > 1
        and len(able) <= MANY
        and all(
            exclude_each_other(one, other)
            for number, one in enumerate(able)
            for other in able[number + 1 :]
        )
    )


def always(node: Node) -> bool:
    """Whether `node` is true of every post."""
    match node:
        case Not():
            return never(node.child)
        case And():
            return all(always(child) for child in node.children)
        case Or():
            return any(always(child) for child in node.children) or any(
                implies(child.child, other)
                for child in node.children
                if isinstance(child, Not)
                for other in node.children
            )
        case Of():
            return sum(always(each) for each in node.members) >= node.least
        case Field(name="kind"):
            return VALUES["kind"].issubset(node.values)
        case _:
            return False
