"""How a rule is matched fast: as a truth table over a few facts that hold or not.

A *fact* is something that joins over the tokens of a batch can find: a token out of a set, a
phrase, two sets of tokens near each other. Facts of which any one will do share a *bit*; a rule
is a table over its bits. What facts cannot say (a field, one sentence, a phrase near a phrase)
is left open, and what passes the table is then a candidate for the evaluator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

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
)  # fmt: skip

MAX_BITS = 6
"""A table over so many bits fits into 64 bits itself."""

Atom = tuple[Literal["form", "stem", "cased", "lemma", "part"], str]
"""What can be asked of one token."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A token out of `left` and another out of `right`, at most `distance` tokens between."""

    left: frozenset[Atom]
    right: frozenset[Atom]
    distance: int
    ordered: bool


@dataclass(slots=True)
class Bit:
    """The facts of which any one sets this bit."""

    atoms: set[Atom] = field(default_factory=set[Atom])
    phrases: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    pairs: list[Pair] = field(default_factory=list[Pair])

    def take(self, other: "Bit") -> None:
        """Be set by the facts of `other`, too."""
        self.atoms |= other.atoms
        self.phrases += other.phrases
        self.pairs += other.pairs


@dataclass(frozen=True, slots=True)
class _Some:
    """At least so many of these hold."""

    least: int
    parts: tuple["_Expression", ...]


@dataclass(frozen=True, slots=True)
class _Never:
    part: "_Expression"


@dataclass(frozen=True, slots=True)
class _Maybe:
    """What stands here holds only if `part` does, and perhaps not even then."""

    part: "_Expression"


_Expression = int | _Some | _Never | _Maybe


ANYTHING = _Some(0, ())


@dataclass(frozen=True, slots=True)
class Plan:
    """A rule as it is matched. Bit `m` of `table` says whether the rule can hold when exactly the
    bits in `m` are set and, when the plan is `exact`, that it does. A rule that can hold of a post
    without any of its facts has no plan that helps: it is `everywhere`.
    """

    bits: Sequence[Bit]
    table: int
    exact: bool
    everywhere: bool = False


EVERYWHERE = Plan((), 0, exact=False, everywhere=True)


def plan(tree: Node) -> Plan:
    """The plan of a rule's tree."""
    bits: list[Bit] = []
    expression = _expression(tree, bits)
    if len(bits) <= MAX_BITS:
        return _tabled(expression, bits)
    needed = _needed(expression, bits)
    if needed is None:
        return EVERYWHERE
    trigger = Bit()
    for number in needed:
        trigger.take(bits[number])
    return _tabled(_Maybe(0), [trigger])


def _tabled(expression: _Expression, bits: Sequence[Bit]) -> Plan:
    masks = range(1 << len(bits))
    upper = [_holds(expression, mask, unsure=True) for mask in masks]
    lower = [_holds(expression, mask, unsure=False) for mask in masks]
    if upper[0]:
        return EVERYWHERE
    table = sum(1 << mask for mask in masks if upper[mask])
    return Plan(bits, table, exact=upper == lower)


def _expression(node: Node, bits: list[Bit]) -> _Expression:
    """`node` over `bits`, to which the facts that it needs are added."""
    fact = _fact(node)
    if fact is not None:
        bits.append(fact)
        return len(bits) - 1
    match node:
        case Or() | Keywords():
            return _either(children(node), bits)
        case And():
            return _every(node.children, bits)
        case Of():
            return _Some(node.least, tuple(_expression(each, bits) for each in node.members))
        case Not():
            return _Never(_expression(node.child, bits))
        case Near() | Together():
            return _Maybe(_every((node.left, node.right), bits))
        case Phrase():
            return _Maybe(_every([Term(form) for form in dict.fromkeys(node.forms)], bits))
        case Cased():
            return _Maybe(_every([Cased((word,)) for word in dict.fromkeys(node.words)], bits))
        case Field() | Dates():
            return _Maybe(ANYTHING)
        case Term() | Prefix() | Lemma() | Part():
            raise AssertionError(node)  # a fact each
        case _:
            assert_never(node)


