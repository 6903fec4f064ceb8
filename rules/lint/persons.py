"""What in a query could lead to a person: an account, a name, somebody's very words."""

from collections.abc import Iterator

import regex

from rules.tree import Cased, Keywords, Node, Phrase, Term, children

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


def wordings(node: Node) -> Iterator[Term | Phrase | Cased]:
    """What in a query is written out as words; without the entries of lists."""
    if isinstance(node, Term | Phrase | Cased):
        yield node
    elif not isinstance(node, Keywords):
        for child in children(node):
            yield from wordings(child)
