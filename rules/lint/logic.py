"""Which query follows from which, whatever the post.

All of it is sound and none of it complete: what is said here is so for every post, and much that
is so is not said.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import assert_never

from rules.tokens import tokenise
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    FieldName,
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

MANY = 60
"""Of more branches than this not every two are compared, so that the time stays short."""

SINGLE: frozenset[FieldName] = frozenset(
    {"lang", "source", "platform", "kind", "topic", "sentiment"}
)
"""Fields of which a post has at most one value."""

LONGEST = 40
"""Of a longer beginning of a word it is not seen that it is one: each is kept with its word."""

MOST_KEPT = 100_000
"""With more words than this in what is remembered, remembering begins anew."""

_TAG = re.compile(r"#\w")


def _kept(work_out: Callable[[Node], frozenset[Node]]) -> Callable[[Node], frozenset[Node]]:
    """`work_out`, remembering what it found."""
    known: dict[Node, frozenset[Node]] = {}
    words = 0

    def found(node: Node) -> frozenset[Node]:
        nonlocal words
        result = known.get(node)
        if result is None:
            result = work_out(node)
            if words > MOST_KEPT:
                known.clear()
                words = 0
            known[node] = result
            words += 1 + len(result)
        return result

    return found


def implies(first: Node, second: Node) -> bool:
    """Whether every post that `first` is true of, `second` is true of as well."""
    return first == second or _implies(first, second)


@lru_cache(maxsize=20_000)
def _implies(first: Node, second: Node) -> bool:
    match second:
        case Term() | Prefix() | Lemma() | Part():
            return second in must_occur(first)
        case And():
            return all(implies(first, child) for child in second.children)
        case Or() | Keywords():
            found = any(implies(first, child) for child in children(second))
        case Of():
            found = sum(implies(first, each) for each in second.members) >= second.least
        case Not():
            found = exclude_each_other(first, second.child)
        case Phrase():
            found = isinstance(first, Phrase | Cased) and _holds_phrase(first, second)
        case Cased():
            found = False
        case Near() | Together():
            found = same_spans(first, second)
        case Field():
            found = isinstance(first, Field) and _narrower(first, second)
        case Dates():
            found = isinstance(first, Dates) and (
                second.first <= first.first and first.end <= second.end
            )
        case _:
            assert_never(second)
    return found or _implied_by_parts(first, second)


def _implied_by_parts(first: Node, second: Node) -> bool:
    match first:
        case And() | Near() | Together():
            return any(implies(child, second) for child in children(first))
        case Or() | Keywords():
            return all(implies(child, second) for child in children(first))
        case Of():
            return sum(not implies(each, second) for each in first.members) < first.least
        case Not(child=Not(child=child)):
            return implies(child, second)
        case _:
            return False


def _narrower(first: Field, second: Field) -> bool:
    return first.name == second.name and set(first.values) <= set(second.values)


def _holds_phrase(first: Phrase | Cased, second: Phrase) -> bool:
    """Whether the words of `second` stand in `first`, with as few others between."""
    if isinstance(first, Cased):
        slop, words = 0, [_cased(word) for word in first.words]
    else:
        slop, words = first.slop, [same_word(Term(form)) for form in first.forms]
    wanted = [Term(form) for form in second.forms]
    return slop <= second.slop and any(
        all(each in word for each, word in zip(wanted, words[start:], strict=False))
        for start in range(len(words) - len(wanted) + 1)
    )


def same_spans(first: Node, second: Node) -> bool:
    """Whether every span of `first` is one of `second`: beside NEAR only then one may stand for
    the other.
    """
    if first == second:
        return True
    if isinstance(first, Or | Keywords):
        return all(same_spans(child, second) for child in children(first))
    match second:
        case Or() | Keywords():
            return any(same_spans(first, child) for child in children(second))
        case Term() | Prefix() | Lemma() | Part():
            return second in same_word(first)
        case Phrase():
            return (
                isinstance(first, Phrase | Cased)
                and len(first.forms if isinstance(first, Phrase) else first.words)
                == len(second.forms)
                and _holds_phrase(first, second)
            )
        case Near():
            return (
                isinstance(first, Near)
                and first.distance <= second.distance
                and (first.ordered or not second.ordered)
                and _same_sides(first, second, swapped=not second.ordered)
            )
        case Together():
            return isinstance(first, Together) and _same_sides(first, second, swapped=True)
        case _:
            return False


def _same_sides(first: Near | Together, second: Near | Together, *, swapped: bool) -> bool:
    straight = same_spans(first.left, second.left) and same_spans(first.right, second.right)
    return straight or (
        swapped and same_spans(first.left, second.right) and same_spans(first.right, second.left)
    )


@_kept
def same_word(node: Node) -> frozenset[Node]:
    """What each word that `node` finds is found by as well, of what finds single words."""
    match node:
        case Term(form=form):
            longer = same_word(Term(form[1:])) if _TAG.match(form) else frozenset[Node]()
            return longer | {node, Lemma(form), Part(form), *_beginnings(form)}
        case Prefix(stem=stem):
            longer = same_word(Prefix(stem[1:])) if _TAG.match(stem) else frozenset[Node]()
            return longer | {node, *_beginnings(stem)}
        case Cased(words=(word,)):
            return _cased(word) | {node}
        case Lemma() | Part():
            return frozenset({node})
        case _:
            return frozenset()


def _cased(word: str) -> frozenset[Node]:
    """What finds a word that is written so."""
    tokens = tokenise(word)
    if len(tokens) != 1 or tokens[0].cased != word:
        return frozenset()
    return frozenset[Node]().union(*(same_word(Term(form)) for form in tokens[0].forms))


def _beginnings(form: str) -> Iterable[Prefix]:
    return (Prefix(form[:length]) for length in range(1, min(len(form), LONGEST) + 1))


@_kept
def must_occur(node: Node) -> frozenset[Node]:
    """Terms, prefixes, lemmas and parts that are true of every post that `node` is true of."""
    match node:
        case Term() | Prefix() | Lemma() | Part():
            return same_word(node)
        case Phrase():
            return frozenset[Node]().union(*(same_word(Term(form)) for form in node.forms))
        case Cased():
            return frozenset[Node]().union(*map(_cased, node.words))
        case And() | Near() | Together():
            return frozenset[Node]().union(*map(must_occur, children(node)))
        case Or() | Keywords():
            return _in_all(children(node))
        case Of():
            return _in_all(node.members) if node.least else frozenset()
        case Not(child=Not(child=child)):
            return must_occur(child)
        case Not() | Field() | Dates():
            return frozenset()
        case _:
            assert_never(node)


def _in_all(nodes: Sequence[Node]) -> frozenset[Node]:
    first, *others = map(must_occur, nodes) if nodes else (frozenset[Node](),)
    return first.intersection(*others)


def exclude_each_other(first: Node, second: Node) -> bool:
    """Whether no post has both."""
    match first, second:
        case (Not(child=child), _) if implies(second, child):
            return True
        case (_, Not(child=child)) if implies(first, child):
            return True
        case (Field(), Field()):
            return (
                first.name == second.name
                and first.name in SINGLE
                and set(first.values).isdisjoint(second.values)
            )
        case (Dates(), Dates()):
            return first.end <= second.first or second.end <= first.first
        case _:
            return False
