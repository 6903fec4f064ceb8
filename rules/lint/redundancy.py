"""What can be taken out of a query without changing which posts it matches."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from rules.lint.contradiction import never
from rules.lint.logic import MANY, implies, must_occur, same_spans, same_word
from rules.tree import (
    And,
    Cased,
    Keywords,
    Lemma,
    Near,
    Node,
    Not,
    Of,
    Or,
    Part,
    Prefix,
    Term,
    Together,
    children,
)  # fmt: skip

Relation = Callable[[Node, Node], bool]


class Covered(msgspec.Struct, frozen=True):
    """Of two parts that stand beside each other `part` adds nothing to `by`."""

    part: Node
    by: Node


def covered_branches(node: Node, *, positional: bool = False) -> Iterator[Covered]:
    """The branches of every OR in `node` that another branch of it covers; taken out all
    together they change nothing. `positional` when `node` stands beside NEAR.
    """
    if isinstance(node, Keywords):
        return
    if isinstance(node, Or):
        yield from covered(node.children, positional=positional)
    below = positional or isinstance(node, Near | Together)
    for child in children(node):
        yield from covered_branches(child, positional=below)


def covered(branches: Sequence[Node], *, positional: bool) -> Iterator[Covered]:
    """Those of `branches`, of which one must be true, that another one covers."""
    relation: Relation = same_spans if positional else implies
    simple: dict[Node, int] = {}
    others: list[int] = []
    for number, branch in enumerate(branches):
        if _is_simple(branch):
            simple.setdefault(branch, number)
        else:
            others.append(number)
    reported = set[int]()
    equal: dict[Node, int] = {}
    for number, branch in enumerate(branches):
        found = (same_word if positional else must_occur)(branch)
        nearest = [simple[each] for each in found if each in simple]
        if (first := equal.setdefault(branch, number)) != number:
            nearest.append(first)
        if len(others) <= MANY:
            nearest += [each for each in others if relation(branch, branches[each])]
        for each in sorted(nearest):
            back = each > number and relation(branches[each], branch)
            if each != number and each not in reported and not back:
                reported.add(number)
                yield Covered(branch, branches[each])
                break


def _is_simple(node: Node) -> bool:
    return isinstance(node, Term | Prefix | Lemma | Part) or (
        isinstance(node, Cased) and len(node.words) == 1
    )


def idle_conditions(node: Node) -> Iterator[Covered]:
    """The conditions of every AND in `node` that follow from another one of it; taken out all
    together they change nothing.
    """
    if isinstance(node, And) and len(node.children) <= MANY:
        yield from _idle(node.children)
    if not isinstance(node, Keywords):
        for child in children(node):
            yield from idle_conditions(child)


def _idle(conditions: Sequence[Node]) -> Iterator[Covered]:
    reported = set[int]()
    for number, condition in enumerate(conditions):
        for each, other in enumerate(conditions):
            if each == number or each in reported or not implies(other, condition):
                continue
            if each < number or not implies(condition, other):
                reported.add(number)
                yield Covered(condition, other)
                break


def double_members(node: Node) -> Iterator[Covered]:
    """Members of an OF that are true whenever another one is, so that one word counts twice."""
    if isinstance(node, Of) and node.least > 1 and len(node.members) <= MANY:
        for number, member in enumerate(node.members):
            for other in node.members[:number]:
                if implies(member, other):
                    yield Covered(member, other)
                elif implies(other, member):
                    yield Covered(other, member)
    if not isinstance(node, Keywords):
        for child in children(node):
            yield from double_members(child)


def dead_branches(node: Node, *, around: tuple[Node, ...] = ()) -> Iterator[Node]:
    """The branches of every OR in `node` that are never true where they stand; taken out all
    together they change nothing. `around` is true as well whenever `node` decides anything.
    """
    match node:
        case And():
            parts = node.children
            for number, part in enumerate(parts):
                beside = (*around, *parts[:number], *parts[number + 1 :])
                yield from dead_branches(part, around=beside if len(beside) <= MANY else ())
        case Or():
            for branch in node.children:
                if never(And((*around, branch))):
                    yield branch
                else:
                    yield from dead_branches(branch, around=around)
        case Not() | Near() | Together() | Of():
            for child in children(node):
                yield from dead_branches(child)
        case _:
            return
