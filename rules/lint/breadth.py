"""How much of what is said a query takes in, and how many words a prefix stands for."""

from collections.abc import Sequence
from typing import Protocol, assert_never

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

BROAD = 0.05
"""A rule that takes in more of all posts than this hardly names a phenomenon."""

MOST_WORDS = 200
"""A prefix that stands for more words than this, nobody has read through."""

Word = Term | Prefix | Phrase | Cased | Lemma | Part


class Frequencies(Protocol):
    """What is known of the words of recent posts: counts that may be shown, so about."""

    def share(self, words: Sequence[Word]) -> float | None:
        """The share of recent posts, 0..1, that have at least one of `words`; None when that
        cannot be said because there are too few.
        """
        ...

    def words(self, prefix: Prefix) -> int:
        """How many different words that begin so are frequent enough to be counted; counting
        ends a little above `MOST_WORDS`.
        """
        ...


def share_at_least(node: Node, frequencies: Frequencies) -> float:
    """A lower bound of the share of recent posts that `node` matches: only what one word brings
    about by itself is counted, so it is 0 where words must meet.
    """
    if isinstance(node, And):
        wanted = [each for each in node.children if not isinstance(each, Not)]
        dropped = [_each_enough(each.child) for each in node.children if isinstance(each, Not)]
        if len(wanted) != 1 or not all(dropped):
            return 0.0
        least = share_at_least(wanted[0], frequencies)
        lost = sum(_share(words, frequencies) for words in dropped) if least else 0.0
        return max(0.0, least - lost)
    return _share(_each_enough(node), frequencies)


def share_at_most(node: Node, frequencies: Frequencies) -> float:
    """An upper bound of the share of recent posts that `node` matches, as far as its words are
    frequent enough to be counted; 1 where no word must be there.
    """
    match node:
        case Term() | Prefix() | Phrase() | Cased() | Lemma() | Part():
            return _share([node], frequencies)
        case Or() | Keywords():
            words = _each_enough(node)
            others = [each for each in children(node) if not _each_enough(each)]
            shares = [share_at_most(each, frequencies) for each in others]
            return min(1.0, _share(words, frequencies) + sum(shares))
        case And() | Near() | Together():
            return min(share_at_most(each, frequencies) for each in children(node))
        case Of():
            shares = sorted(share_at_most(each, frequencies) for each in node.members)
            return min(1.0, sum(shares[: len(shares) - node.least + 1]))
        case Not() | Field() | Dates():
            return 1.0
        case _:
            assert_never(node)


def _share(words: Sequence[Word], frequencies: Frequencies) -> float:
    return (frequencies.share(words) or 0.0) if words else 0.0


def _each_enough(node: Node) -> list[Word]:
    """Words each of which makes `node` true by itself."""
    match node:
        case Term() | Prefix() | Phrase() | Cased() | Lemma() | Part():
            return [node]
        case Or() | Keywords():
            return [word for child in children(node) for word in _each_enough(child)]
        case Of(least=1):
            return [word for each in node.members for word in _each_enough(each)]
        case _:
            return []


def prefixes(node: Node) -> list[Prefix]:
    """The prefixes of a query, without those of its lists."""
    if isinstance(node, Prefix):
        return [node]
    if isinstance(node, Keywords):
        return []
    return [found for child in children(node) for found in prefixes(child)]
