"""Counts per cell by tantivy's aggregations, with the authors that suppression needs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tantivy import Query

from index.contract import Dimension, TooBroad
from index.document import column_of, counted_as
from index.local.partition import LocalPartition, TooManyBuckets
from index.local.query import TantivyEngine
from index.tally import Author, Tally

MOST = 60_000
"""The most values of one field that are asked for at once; tantivy has at most 65,000 buckets."""

Cells = Iterator[tuple[tuple[str, ...], int, list[Author]]]


def count(
    partitions: Sequence[LocalPartition], query: Query, dimensions: Sequence[Dimension], *, k: int
) -> Tally:
    """The posts that `query` matches by `dimensions`; authors exactly up to `k`. `query` must be
    exact: nothing is verified here.
    """
    tally = Tally(k)
    columns = [column_of(dimension) for dimension in dimensions]
    for partition in partitions:
        for key, posts, authors in _cells(partition, query, columns, k):
            tally.add(key, posts, authors)
    return tally.merged(lambda key: counted_as(dimensions, key))


def _cells(partition: LocalPartition, query: Query, columns: Sequence[str], k: int) -> Cells:
    """All cells; a cell can come more than once, its counts then add up."""
    request = {"epoch": _terms("epoch", MOST, {"who": _terms("who", k)})}
    for column in reversed(columns):
        request = {column: _terms(column, MOST, request)}
    try:
        yield from list(_unnest(partition.aggregate(query, request), columns, ()))
    except TooManyBuckets:
        # More cells than fit into one answer: the posts of half the period have fewer.
        for half in _halves(partition, query):
            yield from _cells(partition, half, columns, k)


def _halves(partition: LocalPartition, query: Query) -> Sequence[Query]:
    first, last = partition.bounds(query, "ms")
    if first >= last:
        raise TooBroad("there are too many different values to count at once: ask for fewer")
    middle = (first + last) // 2 + 1
    engine = TantivyEngine(partition.schema)
    return [
        engine.every([query, engine.between("ms", start, end)])
        for start, end in ((None, middle), (middle, None))
    ]


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
    posts, authors = 0, []
    for epoch in _buckets(answer["epoch"]):
        posts += epoch["doc_count"]
        authors += [(int(epoch["key"]), int(who["key"])) for who in epoch["who"]["buckets"]]
    yield key, posts, authors


def _buckets(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if answer.get("sum_other_doc_count") or answer.get("doc_count_error_upper_bound"):
        raise TooManyBuckets
    buckets: Sequence[Mapping[str, Any]] = answer["buckets"]
    return buckets
