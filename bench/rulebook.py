"""Seeded rules of mixed shapes, made of the words of given texts: what a rule book of a large city
might be, as far as matching them goes.

40% are lists of 5 to 40 words (OR), 25% two lists (AND), 10% phrases, 10% two lists within five
words (NEAR/5), 10% prefixes, 5% a list and not another. Nine of ten words are rare (in 20 texts
at most); half of the rules of two lists have a pair of words that stand together in a text.
"""

import random
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from rules.documents import ActiveRule, version_of
from rules.tree import And, Near, Node, Not, Or, Phrase, Prefix, Term

RARE, COMMON = 20, 500
RARE_SHARE = 0.9
DISTANCE = 5
WINDOW = 6
LONG = 8
STEM = 6


class RuleBook:
    """Makes rules out of tokenised texts, each a list of words."""

    def __init__(self, texts: Sequence[Sequence[str]], *, rng: random.Random) -> None:
        self._rng = rng
        counts = Counter(word for text in texts for word in set(text))
        words = sorted(word for word in counts if len(word) >= 3 and word.isalpha())
        self._rare = [word for word in words if counts[word] <= RARE]
        self._common = [word for word in words if RARE < counts[word] <= COMMON]
        self._usable = {*self._rare, *self._common}
        self._long = [text for text in texts if len(text) >= LONG]

    def rules(self, count: int) -> Sequence[ActiveRule]:
        """So many rules; the same seed gives the same."""
        return [_active(number, self._tree()) for number in range(count)]

    def _tree(self) -> Node:
        shape = self._rng.choices(
            (self._list, self._both, self._phrase, self._near, self._prefixes, self._without),
            weights=(40, 25, 10, 10, 10, 5),
        )[0]
        return shape()

    def _list(self) -> Node:
        return _either(self._words(5, 40))

    def _both(self) -> Node:
        one, other = self._two(5, 25, apart=30)
        return And((one, other))

    def _near(self) -> Node:
        one, other = self._two(3, 15, apart=WINDOW)
        return Near(one, other, DISTANCE)

    def _without(self) -> Node:
        one, other = self._two(5, 25, apart=30)
        return And((one, Not(other)))

    def _prefixes(self) -> Node:
        stems: set[str] = set()
        while len(stems) < self._rng.randint(2, 8):
            word = self._word()
            if len(word) >= STEM:
                stems.add(word[: self._rng.randint(4, min(len(word) - 1, 7))])
        return Or(tuple(Prefix(stem) for stem in sorted(stems)))

    def _phrase(self) -> Node:
        while True:
            text = self._rng.choice(self._long)
            length = self._rng.choice((2, 2, 3))
            start = self._rng.randrange(len(text) - length)
            forms = tuple(text[start : start + length])
            if all(form.isalpha() for form in forms) and not self._usable.isdisjoint(forms):
                return Phrase(forms)

    def _two(self, least: int, most: int, *, apart: int) -> tuple[Node, Node]:
        """Two lists that share no word."""
        one, other = self._pair(apart) if self._rng.random() < 0.5 else (None, None)
        left = self._words(least, most, with_=one, without={other} if other else set())
        return _either(left), _either(self._words(least, most, with_=other, without=left))

    def _words(
        self,
        least: int,
        most: int,
        *,
        with_: str | None = None,
        without: AbstractSet[str] = frozenset(),
    ) -> set[str]:
        words = {with_} if with_ else set[str]()
        wanted = self._rng.randint(least, most)
        while len(words) < wanted:
            words |= {self._word()} - without
        return words

    def _word(self) -> str:
        return self._rng.choice(self._rare if self._rng.random() < RARE_SHARE else self._common)

    def _pair(self, apart: int) -> tuple[str, str]:
        while True:
            text = self._rng.choice(self._long)
            start = self._rng.randrange(len(text))
            one, other = text[start], text[min(len(text) - 1, start + self._rng.randint(1, apart))]
            if one != other and {one, other} <= self._usable:
                return one, other


def _either(words: set[str]) -> Node:
    return Or(tuple(Term(word) for word in sorted(words)))


def _active(number: int, tree: Node) -> ActiveRule:
    return ActiveRule(
        id=f"r{number}", version=version_of(tree), title=f"r{number}", category="bench",
        special_category=False, tree=tree,
    )  # fmt: skip
