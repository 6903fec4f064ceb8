"""The queries that tantivy has for a rule's tree."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

import tantivy
from tantivy import Occur, Query

from index.compiler import Compiled, exactly
from index.local.groups import MOST_WORDS, Group, Run, runs
from rules.tree import Near, Phrase

MOST_PHRASES = 16
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
        if len(forms) == 1:  # a phrase of one word would panic
            return Query.term_query(self._schema, "tokens", forms[0])
        return Query.phrase_query(self._schema, "tokens", list(forms))

    def prefix(self, stem: str) -> Query:
        return Query.regex_query(self._schema, "tokens", re.escape(stem) + ".*")

    def among(self, field: str, values: Sequence[str]) -> Query:
        return self.at_least(1, [Query.term_query(self._schema, field, each) for each in values])

    def one_of(self, field: str, numbers: Sequence[int]) -> Query:
        """Posts whose number `field` is one of these; the field must be indexed."""
        return Query.term_set_query(self._schema, field, list(numbers))

    def posts(self, ids: Sequence[str]) -> Query:
        return Query.term_set_query(self._schema, "id", list(ids))

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
        if len(phrase.forms) != 2:  # noqa: PLR2004  (tantivy misses some of three and more)
            return None
        first, second = (Group(frozenset({form}), frozenset()) for form in phrase.forms)
        return self.at_least(1, list(self._placed(first, second, 1, 1 + phrase.slop)))

    def near(self, near: Near) -> Compiled[Query] | None:
        left, right = runs(near.left), runs(near.right)
        if left is None or right is None or len(left) * len(right) > MOST_PHRASES:
            return None
        if not all(self._fits(run.first) for run in (*left, *right)):
            return None
        decided: list[Query] = []
        left_open: list[Query] = []
        phrases = 0
        for one, other in itertools.product(left, right):
            whole = [self.words([*run.first.forms, *run.rest]) for run in (one, other) if run.rest]
            beside = list(
                self._around(one, other, near)
                if whole
                else self._beside(one.first, other.first, near)
            )
            phrases += len(beside)
            if phrases > MOST_PHRASES:
                return None
            if whole:
                left_open.append(self.every([*whole, self.at_least(1, beside)]))
            else:
                decided += beside
        lower = self.at_least(1, decided) if decided else None
        if lower is not None and not left_open:
            return exactly(lower)
        return Compiled(self.at_least(1, [*decided, *left_open]), lower)

    def _around(self, one: Run, other: Run, near: Near) -> Iterator[Query]:
        """`other` begins near `one`, maybe within it."""
        least = len(one) if near.ordered else -len(other) - near.distance
        most = len(one) + near.distance
        return self._placed(one.first, other.first, least, most + (most - least) % 2)

    def _beside(self, one: Group, other: Group, near: Near) -> Iterator[Query]:
        """A word of `one` and another of `other`; which is first matters only where it is asked,
        and where a word could be both.
        """
        most = 1 + near.distance
        if near.ordered:
            return self._placed(one, other, 1, most)
        mine, others = one.meeting(other), other.meeting(one)
        both = [self._placed(mine, others, 1, most)]
        if mine != others:
            both.append(self._placed(others, mine, 1, most))
        return itertools.chain(
            self._placed(one.without(mine), other, -most, most),
            self._placed(mine, other.without(others), -most, most),
            *both,
        )

    def _placed(self, first: Group, second: Group, least: int, most: int) -> Iterator[Query]:
        """A word of `second` stands so many tokens after one of `first`. Slop goes both ways from
        where a phrase has its words: an even number of places is two overlapping ones.
        """
        slop = (most - least) // 2
        for offset in dict.fromkeys((least + slop, most - slop)):
            at, then = max(0, -offset), max(0, offset)
            if first.word is not None and second.word is not None:
                words = [(at, first.word), (then, second.word)]
                yield Query.phrase_query(self._schema, "tokens", [*words], slop)
                continue
            for one, other in itertools.product(first.patterns(), second.patterns()):
                words = [(at, one), (then, other)]
                yield Query.regex_phrase_query(self._schema, "tokens", [*words], slop)

    def _fits(self, words: Group) -> bool:
        """Whether tantivy finds all words of a group at once."""
        found = [self._words(stem) for stem in words.stems]
        known = [each for each in found if each is not None]
        return len(known) == len(found) and sum(known) + len(words.forms) <= MOST_WORDS
