"""A query as the Boolean function of its words and fields: so that the same wish is the same text,
however AND, OR, NOT and OF are put together.

    a AND (b OR c)  is  (a AND b) OR (a AND c)

A function of n conditions is a number of 2 ** n bits: one for each way in which they may hold or
not. AND is `&` of such numbers, OR `|`. What any condition must be for the whole to hold stands by
itself, and what makes no difference is left out. Of the values of one field, such as two languages,
a post has one at most.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import combinations
from operator import and_, or_

from rules.tree import And, Field, Node, Not, Of, Or

MOST = 12
"""Conditions of a function. A query with more is written as it stands."""

Text = Callable[[Node], str]
"""The text of a condition that is no AND, OR, NOT or OF."""

OneOf = Callable[[str], str | None]
"""Of what a condition is a value, where at most one of its values can hold; else None."""


def names_of(tree: Node, text: Text) -> frozenset[str]:
    """The conditions of `tree`."""
    return frozenset(text(each) for each in _leaves(tree))


def conditions_of(
    tree: Node, text: Text, *, given: frozenset[str], one_of: OneOf
) -> frozenset[str] | None:
    """What must hold for `tree` to match where those `given` hold already, as texts that are the
    same for every tree that means the same; None when it has too many.
    """
    names = sorted(names_of(tree, text))
    if len(names) > MOST:
        return None
    table = _Table(len(names))
    value = table.of(tree, {name: table.column(at) for at, name in enumerate(names)}, text)
    known = {one_of(name) for name in given} - {None}
    values: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        of = one_of(name)
        if name in given or of in known:
            holding, not_holding = table.where(value, at)
            value = holding if name in given else not_holding
        elif of is not None:
            values[of].append(at)
    for places in values.values():
        value = table.with_one_at_most(value, places)
    if value == 0:
        return frozenset({"never"})
    found: set[str] = set()
    for at, name in enumerate(names):
        holding, not_holding = table.where(value, at)
        if not_holding == 0:
            value = holding
            found.add(name)
        elif holding == 0:
            value = not_holding
            found.add(f"not {name}")
    rest = [at for at in range(len(names)) if len(set(table.where(value, at))) > 1]
    if rest:
        found.add(f"{[names[at] for at in rest]}: {table.over(value, rest):x}")
    return frozenset(found)


def _leaves(node: Node) -> Sequence[Node]:
    match node:
        case Not():
            return _leaves(node.child)
        case And() | Or():
            return [each for child in node.children for each in _leaves(child)]
        case Of():
            return [each for member in node.members for each in _leaves(member)]
        case Field():
            return [Field(node.name, (value,)) for value in node.values]
        case _:
            return [node]


class _Table:
    """Functions of `size` conditions."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.all = (1 << (1 << size)) - 1

    def column(self, at: int) -> int:
        """The function that condition `at` is."""
        block = 1 << at  # so many ways in which it does not hold, then as many in which it does
        return self.all // ((1 << 2 * block) - 1) * (((1 << block) - 1) << block)

    def of(self, node: Node, columns: Mapping[str, int], text: Text) -> int:
        """The function that `node` is."""
        match node:
            case Not():
                return self.all ^ self.of(node.child, columns, text)
            case And():
                return reduce(and_, (self.of(each, columns, text) for each in node.children))
            case Or():
                return reduce(or_, (self.of(each, columns, text) for each in node.children))
            case Of():
                return self._least(
                    node.least, [self.of(each, columns, text) for each in node.members]
                )
            case Field():
                return reduce(or_, (columns[text(each)] for each in _leaves(node)))
            case _:
                return columns[text(node)]

    def _least(self, least: int, members: Sequence[int]) -> int:
        """Where at least so many of `members` hold."""
        reached = [self.all] + [0] * least
        for member in members:
            for number in range(least, 0, -1):
                reached[number] |= reached[number - 1] & member
        return reached[least]

    def where(self, value: int, at: int) -> tuple[int, int]:
        """The function where condition `at` holds, and where it does not."""
        column, block = self.column(at), 1 << at
        holding, not_holding = value & column, value & (self.all ^ column)
        return holding | holding >> block, not_holding | not_holding << block

    def with_one_at_most(self, value: int, places: Sequence[int]) -> int:
        """The same function where at most one of the conditions `places` can hold. One of them that
        is as good as none makes no difference.
        """
        none = value
        for at in places:
            _, none = self.where(none, at)
        differing: list[int] = []
        for at in places:
            alone = value
            for each in places:
                holding, not_holding = self.where(alone, each)
                alone = holding if each == at else not_holding
            if alone == none:
                _, value = self.where(value, at)
            else:
                differing.append(at)
        for one, other in combinations(differing, 2):
            value &= self.all ^ (self.column(one) & self.column(other))
        return value

    def over(self, value: int, rest: Sequence[int]) -> int:
        """The function of the conditions `rest` alone, on which `value` depends."""
        found = 0
        for way in range(1 << len(rest)):
            place = sum(1 << at for bit, at in enumerate(rest) if way >> bit & 1)
            found |= (value >> place & 1) << way
        return found
