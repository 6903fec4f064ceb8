"""A query as a tree: small frozen nodes that know where in the text they stand.

Adding a node makes every `match` over `Node` fail to type-check until it handles it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class At:
    """Where a node stands in the query's text: characters from `start` to `end` (exclusive)."""

    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Placed:
    at: At = field(default=At(), compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Term(_Placed):
    """`fatbike`, `#woningnood`, `🔥`: a token with this folded form."""

    form: str


@dataclass(frozen=True, slots=True)
class Phrase(_Placed):
    """`"woning vinden"~3`: these forms in this order, at most `slop` others between in total."""

    forms: tuple[str, ...]
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Prefix(_Placed):
    """`vluchtel*`: a token with a form that begins with `stem`."""

    stem: str


@dataclass(frozen=True, slots=True)
class Cased(_Placed):
    """`case:"AZC"`: consecutive tokens as they are written, capitals included."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lemma(_Placed):
    """`lemma:lopen`: any form of that word in the post's language."""

    word: str


@dataclass(frozen=True, slots=True)
class Part(_Placed):
    """`part:overlast`: a token that is that word, or a compound with it as a part."""

    word: str


@dataclass(frozen=True, slots=True)
class And(_Placed):
    """`a b`, `a AND b`: all of them."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or(_Placed):
    """`a OR b`: at least one of them."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not(_Placed):
    """`NOT a`; `exclude` marks `EXCLUDE a`, which explain and statistics keep apart."""

    child: "Node"
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Near(_Placed):
    """`a NEAR/5 b`: a span of each side that do not overlap, at most `distance` tokens between;
    `ordered` (`ONEAR/5`) when the left one comes first.
    """

    left: "Node"
    right: "Node"
    distance: int
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Together(_Placed):
    """`a NEAR/S b`: a span of each side that do not overlap, in one sentence."""

    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Of(_Placed):
    """`2 OF (a, b, c)`: at least `least` different members."""

    least: int
    members: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Keywords(_Placed):
    """`$wijken`, `$wijken@3`: at least one entry of a keyword list, here resolved."""

    name: str
    version: int
    entries: tuple["Node", ...]


FieldName = Literal[
    "lang", "source", "platform", "kind", "topic", "sentiment", "place", "has", "rule"
]


@dataclass(frozen=True, slots=True)
class Field(_Placed):
    """`lang:nl,en`: a field of the post that has one of these values (folded for `place`)."""

    name: FieldName
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dates(_Placed):
    """`date:2026-01..2026-03`: made on a local day from `first` to before `end`."""

    first: date
    end: date


Node = (
    Term | Phrase | Prefix | Cased | Lemma | Part | And | Or | Not | Near | Together | Of
    | Keywords | Field | Dates
)  # fmt: skip


def is_positional(node: Node) -> bool:
    """Whether `node` has a place in the text, and so may stand beside NEAR."""
    if isinstance(node, Or):
        return all(is_positional(child) for child in node.children)
    return isinstance(
        node, Term | Phrase | Prefix | Cased | Lemma | Part | Near | Together | Keywords
    )


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below `node`."""
    match node:
        case And() | Or():
            return node.children
        case Not():
            return (node.child,)
        case Near() | Together():
            return (node.left, node.right)
        case Of():
            return node.members
        case Keywords():
            return node.entries
        case Term() | Phrase() | Prefix() | Cased() | Lemma() | Part() | Field() | Dates():
            return ()


def walk(node: Node) -> Iterator[Node]:
    """`node` and all below it, each before what is below that."""
    yield node
    for child in children(node):
        yield from walk(child)


def named(node: Node) -> list[tuple[str, str]]:
    """The fields that a query names with their values, wherever in it: `rule:x` is (rule, x)."""
    fields = (each for each in walk(node) if isinstance(each, Field))
    return [(each.name, value) for each in fields for value in each.values]


def size(node: Node) -> int:
    """How many words and operators a query has; a keyword list is one."""
    return 1 if isinstance(node, Keywords) else 1 + sum(map(size, children(node)))


def nears(node: Node) -> int:
    """How many NEARs are within one another, the outermost one included."""
    return isinstance(node, Near | Together) + max(map(nears, children(node)), default=0)


def with_one(nodes: tuple[Node, ...], index: int, node: Node) -> tuple[Node, ...]:
    """`nodes` with `node` at `index`."""
    return (*nodes[:index], node, *nodes[index + 1 :])


def is_only_negative(node: Node) -> bool:
    """Whether `node` can be true of a post in which nothing that it names occurs."""
    match node:
        case Not():
            return not is_only_negative(node.child)
        case And():
            return all(is_only_negative(child) for child in node.children)
        case Or():
            return any(is_only_negative(child) for child in node.children)
        case Of():
            return sum(map(is_only_negative, children(node))) >= node.least
        case _:
            return False
