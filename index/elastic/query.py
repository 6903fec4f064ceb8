"""The queries that Elasticsearch has for a rule's tree."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from index.compiler import Compiled, exactly, forms_of
from index.document import CASED, LEMMA, PART
from index.elastic.mapping import plain
from rules.tree import (
    Cased,
    Keywords,
    Lemma,
    Near,
    Node,
    Or,
    Part,
    Phrase,
    Prefix,
    Term,
    children,
    walk,
)  # fmt: skip

Query = Mapping[str, Any]
Interval = Mapping[str, Any]

MANY = 500
"""Elasticsearch takes 1,024 words in a query at least, more with more memory."""

MOST_NESTED = 6
"""A NEAR is asked for in both orders, so that one within another is written twice as often."""

EVERYTHING: Query = {"match_all": {}}


class ElasticEngine:
    """`index.compiler.Engine`."""

    deepest = 24  # Elasticsearch refuses more than 30 `bool` in one another

    def everything(self) -> Query:
        return EVERYTHING

    def every(self, queries: Sequence[Query]) -> Query:
        return {"bool": {"filter": list(queries)}}

    def at_least(self, least: int, queries: Sequence[Query]) -> Query:
        merged = _merged(queries) if least == 1 else list(queries)
        if len(merged) == 1:
            return merged[0]
        return {"bool": {"should": merged, "minimum_should_match": least}}

    def without(self, query: Query) -> Query:
        return {"bool": {"must_not": [query]}}

    def words(self, forms: Sequence[str]) -> Query:
        plains = [plain(form) for form in forms]
        if len(plains) == 1:
            return {"terms": {"tokens": plains}}
        return {"match_phrase": {"tokens": " ".join(plains)}}

    def prefix(self, stem: str) -> Query:
        return {"prefix": {"tokens": plain(stem)}}

    def among(self, field: str, values: Sequence[str]) -> Query:
        return {"terms": {field: list(values)}}

    def posts(self, ids: Sequence[str]) -> Query:
        return {"ids": {"values": list(ids)}}

    def between(self, field: str, first: int | None, end: int | None) -> Query:
        bounds = {"gte": first, "lt": end}
        return {"range": {field: {name: at for name, at in bounds.items() if at is not None}}}

    def sloppy(self, phrase: Phrase) -> Query | None:
        return _at(_ordered([_word(form) for form in phrase.forms], phrase.slop))

    def near(self, near: Near) -> Compiled[Query] | None:
        """Intervals are minimal: of two that begin or end at one place the longer one is not
        seen. So sides whose spans are all of one length are decided; others are only narrowed
        down, by letting as much in between as their longest span has words. Of NEARs deep within
        one another only the inner ones are.
        """
        found = _near(near) if _nested(near) <= MOST_NESTED else None
        if found is None:
            return None
        exact = all(_width(side) is not None for side in (near.left, near.right))
        return exactly(_at(found)) if exact else Compiled(_at(found), None)


def _merged(queries: Sequence[Query]) -> list[Query]:
    """The same alternatives with one query for all words: each query counts against a limit."""
    words: dict[str, list[str]] = {}
    others: list[Query] = []
    for query in queries:
        if terms := query.get("terms"):
            for field, values in terms.items():
                words.setdefault(field, []).extend(values)
        else:
            others.append(query)
    return [*({"terms": {field: values}} for field, values in words.items()), *others]


def may_be_too_wide(node: Node) -> bool:
    """Whether Elasticsearch may refuse `node`: it has many words, or a prefix beside another
    word, with which more words may begin than are looked at there.
    """
    return sum(1 for _ in forms_of(node)) > MANY or _has_near_prefix(node)


def _has_near_prefix(node: Node) -> bool:
    pairs = (each for each in walk(node) if isinstance(each, Near))
    return any(isinstance(each, Prefix) for pair in pairs for each in walk(pair))


def _width(node: Node) -> int | None:
    """How many tokens every span of `node` has; None when they differ or may."""
    match node:
        case Term() | Prefix() | Lemma() | Part():
            return 1
        case Phrase():
            return len(node.forms) if node.slop == 0 else None
        case Cased():
            return len(node.words)
        case Or() | Keywords():
            widths = {_width(child) for child in children(node)}
            return widths.pop() if len(widths) == 1 else None
        case _:
            return None


def _widest(node: Node) -> int | None:
    """How many tokens the longest span of `node` can have; None when that is not known."""
    match node:
        case Phrase():
            return len(node.forms) + node.slop
        case Or() | Keywords():
            return _most([_widest(child) for child in children(node)])
        case Near():
            sides = [_widest(side) for side in (node.left, node.right)]
            known = [side for side in sides if side is not None]
            return sum(known) + node.distance if len(known) == len(sides) else None
        case _:
            return _width(node)


def _most(widths: Sequence[int | None]) -> int | None:
    known = [width for width in widths if width is not None]
    return max(known) if len(known) == len(widths) else None


def _nested(node: Node) -> int:
    """How many NEARs of both orders are within one another."""
    doubles = isinstance(node, Near) and not node.ordered
    return doubles + max(map(_nested, children(node)), default=0)


def _near(node: Near) -> Interval | None:
    """Intervals of which there is one within every span of `node`."""
    widths = [_widest(side) for side in (node.left, node.right)]
    sides = [_interval(side) for side in (node.left, node.right)]
    left, right = sides
    if left is None or right is None:
        return None
    if _width(node.left) != 1 and _same(left) == _same(right):
        return None  # Lucene asks for one repeated, and lets the repetitions overlap
    gaps = node.distance
    if any(_width(side) is None for side in (node.left, node.right)):
        if None in widths:
            return None
        gaps += sum(width for width in widths if width is not None)
    forward = _ordered([left, right], gaps)
    if node.ordered:
        return forward
    return _either([forward, _ordered([right, left], gaps)])


def _interval(node: Node) -> Interval | None:
    """Intervals of which there is one within every span of `node`; None when there are none."""
    match node:
        case Term():
            return _word(node.form)
        case Phrase():
            return _ordered([_word(form) for form in node.forms], node.slop)
        case Prefix():
            return {"prefix": {"prefix": plain(node.stem), "analyzer": "keyword"}}
        case Cased():
            return _ordered([_word(CASED + word) for word in node.words], 0)
        case Lemma():
            return _either([_word(LEMMA + node.word), _word(node.word)])
        case Part():
            return _either([_word(PART + node.word), _word(node.word)])
        case Or() | Keywords():
            found = [_interval(child) for child in children(node)]
            known = [each for each in found if each is not None]
            return _either(known) if len(known) == len(found) else None
        case Near():
            return _near(node)
        case _:
            return None


def _word(form: str) -> Interval:
    return {"match": {"query": plain(form), "analyzer": "keyword"}}


def _ordered(parts: Sequence[Interval], gaps: int) -> Interval:
    if len(parts) == 1:
        return parts[0]
    return {"all_of": {"intervals": list(parts), "ordered": True, "max_gaps": gaps}}


def _either(parts: Sequence[Interval]) -> Interval:
    if len(parts) == 1:
        return parts[0]
    return {"any_of": {"intervals": list(parts)}}


def _same(interval: Interval) -> object:
    """Equal for intervals that Lucene takes for the same."""
    if "any_of" in interval:
        return frozenset(_same(each) for each in interval["any_of"]["intervals"])
    return json.dumps(interval, sort_keys=True)


def _at(interval: Interval) -> Query:
    return {"intervals": {"tokens": interval}}
