"""The one order of what may stand in any: so that who writes the same in another order asks the
same.
"""

import dataclasses

from rules.tree import And, Field, Near, Node, Not, Of, Or, Together


def in_order(node: Node) -> Node:
    """`node` with the operands of AND, OR and OF, both sides of NEAR and the values of fields in
    one order: what is negated first. Where each was written stays with it.
    """
    match node:
        case And() | Or():
            return dataclasses.replace(node, children=_ordered(node.children))
        case Of():
            return dataclasses.replace(node, members=_ordered(node.members))
        case Not():
            return dataclasses.replace(node, child=in_order(node.child))
        case Near(ordered=True):
            return dataclasses.replace(node, left=in_order(node.left), right=in_order(node.right))
        case Near() | Together():
            left, right = _ordered((node.left, node.right))
            return dataclasses.replace(node, left=left, right=right)
        case Field():
            return dataclasses.replace(node, values=tuple(sorted(node.values)))
        case _:
            return node


def _ordered(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(sorted(map(in_order, nodes), key=_rank))


def _rank(node: Node) -> tuple[bool, str]:
    """What stands first is left out first, where one of two makes no difference beside the other:
    of a word and a NOT, the NOT.
    """
    return not isinstance(node, Not), repr(node)
