"""What in a query could lead to a person: an account, a name, somebody's very words."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
import regex

from rules.errors import AROUND
from rules.tree import Cased, Keywords, Near, Node, Phrase, Prefix, Term, children

QUOTE = 8
"""A phrase of so many words is found in one text, not in a conversation."""

_HANDLE = regex.compile(r"(?<![\p{L}\p{N}_./])[@＠][\w.]{2,}|(?<![\p{L}\p{N}_.])/?u/[\w-]{3,}")
_NAME = regex.compile(
    r"\p{Lu}\p{Ll}+(?:-\p{Lu}\p{Ll}+)?(?: (?:van|de|der|den|el|al|ben|bin|ten|ter|von))*"
    r"(?: \p{Lu}\p{Ll}+(?:-\p{Lu}\p{Ll}+)?){1,2}"
)
_NO_NAMES = frozenset(
    """Bad De Den Den Dit Een Geen Grand Great Groot Grote Het Hoek Hoge Klein Kleine Koninklijke
    Midden New Nieuw Nieuwe Noord Oost Oude Oud Saint San Sint South The Tweede West Wij Zuid
    United""".split()
)
"""A name that begins so is one of a place or of something else."""


_QUOTED = regex.compile(r'["“”„‟«»]([^"“”„‟«»]*)["“”„‟«»]')


class Lead(msgspec.Struct, frozen=True):
    """What leads to a person: the check that says so, in words, and where in a query it stands."""

    code: Literal["R402", "R403", "R404", "R405"]
    message: str
    node: Node


def leads(query: str, tree: Node, *, personal: Callable[[str], Sequence[str]]) -> Iterator[Lead]:
    """What in `query`, read as `tree`, could lead to a person; `personal` names what in a text
    does. Entries of lists are none of its words.
    """
    for node in _wordings(tree):
        text = query[node.at.start : node.at.end]
        plain = _plain(text)
        if accounts := handles(text):
            yield Lead("R402", f"{accounts[0]} is an account; take it out", node)
        elif kinds := personal(plain):
            yield Lead("R403", f"{cut(text)} is {kinds[0]}; take it out", node)
        elif is_quotation(node):
            yield Lead(
                "R405",
                f"{QUOTE} words and more in a row are one person's text; take the words that "
                "matter",
                node,
            )
        elif looks_like_a_name(plain):
            yield _may_be_a_name(text, node)
    for near, words in _side_by_side(tree):
        if looks_like_a_name(words):
            yield _may_be_a_name(query[near.at.start : near.at.end], near)


def _may_be_a_name(text: str, node: Node) -> Lead:
    return Lead("R404", f"{cut(text)} may be the name of a person", node)


def cut(text: str) -> str:
    """`text` in one line of what can be printed, and not too long."""
    line = "".join(each if each.isprintable() else "·" for each in " ".join(text.split()))
    return line if len(line) <= AROUND else f"{line[:AROUND]}…"


def handles(text: str) -> list[str]:
    """What in `text` is written as an account."""
    return _HANDLE.findall(text)


def looks_like_a_name(text: str) -> bool:
    """Whether `text` is written as a first and a last name; places and titles may be as well."""
    words = text.strip()
    return _NAME.fullmatch(words) is not None and words.split()[0] not in _NO_NAMES


def is_quotation(node: Node) -> bool:
    """Whether `node` is a text of one person rather than an expression of many."""
    return (isinstance(node, Phrase) and len(node.forms) >= QUOTE) or (
        isinstance(node, Cased) and len(node.words) >= QUOTE
    )


def _wordings(node: Node) -> Iterator[Term | Phrase | Prefix | Cased]:
    """What in a query is written out as words; without the entries of lists."""
    if isinstance(node, Term | Phrase | Prefix | Cased):
        yield node
    elif not isinstance(node, Keywords):
        for child in children(node):
            yield from _wordings(child)


def _side_by_side(node: Node) -> Iterator[tuple[Near, str]]:
    """Words in capitals that must stand beside each other, with the words as they are written."""
    match node:
        case Keywords():
            return
        case Near(left=Cased(words=left), right=Cased(words=right), distance=0):
            yield node, " ".join((*left, *right))
        case _:
            for child in children(node):
                yield from _side_by_side(child)


def _plain(text: str) -> str:
    """What stands between the quotes, if there are."""
    quoted = _QUOTED.search(text)
    return quoted[1] if quoted else text
