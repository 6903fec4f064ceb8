"""The queries that tantivy has for a rule's tree."""

import itertools
import re
from collections.abc import Callable, Sequence

import tantivy
from tantivy import Occur, Query

from index.compiler import Compiled, exactly
from index.local.groups import MOST_WORDS, Group, group
from rules.tree import Near, Phrase

SAFE_SLOP = 2
"""Below this a sloppy phrase of two different words is exact; from it on the words may swap."""

MOST_PHRASES = 4
"""A NEAR of more of them, of very long lists, is left to be verified."""


def _unknown(_stem: str) -> int | None:
    return None


class TantivyEngine:
    """`index.compiler.Engine` for one schema."""

    deepest = 1_000

    def __init__(
        self, schema: tantivy.Schema, *, words: Callable[[str], int | None] = _unknown
    ) -> None:
        """`words` says how many words begin with a stem; None: too many, or nobody knows."""
        self._schema = schema
        self._words = words

    def everything(self) -> Query:
        return Query.all_query()

    def every(self, queries: Sequence[Query]) -> Query:
        return Query.boolean_query([(Occur.Must, query) for query in queries])

    def at_least(self, least: int, queries: Sequence[Query]) -> Query:
        return Query.boolean_query([(Occur.Should, query) for query in queries], least)

    def without(self, query: Query) -> Query:
        return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, query)])

    def words(self, forms: Sequence[str]) -> Query:
        return self._phrase(forms, 0)

    def prefix(self, stem: str) -> Query:
        return Query.regex_query(self._schema, "tokens", re.escape(stem) + ".*")

    def among(self, field: str, values: Sequence[str]) -> Query:
        return self.at_least(1, [Query.term_query(self._schema, field, each) for each in values])

    def one_of(self, field: str, numbers: Sequence[int]) -> Query:
        """Posts whose number `field` is one of these; the field must be indexed."""
        return Query.term_set_query(self._schema, field, list(numbers))

    def between(self, field: str, first: int | None, end: int | None) -> Query:
        return Query.range_query(
            self._schema,
            field,
            tantivy.FieldType.Integer,
            first,
            end,
            include_lower=True,
            include_upper=end is None,
        )

    def sloppy(self, phrase: Phrase) -> Query | None:
        if len(phrase.forms) != 2 or phrase.slop >= SAFE_SLOP:  # noqa: PLR2004  (a pair)
            return None
        first, second = map(_word, phrase.forms)
        return self._phrase(phrase.forms, phrase.slop) if first.apart(second) else None

    def near(self, near: Near) -> Compiled[Query] | None:
        left, right = group(near.left), group(near.right)
        if left is None or right is None or not left.apart(right):
            return None
        forward = self._beside(left, right, near.distance)
        backward = self._beside(right, left, near.distance)
        if forward is None or backward is None:
            return None
        if near.ordered:
            return exactly(forward) if near.distance < SAFE_SLOP else Compiled(forward, None)
        return exactly(self.at_least(1, [forward, backward]))

    def _beside(self, first: Group, second: Group, slop: int) -> Query | None:
        """A word of one group before a word of another; None when that is too much at once."""
        if len(first.forms) == len(second.forms) == 1 and not first.stems and not second.stems:
            return self._phrase([*first.forms, *second.forms], slop)
        pairs = list(itertools.product(first.patterns(), second.patterns()))
        if len(pairs) > MOST_PHRASES or not (self._fits(first) and self._fits(second)):
            return None
        phrases = [
            Query.regex_phrase_query(self._schema, "tokens", list(pair), slop) for pair in pairs
        ]
        return phrases[0] if len(phrases) == 1 else self.at_least(1, phrases)

    def _fits(self, words: Group) -> bool:
        """Whether tantivy finds all words of a group at once."""
        found = [self._words(stem) for stem in words.stems]
        known = [each for each in found if each is not None]
        return len(known) == len(found) and sum(known) + len(words.forms) <= MOST_WORDS

    def _phrase(self, forms: Sequence[str], slop: int) -> Query:
        if len(forms) == 1:  # a phrase of one word would panic
            return Query.term_query(self._schema, "tokens", forms[0])
        return Query.phrase_query(self._schema, "tokens", list(forms), slop)


def _word(form: str) -> Group:
    return Group(frozenset({form}), frozenset())
