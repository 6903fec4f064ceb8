"""What is enough for a query to match: whether a name of a group alone is, or one short word."""

from collections.abc import Callable, Iterable, Sequence

import regex

from rules.tokens import tokenise
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

Way = tuple[Node, ...]
"""Parts that are all weak and enough together; empty when nothing at all need be there."""

FUNCTION_WORDS = frozenset(
    """aan al alle als bij dat de der deze die dit door een en er haar het hij hun ik in is je met
    mijn naar niet of om onze op te tegen uit van veel voor wat we wij ze zij zijn zo
    a all an and are at by for from in is it many my of on or our that the their these they this
    those to we with bir bu ve ile o şu""".split()
)
"""Words that say nothing by themselves: beside a name they are no behaviour."""

ENDINGS = ("", "s", "'s", "e", "se", "en")
_SHORT = regex.compile(r"#?[\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{N}\p{M}]{1,2}")


class Groups:
    """Names of groups of people, in any of the spellings that a query may have for them."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        folded = {
            tuple(token.forms[0] for token in tokenise(name) if token.forms) for name in names
        }
        self._words = frozenset(name[0] for name in folded if len(name) == 1)
        self._phrases = frozenset(name for name in folded if len(name) > 1)

    def is_name(self, node: Node) -> bool:
        """Whether a name of a group, and words that say nothing, are enough for this node; of
        those that stand alone in a query (terms, phrases, prefixes and so on).
        """
        match node:
            case Term(form=word) | Lemma(word=word) | Part(word=word):
                return self._is_word(word)
            case Prefix(stem=stem):
                beginning = stem.lstrip("#")
                return any(word.startswith(beginning) for word in self._words)
            case Phrase(forms=forms):
                return self._are_names(forms)
            case Cased(words=words):
                return self._are_names([form for word in words for form in _forms(word)])
            case _:
                return False

    def _is_word(self, form: str) -> bool:
        word = form.lstrip("#")
        return any(word.removesuffix(end) in self._words for end in ENDINGS if word.endswith(end))

    def _are_names(self, forms: Sequence[str]) -> bool:
        """Whether there is a name in `forms` and beside it only names and function words."""
        at, found = 0, False
        while at < len(forms):
            lengths = [len(name) for name in self._phrases if _begins(forms[at:], name)]
            if lengths or self._is_word(forms[at]):
                found = True
                at += max(lengths, default=1)
            elif forms[at] in FUNCTION_WORDS:
                at += 1
            else:
                return False
        return found


def _begins(forms: Sequence[str], name: tuple[str, ...]) -> bool:
    return tuple(forms[: len(name)]) == name


def _forms(word: str) -> list[str]:
    return [token.forms[0] for token in tokenise(word) if token.forms]


def is_short(node: Node) -> bool:
    """Whether `node` is a term of one or two letters; an emoji or a Chinese sign is none."""
    return isinstance(node, Term) and _SHORT.fullmatch(node.form) is not None


def enough(node: Node, weak: Callable[[Node], bool]) -> Way | None:
    """Weak words that are enough for `node` to match, if there are; a language, a date, what must
    not occur and words that say nothing do not count as more. An entry of a list is told as the
    list.
    """
    return _way(_positive(node), weak)


def field_enough(node: Node) -> Node | None:
    """A field or a period that is enough for `node` to match, whatever is said in a post."""
    way = _way(_positive(node), lambda each: isinstance(each, Field | Dates), silent=False)
    return way[0] if way else None


def _way(node: Node, weak: Callable[[Node], bool], *, silent: bool = True) -> Way | None:
    """`silent`: words that say nothing need not be there."""
    match node:
        case Term() | Phrase() | Prefix() | Cased() | Lemma() | Part():
            if weak(node):
                return (node,)
            return () if silent and _says_nothing(node) else None
        case And() | Near() | Together():
            return _together([_way(child, weak, silent=silent) for child in children(node)])
        case Or():
            return _one([_way(child, weak, silent=silent) for child in node.children])
        case Keywords():
            entry = _one([_way(child, weak, silent=silent) for child in node.entries])
            return (node,) if entry else entry
        case Of():
            ways = [
                way for each in node.members if (way := _way(each, weak, silent=silent)) is not None
            ]
            return (
                _together(sorted(ways, key=len, reverse=True)[: node.least])
                if (len(ways) >= node.least)
                else None
            )
        case Field(name=name):
            way = (node,) if weak(node) else ()
            return None if name in ("rule", "topic") else way
        case Dates():
            return (node,) if weak(node) else ()
        case Not():
            return ()


def _together(ways: Iterable[Way | None]) -> Way | None:
    found: list[Node] = []
    for way in ways:
        if way is None:
            return None
        found += way
    return tuple(found)


def _one(ways: Sequence[Way | None]) -> Way | None:
    able = [way for way in ways if way is not None]
    return next((way for way in able if way), able[0] if able else None)


def _says_nothing(node: Node) -> bool:
    match node:
        case Term(form=word) | Lemma(word=word) | Part(word=word):
            return word in FUNCTION_WORDS
        case Phrase(forms=forms):
            return FUNCTION_WORDS.issuperset(forms)
        case Cased(words=words):
            return FUNCTION_WORDS.issuperset(form for word in words for form in _forms(word))
        case Prefix(stem=stem):
            return any(word.startswith(stem) for word in FUNCTION_WORDS)
        case _:
            return False


def _positive(node: Node, *, negated: bool = False) -> Node:
    """`node` with every NOT pushed down to what it says of one thing."""
    match node:
        case Not():
            return _positive(node.child, negated=not negated)
        case And() | Or():
            parts = tuple(_positive(child, negated=negated) for child in node.children)
            return (
                Or(parts, at=node.at)
                if negated == isinstance(node, And)
                else And(parts, at=node.at)
            )
        case Of():
            parts = tuple(_positive(each, negated=negated) for each in node.members)
            least = len(parts) - node.least + 1 if negated else node.least
            return Of(least, parts, at=node.at)
        case _:
            return Not(node, at=node.at) if negated else node
