"""What answers one of two queries and not the other, as a query with few candidates.

A question is tried with one thing less at a time, so two queries mostly differ in one alternative
or in one condition. What only that decides is found where it occurs, and not among all that
either of them finds.
"""

from rules.tree import And, Near, Node, Not, Of, Or, Phrase, Prefix, Term, Together, with_one


def difference(first: Node | None, second: Node | None) -> Node | None:
    """The query for it, of two different queries; None stands for no condition at all."""
    if first is None or second is None:
        some = second if first is None else first
        return None if some is None else Not(some)
    for wide, narrow in ((first, second), (second, first)):
        only = _only(wide, narrow)
        if only is not None:
            return only
    return Or((And((first, Not(second))), And((second, Not(first)))))


def _only(wide: Node, narrow: Node) -> Node | None:
    """What `wide` matches and `narrow` does not, when `narrow` is `wide` with one alternative less
    or one condition more. Of an AND that is so by one operand, the others are named once; of what
    is negated, nothing but what that operand lets through is.
    """
    match wide, narrow:
        case And(), And() if len(wide.children) == len(narrow.children):
            index = _apart(wide.children, narrow.children)
            if index is None:
                return None
            only = _only(wide.children[index], narrow.children[index])
            return None if only is None else _every(with_one(wide.children, index, only))
        case Not(), Not():
            return _only(narrow.child, wide.child)
        case _:
            pass
    condition = _lacking(narrow, And, wide)
    if condition is not None:
        return _every((wide, condition.child if isinstance(condition, Not) else Not(condition)))
    alone = _alternative(wide, narrow)
    return None if alone is None else And((alone, Not(narrow)))


def _alternative(wide: Node, narrow: Node) -> Node | None:
    """`wide` with one operand of an OR in place of all of them, when `narrow` is `wide` without
    that operand, or with fewer words in the place of a beginning of words, or with a shorter
    distance: so `wide` matches what one of the two does.
    """
    match wide, narrow:
        case Or(), Or() if len(wide.children) == len(narrow.children):
            found = _one_apart(wide.children, narrow.children)
            return None if found is None else found[1]
        case Or(), _:
            return _lacking(wide, Or, narrow)
        case Not(), Not():
            return _only(wide, narrow)
        case Prefix(), Term():
            return wide if narrow.form.startswith(wide.stem) else None
        case Prefix(), Prefix():
            return wide if narrow.stem.startswith(wide.stem) else None
        case Phrase(), Phrase() if wide.forms == narrow.forms:
            return wide if wide.slop > narrow.slop else None
        case Near(), Near() if (wide.left, wide.right) == (narrow.left, narrow.right):
            looser = wide.distance >= narrow.distance and wide.ordered <= narrow.ordered
            return wide if looser else None
        case And(), Near() if wide.children == (narrow.left, narrow.right):
            return wide
        case And(), And():
            found = _one_apart(wide.children, narrow.children)
            return None if found is None else And(with_one(wide.children, *found))
        case Of(), Of() if wide.least == narrow.least:
            found = _one_apart(wide.members, narrow.members)
            return None if found is None else Of(wide.least, with_one(wide.members, *found))
        case Near(), Near() if (wide.distance, wide.ordered) == (narrow.distance, narrow.ordered):
            sides = wide.left, wide.right
            found = _one_apart(sides, (narrow.left, narrow.right))
            if found is None:
                return None
            left, right = with_one(sides, *found)
            return Near(left, right, wide.distance, wide.ordered)
        case Together(), Together():
            sides = wide.left, wide.right
            found = _one_apart(sides, (narrow.left, narrow.right))
            if found is None:
                return None
            left, right = with_one(sides, *found)
            return Together(left, right)
        case _:
            return None


def _one_apart(wide: tuple[Node, ...], narrow: tuple[Node, ...]) -> tuple[int, Node] | None:
    """Where the only two operands stand that are not the same, and the alternative there."""
    if len(wide) != len(narrow):
        return None
    index = _apart(wide, narrow)
    alone = None if index is None else _alternative(wide[index], narrow[index])
    return None if index is None or alone is None else (index, alone)


def _apart(some: tuple[Node, ...], others: tuple[Node, ...]) -> int | None:
    """Where the only two operands stand that are not the same."""
    apart = [index for index, node in enumerate(some) if node != others[index]]
    return apart[0] if len(apart) == 1 else None


def _every(nodes: tuple[Node, ...]) -> Node:
    """All of `nodes`; what is in an AND among them stands beside the others."""
    return And(
        tuple(
            each for node in nodes for each in (node.children if isinstance(node, And) else (node,))
        )
    )


def _lacking(whole: Node, kind: type[And] | type[Or], part: Node) -> Node | None:
    """The operand of `whole` that `part` does not have, when that is all."""
    if not isinstance(whole, kind):
        return None
    rest = part.children if isinstance(part, kind) else (part,)
    for index, child in enumerate(whole.children):
        if whole.children[:index] + whole.children[index + 1 :] == rest:
            return child
    return None
