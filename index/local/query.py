"""The queries that tantivy has for a rule's tree."""

import re
from collections.abc import Sequence

import tantivy
from tantivy import Occur, Query

from index.compiler import Compiled, exactly
from rules.tree import Near, Phrase, Term

SAFE_SLOP = 2
"""Below this a sloppy phrase of two different words is exact; from it on the words may swap."""


class TantivyEngine:
    """`index.compiler.Engine` for one schema."""

    deepest = 1_000

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema

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
        if len(phrase.forms) == 2 and phrase.slop < SAFE_SLOP and _apart(*phrase.forms):  # noqa: PLR2004  (a pair)
            return self._phrase(phrase.forms, phrase.slop)
        return None

    def near(self, near: Near) -> Compiled[Query] | None:
        left, right = near.left, near.right
        if isinstance(left, Term) and isinstance(right, Term) and _apart(left.form, right.form):
            forward = self._phrase([left.form, right.form], near.distance)
            if not near.ordered:
                backward = self._phrase([right.form, left.form], near.distance)
                return exactly(self.at_least(1, [forward, backward]))
            if near.distance < SAFE_SLOP:
                return exactly(forward)
        return None

    def _phrase(self, forms: Sequence[str], slop: int) -> Query:
        if len(forms) == 1:  # a phrase of one word would panic
            return Query.term_query(self._schema, "tokens", forms[0])
        return Query.phrase_query(self._schema, "tokens", list(forms), slop)


def _apart(one: str, other: str) -> bool:
    """Whether two forms can never stand at one position: two different words can not, a hashtag
    and its word, or two emoji, might.
    """
    one, other = one.lstrip("#"), other.lstrip("#")
    return one != other and all(form.replace("'", "").isalnum() for form in (one, other))
