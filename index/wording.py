"""Words that stand out in the posts of a question, and those that a rule might take in."""

from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from index.compiler import forms_of
from index.contract import Asked, Question
from index.contract import Term as Counted
from index.disclosure import Disclosure
from index.results import TypicalTerm
from index.typical import STANDS_OUT, score
from rules.tree import And, Node, Phrase, Prefix, Term, children


class Wording:
    """Which words those are, and how far they stand out, is made of counts that may be shown, and
    of nothing else.
    """

    def __init__(self, store: Asked, disclosure: Disclosure) -> None:
        self._store = store
        self._disclosure = disclosure

    def typical(
        self,
        question: Question,
        *,
        k: int,
        limit: int,
        pairs: bool = False,
        wanted: Callable[[str], bool] = lambda _word: True,
    ) -> Sequence[TypicalTerm]:
        """The `wanted` words of the posts of `question` against all of its period, those that
        stand out most first; with `pairs` also two words beside each other.
        """
        against = msgspec.structs.replace(question, query=None)
        whole, everything = (
            self._disclosure.count(self._store, each, k=k) for each in (question, against)
        )
        if whole is None or everything is None:
            return []
        found: list[TypicalTerm] = []
        terms = self._store.terms(question, against=against, least=k, pairs=pairs)
        for term in filter(lambda term: wanted(term.word), terms):
            counts = self._counts(question, term, k=k)
            if counts is None:
                continue
            here, there = counts
            stands_out = round(score(here, whole, there, everything), 1)
            if stands_out >= STANDS_OUT:
                found.append(TypicalTerm(word=term.word, posts=here, score=stands_out))
        return list(islice(sorted(found, key=lambda each: (-each.score, each.word)), limit))

    def _counts(self, question: Question, term: Counted, *, k: int) -> tuple[int, int] | None:
        """What is shown of a word's posts in the question and in all; None where one is not."""
        word = _node(term.word)
        trees = (word if question.query is None else And((question.query, word)), word)
        here, there = (
            self._disclosure.posts(msgspec.structs.replace(question, query=tree), cell, k=k)
            for tree, cell in zip(trees, (term.inside, term.outside), strict=True)
        )
        return None if here is None or there is None else (here, there)


def lacking(tree: Node) -> Callable[[str], bool]:
    """Whether a query does not look for a word, or for one of two words, yet."""
    forms, stems = _alone(tree)
    known = frozenset(forms_of(tree))

    def lacks(words: str) -> bool:
        parts = words.split(" ")
        looked_for = forms if len(parts) > 1 else known
        return not any(part in looked_for or part.startswith(stems) for part in parts)

    return lacks


def _alone(node: Node) -> tuple[frozenset[str], tuple[str, ...]]:
    """The words, and the beginnings of words, that a query looks for by themselves."""
    match node:
        case Term():
            return frozenset({node.form}), ()
        case Prefix():
            return frozenset(), (node.stem,)
        case _:
            below = [_alone(each) for each in children(node)]
            forms = frozenset[str]().union(*(each for each, _ in below))
            return forms, tuple(stem for _, stems in below for stem in stems)


def _node(words: str) -> Node:
    one, *others = words.split(" ")
    return Phrase((one, *others)) if others else Term(one)
