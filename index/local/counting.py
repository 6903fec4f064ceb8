"""Counts per cell by tantivy's aggregations, with the authors that suppression needs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tantivy import Query

from index.contract import Counted
from index.document import column_of, counted_as
from index.local.buckets import MOST, TooManyBuckets, whole
from index.local.partition import LocalPartition
from index.local.query import TantivyEngine
from index.tally import Author, Tally
from privacy.suppress import MOST_A_DAY

Cells = Iterator[tuple[tuple[str, ...], int, list[Author], int]]
"""Values, posts, authors and the sum of record keys; a cell can come more than once, its counts
then add up.
"""

Leaves = Iterator[tuple[tuple[str, ...], int]]


def count(
    asked: Sequence[tuple[LocalPartition, Query]], dimensions: Sequence[Counted], *, k: int
) -> Tally:
    """The posts of each partition that its query matches by `dimensions`; authors exactly up to
    `k`. The queries must be exact: nothing is verified here.
    """
    tally = Tally(k)
    columns = [column_of(dimension) for dimension in dimensions]
    for partition, query in asked:
        for key, posts, authors, record in _cells(partition, query, columns, k):
            tally.add(key, posts, authors, record=record)
    counts = tally.merged(lambda key: counted_as(dimensions, key))
    for partition, query in asked:
        for key, posts in _too_many_of_one(partition, query, columns, dimensions):
            counts.take_off(key, posts)
    return counts


def _cells(partition: LocalPartition, query: Query, columns: Sequence[str], k: int) -> Cells:
    epoch = _terms("epoch", MOST, {"who": _terms("who", k), "record": {"sum": {"field": "record"}}})
    request = _nested(columns, {"epoch": epoch})
    try:
        yield from list(_unnest(partition.aggregate(query, request), columns, ()))
    except TooManyBuckets:
        # More cells than fit into one answer: the posts of half the period have fewer.
        for half in partition.halves(query, "ms"):
            yield from _cells(partition, half, columns, k)


def _too_many_of_one(
    partition: LocalPartition, query: Query, columns: Sequence[str], dimensions: Sequence[Counted]
) -> Iterator[tuple[tuple[str, ...], int]]:
    """How many posts do not count in a cell, because their authors have enough of a day. Few
    authors write so much, and the partition remembers which.
    """
    busy = partition.busy()
    if busy is None:
        return
    some = TantivyEngine(partition.schema).every([query, busy])
    found = Counter[tuple[tuple[str, ...], str]]()
    for (*values, author_day), posts in _leaves(partition, some, [*columns, "author_day"]):
        found[counted_as(dimensions, values), author_day] += posts
    for (key, _), posts in found.items():
        if posts > MOST_A_DAY:
            yield key, posts - MOST_A_DAY


def _leaves(partition: LocalPartition, query: Query, columns: Sequence[str]) -> Leaves:
    """The posts of each combination of values, the last of which one answer has whole."""
    request = _nested(columns[:-1], {columns[-1]: _terms(columns[-1], MOST)})
    try:
        yield from list(_flat(partition.aggregate(query, request), columns, ()))
    except TooManyBuckets:
        for half in partition.halves(query, columns[-1]):
            yield from _leaves(partition, half, columns)


def _nested(columns: Sequence[str], innermost: dict[str, Any]) -> dict[str, Any]:
    request = innermost
    for column in reversed(columns):
        request = {column: _terms(column, MOST, request)}
    return request


def _terms(field: str, size: int, below: dict[str, Any] | None = None) -> dict[str, Any]:
    request: dict[str, Any] = {"terms": {"field": field, "size": size, "segment_size": size}}
    if below:
        request["aggs"] = below
    return request


def _unnest(answer: Mapping[str, Any], columns: Sequence[str], key: tuple[str, ...]) -> Cells:
    """The innermost buckets of an aggregation as (values, posts, authors)."""
    if columns:
        for bucket in _buckets(answer[columns[0]]):
            yield from _unnest(bucket, columns[1:], (*key, str(bucket["key"])))
        return
    posts, authors, record = 0, [], 0
    for epoch in _buckets(answer["epoch"]):
        posts += epoch["doc_count"]
        record += int(epoch["record"]["value"])
        authors += [(int(epoch["key"]), int(who["key"])) for who in epoch["who"]["buckets"]]
    yield key, posts, authors, record


def _flat(answer: Mapping[str, Any], columns: Sequence[str], key: tuple[str, ...]) -> Leaves:
    for bucket in _buckets(answer[columns[0]]):
        values = (*key, str(bucket["key"]))
        if len(columns) > 1:
            yield from _flat(bucket, columns[1:], values)
        else:
            yield values, bucket["doc_count"]


def _buckets(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    buckets: Sequence[Mapping[str, Any]] = whole(answer)["buckets"]
    return buckets
