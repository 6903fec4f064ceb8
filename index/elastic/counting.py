"""Counts per cell by Elasticsearch's aggregations, with the authors that suppression needs.

A `composite` aggregation gives every cell exactly, page by page. Authors are collected by a
script: a `terms` aggregation in each cell is as exact, but looks at the authors of all cells for
each one (1.9 s in place of 0.16 s for 910 cells of 300,000 posts), and `cardinality` is not exact.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from index.contract import Dimension
from index.document import column_of, counted_as
from index.elastic.cluster import Cluster
from index.elastic.query import Query
from index.elastic.reading import WHOLE
from index.tally import Tally

PAGE = 10_000
"""Cells that are asked for at once."""


def count(
    cluster: Cluster,
    aliases: Sequence[str],
    query: Query,
    dimensions: Sequence[Dimension],
    *,
    k: int,
) -> Tally:
    """The posts in these partitions that `query` matches by `dimensions`; authors exactly up to
    `k`. `query` must be exact: nothing is verified here.
    """
    tally = Tally(k)
    if not aliases:
        return tally  # an empty list would mean every index
    columns = [*map(column_of, dimensions), "epoch"]
    for (*values, epoch), posts, whos in _cells(cluster, aliases, query, columns, k):
        tally.add(tuple(map(str, values)), posts, [(epoch, who) for who in whos])
    return tally.merged(lambda key: counted_as(dimensions, key))


def _cells(
    cluster: Cluster, aliases: Sequence[str], query: Query, columns: Sequence[str], k: int
) -> Iterator[tuple[list[Any], int, list[int]]]:
    """Each combination of values with its posts and their authors, the first k at least."""
    composite: dict[str, Any] = {
        "size": PAGE,
        "sources": [{name: {"terms": {"field": name}}} for name in columns],
    }
    request = {"cells": {"composite": composite, "aggs": {"who": _authors(k)}}}
    while True:
        with cluster.asked():
            answer = cluster.client.search(
                index=aliases, query=query, size=0, aggs=request, track_total_hits=False, **WHOLE
            )
        if "aggregations" not in answer:
            return  # all of them were dropped meanwhile
        cells = answer["aggregations"]["cells"]
        for cell in cells["buckets"]:
            values = [cell["key"][name] for name in columns]
            yield values, cell["doc_count"], cell["who"]["value"]
        if len(cells["buckets"]) < PAGE:
            return
        composite["after"] = cells["after_key"]


def _authors(k: int) -> dict[str, Any]:
    return {
        "scripted_metric": {
            "params": {"k": k},
            "init_script": "state.seen = new HashSet()",
            "map_script": "if (state.seen.size() < params.k) { state.seen.add(doc['who'].value) }",
            "combine_script": "return state.seen",
            "reduce_script": (
                "Set all = new HashSet();"
                "for (seen in states) { if (seen != null) { all.addAll(seen) } } return all"
            ),
        }
    }
