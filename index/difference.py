"""What answers one of two queries and not the other, as a query with few candidates.

A question is tried with one thing less at a time, so two queries mostly differ in one alternative
or in one condition. What only that decides is found where it occurs, and not among all that
either of them finds.
"""

from rules.tree import And, Near, Node, Not, Of, Or, Prefix, Term, Together, with_one


def difference(first: Node | None, second: Node | None) -> Node | None:
    """The query for it, of two different queries; None stands for no condition at all."""
    if first is None or second is None:
        some = second if first is None else first
        return None if some is None else Not(some)
    for one, other in ((first, second), (second, first)):
        alone = _alternative(one, other)
        if alone is not None:
            return And((alone, Not(other)))
        condition = _condition(one, other)
        if condition is not None:
            return And((other, Not(condition)))
    return Or((And((first, Not(second))), And((second, Not(first)))))


def _condition(narrow: Node, wide: Node) -> Node | None:
    """The operand of an AND that `wide` does not have, when they are the same but for that."""
    return _lacking(narrow, And, wide)


def _alternative(wide: Node, narrow: Node) -> Node | None:
    """`wide` with one operand of an OR in place of all of them, when `narrow` is `wide` without
    that operand, or with fewer words in the place of a beginning of words: so `wide` matches what
    one of the two does.
    """
    match wide, narrow:
        case Or(), Or() if len(wide.children) == len(narrow.children):
            found = _one_apart(wide.children, narrow.children)
            return None if found is None else found[1]
        case Or(), _:
            return _lacking(wide, Or, narrow)
        case Prefix(), Term():
            return wide if narrow.form.startswith(wide.stem) else None
        case Prefix(), Prefix():
            return wide if narrow.stem.startswith(wide.stem) else None
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
    apart = [index for index, node in enumerate(wide) if node != narrow[index]]
    if len(apart) != 1:
        return None
    alone = _alternative(wide[apart[0]], narrow[apart[0]])
    return None if alone is None else (apart[0], alone)


def _lacking(whole: Node, kind: type[And] | type[Or], part: Node) -> Node | None:
    """The operand of `whole` that `part` does not have, when that is all."""
    if not isinstance(whole, kind):
        return None
    rest = part.children if isinstance(part, kind) else (part,)
    for index, child in enumerate(whole.children):
        if whole.children[:index] + whole.children[index + 1 :] == rest:
            return child
    return None