def _every(nodes: Sequence[Node], bits: list[Bit]) -> _Expression:
    return _Some(len(nodes), tuple(_expression(each, bits) for each in nodes))


def _either(nodes: Sequence[Node], bits: list[Bit]) -> _Expression:
    """Any of `nodes`: those that are facts share one bit."""
    shared, parts = Bit(), list[_Expression]()
    for each in nodes:
        fact = _fact(each)
        if fact is None:
            parts.append(_expression(each, bits))
        else:
            shared.take(fact)
    if len(parts) < len(nodes):
        bits.append(shared)
        parts.append(len(bits) - 1)
    return _Some(1, tuple(parts))


def _fact(node: Node) -> Bit | None:
    """The bit that says exactly whether `node` holds; None when one cannot."""
    match node:
        case Term():
            return Bit({("form", node.form)})
        case Prefix():
            return Bit({("stem", node.stem)})
        case Cased(words=(word,)):
            return Bit({("cased", word)})
        case Lemma():
            return Bit({("lemma", node.word)})
        case Part():
            return Bit({("part", node.word)})
        case Phrase() if node.slop == 0:
            return Bit(phrases=[node.forms])
        case Phrase(forms=(first, second)):
            left, right = (frozenset[Atom]({("form", form)}) for form in (first, second))
            return Bit(pairs=[Pair(left, right, node.slop, ordered=True)])
        case Near():
            one, other = (_one_token(side) for side in (node.left, node.right))
            if one is None or other is None:
                return None
            return Bit(pairs=[Pair(one, other, node.distance, node.ordered)])
        case Or() | Keywords():
            facts = [fact for each in children(node) if (fact := _fact(each)) is not None]
            if len(facts) < len(children(node)):
                return None
            whole = Bit()
            for fact in facts:
                whole.take(fact)
            return whole
        case _:
            return None


def _one_token(node: Node) -> frozenset[Atom] | None:
    """The atoms of which one token must be any; None when `node` is not about one token."""
    fact = _fact(node)
    return None if fact is None or fact.phrases or fact.pairs else frozenset(fact.atoms)


def _holds(expression: _Expression, mask: int, *, unsure: bool) -> bool:
    """Whether `expression` holds when the bits of `mask` are set, and what is open is `unsure`."""
    match expression:
        case int():
            return bool(mask >> expression & 1)
        case _Some():
            holding = sum(_holds(part, mask, unsure=unsure) for part in expression.parts)
            return holding >= expression.least
        case _Never():
            return not _holds(expression.part, mask, unsure=not unsure)
        case _Maybe():
            return unsure and _holds(expression.part, mask, unsure=unsure)
        case _:
            assert_never(expression)


def _needed(expression: _Expression, bits: Sequence[Bit]) -> frozenset[int] | None:
    """Bits of which one at least is set whenever `expression` holds; None when there are none."""
    match expression:
        case int():
            return frozenset({expression})
        case _Some():
            known = [each for part in expression.parts if (each := _needed(part, bits)) is not None]
            # So many of the parts can fail at most; one more, and one of them holds.
            enough = len(expression.parts) - expression.least + 1
            if len(known) < enough:
                return None
            return frozenset().union(*sorted(known, key=lambda each: _size(each, bits))[:enough])
        case _Never():
            return None
        case _Maybe():
            return _needed(expression.part, bits)
        case _:
            assert_never(expression)


def _size(numbers: frozenset[int], bits: Sequence[Bit]) -> int:
    """Of how many facts these bits are."""
    chosen = [bits[number] for number in numbers]
    return sum(len(bit.atoms) + len(bit.phrases) + len(bit.pairs) for bit in chosen)
