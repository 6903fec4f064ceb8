"""The parts of a query that can each earn hits: the operands of its ORs, and the entries of its
keyword lists.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from rules.tree import And, At, Keywords, Near, Node, Not, Of, Or, Together, with_one
from rules.written import written

Put = Callable[[Node], Node]
"""The whole query with something in the place of a part."""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a query, and where it stands in it. `alone` is the query with it in place of all
    the others beside it, `rest` the query without it: together they match what the query does.
    `of` is the keyword list that it is an entry of.
    """

    text: str
    at: At
    of: str
    alone: Node
    rest: Node


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A NOT or EXCLUDE of a query, and the query for what it takes out."""

    text: str
    taken: Node


def branches(tree: Node) -> Iterator[Branch]:
    """Every branch of `tree`, in the order in which they were written; none of what is negated."""
    return _branches(tree, _itself, _itself)


def exclusions(tree: Node) -> Iterator[Exclusion]:
    """The negated operands of the query as a whole."""
    if isinstance(tree, And):
        for index, child in enumerate(tree.children):
            if isinstance(child, Not):
                others = _without(tree.children, index)
                yield Exclusion(text=written(child), taken=And((*others, child.child)))


def same(branch: Branch, among: Sequence[Branch]) -> Branch | None:
    """What `branch` became in a query that was made simpler; None where that is not certain."""
    if branch.of:
        entry = (branch.of, branch.text, branch.at)
        return next((each for each in among if (each.of, each.text, each.at) == entry), None)
    inside = [each for each in among if not each.of and _within(each.at, branch.at)]
    outermost = [
        each
        for each in inside
        if not any(other is not each and _within(each.at, other.at) for other in inside)
    ]
    return outermost[0] if len(outermost) == 1 else None


def _within(one: At, other: At) -> bool:
    return other.start <= one.start < one.end <= other.end


def _branches(node: Node, alone: Put, whole: Put) -> Iterator[Branch]:
    """`alone` leaves out what stands beside `node` in an OR, `whole` keeps it."""
    match node:
        case Or():
            for index, child in enumerate(node.children):
                others = _without(node.children, index)
                rest = others[0] if len(others) == 1 else Or(others)
                yield Branch(
                    text=written(child), at=child.at, of="", alone=alone(child), rest=whole(rest)
                )
            for index, child in enumerate(node.children):
                beside = _in_place(node, node.children, index)
                yield from _branches(child, alone, _then(whole, beside))
        case Keywords():
            for index, entry in enumerate(node.entries if len(node.entries) > 1 else ()):
                rest = Keywords(node.name, node.version, _without(node.entries, index))
                yield Branch(
                    text=written(entry),
                    at=node.at,
                    of=f"${node.name}",
                    alone=alone(entry),
                    rest=whole(rest),
                )
        case And():
            for index, child in enumerate(node.children):
                put = _in_place(node, node.children, index)
                yield from _branches(child, _then(alone, put), _then(whole, put))
        case Of():
            for index, member in enumerate(node.members):
                put = _in_place(node, node.members, index)
                yield from _branches(member, _then(alone, put), _then(whole, put))
        case Near() | Together():
            for index, child in enumerate((node.left, node.right)):
                put = _in_place(node, (node.left, node.right), index)
                yield from _branches(child, _then(alone, put), _then(whole, put))
        case _:
            pass


def _in_place(node: Node, parts: tuple[Node, ...], index: int) -> Put:
    """`node`, of which `parts` are the operands, with another one at `index`."""

    def put(part: Node) -> Node:
        changed = with_one(parts, index, part)
        match node:
            case And():
                return And(changed)
            case Or():
                return Or(changed)
            case Of():
                return Of(node.least, changed)
            case Near():
                return Near(changed[0], changed[1], node.distance, node.ordered)
            case Together():
                return Together(changed[0], changed[1])
            case _:
                return part

    return put


def _then(outer: Put, inner: Put) -> Put:
    return lambda node: outer(inner(node))


def _without(nodes: tuple[Node, ...], index: int) -> tuple[Node, ...]:
    return nodes[:index] + nodes[index + 1 :]


def _itself(node: Node) -> Node:
    return node
