"""A rule's tree as queries of tantivy: one that finds too much, one that finds too little.

When both are the same the query is exact and counts come straight from the engine; else what
lies between is verified with the naive evaluator.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

import tantivy
from tantivy import Occur, Query

from index.local.schema import CASED, LEMMA, PART, QUERY_FIELDS
from index.values import EPOCH
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
)  # fmt: skip

SAFE_SLOP = 2
"""Below this a sloppy phrase of two different words is exact; from it on the words may swap."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """`upper` matches every post that the tree does, `lower` (when there is one) only such."""

    upper: Query
    lower: Query | None

    @property
    def exact(self) -> bool:
        return self.upper is self.lower


def _exactly(query: Query) -> Compiled:
    return Compiled(query, query)


class Compiler:
    """Compiles trees for one schema."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema

    def compile(self, node: Node) -> Compiled:
        """The queries for `node`."""
        match node:
            case Term():
                return _exactly(self._word(node.form))
            case Phrase():
                return self._phrase(node)
            case Prefix():
                pattern = re.escape(node.stem) + ".*"
                return _exactly(Query.regex_query(self._schema, "tokens", pattern))
            case Cased():
                return _exactly(self._words([CASED + word for word in node.words]))
            case Lemma():
                return _exactly(_any([self._word(LEMMA + node.word), self._word(node.word)]))
            case Part():
                return _exactly(_any([self._word(PART + node.word), self._word(node.word)]))
            case And():
                return _combine([self.compile(child) for child in node.children], _all)
            case Or():
                return _combine([self.compile(child) for child in node.children], _any)
            case Keywords():
                return _combine([self.compile(entry) for entry in node.entries], _any)
            case Of():
                return self._of(node)
            case Not():
                child = self.compile(node.child)
                lower = _without(child.upper)
                if child.exact:
                    return _exactly(lower)
                upper = Query.all_query() if child.lower is None else _without(child.lower)
                return Compiled(upper, lower)
            case Near():
                return self._near(node)
            case Together():
                both = [self.compile(side).upper for side in (node.left, node.right)]
                return Compiled(_all(both), None)
            case Field():
                return _exactly(self._field(node))
            case Dates():
                return _exactly(self._dates(node))
            case _:
                assert_never(node)

    def _word(self, form: str) -> Query:
        return Query.term_query(self._schema, "tokens", form)

    def _words(self, forms: Sequence[str], slop: int = 0) -> Query:
        if len(forms) == 1:
            return self._word(forms[0])
        return Query.phrase_query(self._schema, "tokens", list(forms), slop)

    def _phrase(self, node: Phrase) -> Compiled:
        strict = self._words(node.forms)
        if node.slop == 0:
            return _exactly(strict)
        if len(node.forms) == 2 and node.slop < SAFE_SLOP and _apart(*node.forms):  # noqa: PLR2004  (a pair)
            return _exactly(self._words(node.forms, node.slop))
        return Compiled(_all([self._word(form) for form in dict.fromkeys(node.forms)]), strict)

    def _near(self, node: Near) -> Compiled:
        left, right = node.left, node.right
        if isinstance(left, Term) and isinstance(right, Term) and _apart(left.form, right.form):
            forward = self._words([left.form, right.form], node.distance)
            if not node.ordered:
                backward = self._words([right.form, left.form], node.distance)
                return _exactly(_any([forward, backward]))
            if node.distance < SAFE_SLOP:
                return _exactly(forward)
        return Compiled(_all([self.compile(left).upper, self.compile(right).upper]), None)

    def _of(self, node: Of) -> Compiled:
        members = [self.compile(member) for member in node.members]
        upper = _at_least(node.least, [member.upper for member in members])
        if all(member.exact for member in members):
            return _exactly(upper)
        known = [member.lower for member in members if member.lower is not None]
        lower = _at_least(node.least, known) if len(known) >= node.least else None
        return Compiled(upper, lower)

    def _field(self, node: Field) -> Query:
        name = "folded_place" if node.name == "place" else QUERY_FIELDS.get(node.name, node.name)
        return _any([Query.term_query(self._schema, name, value) for value in node.values])

    def _dates(self, node: Dates) -> Query:
        first, end = (node.first - EPOCH).days, (node.end - EPOCH).days
        return between(self._schema, "day", first, end)


def between(schema: tantivy.Schema, field: str, first: int | None, end: int | None) -> Query:
    """Posts whose `field` lies from `first` (inclusive) to `end` (exclusive)."""
    return Query.range_query(
        schema,
        field,
        tantivy.FieldType.Integer,
        first,
        end,
        include_lower=True,
        include_upper=end is None,
    )


def _all(queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _any(queries: Sequence[Query]) -> Query:
    return _at_least(1, queries)


def _at_least(least: int, queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries], least)


def _without(query: Query) -> Query:
    return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, query)])


def _combine(parts: Sequence[Compiled], join: Callable[[Sequence[Query]], Query]) -> Compiled:
    upper = join([part.upper for part in parts])
    if all(part.exact for part in parts):
        return _exactly(upper)
    known = [part.lower for part in parts if part.lower is not None]
    if join is _any:
        return Compiled(upper, _any(known) if known else None)
    return Compiled(upper, join(known) if len(known) == len(parts) else None)


def _apart(one: str, other: str) -> bool:
    """Whether two forms can never stand at one position: two different words can not, a hashtag
    and its word, or two emoji, might.
    """
    one, other = one.lstrip("#"), other.lstrip("#")
    return one != other and one.replace("'", "").isalnum() and other.replace("'", "").isalnum()
