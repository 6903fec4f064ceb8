"""Searches that read posts, and what is known of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from index.elastic.cluster import Cluster
from index.elastic.mapping import Names
from index.elastic.query import EVERYTHING, Query
from stream.batches import batched
from stream.codec import decode_post
from stream.errors import Stop
from stream.lifecycle import Located
from stream.post import Post

PAGE = 1_000
"""Posts that are read at once."""

WINDOW = 10_000
"""Hits that Elasticsearch gives without paging."""

KEEP_ALIVE = "2m"

PLACE = ("version", "keep_until", "first_observed")
AS_THEY_LIE: Sequence[Mapping[str, str]] = ({"_shard_doc": "asc"},)
BY_ID: Sequence[Mapping[str, str]] = ({"id_high": "asc"}, {"id_low": "asc"})

WHOLE: Mapping[str, Any] = {
    "allow_partial_search_results": False,
    "ignore_unavailable": True,  # another process may have dropped a partition
}
"""How to search: an answer without one of the shards would be a wrong one."""


def everything_in(cluster: Cluster, indices: Sequence[str]) -> Iterator[Post]:
    """Every stored post of these indices."""
    return map(post_of, read(cluster, indices, EVERYTHING, sort=AS_THEY_LIE))


def posts_of(cluster: Cluster, index: str, ids: Sequence[str]) -> Iterator[Post]:
    """The stored posts of these ids, of those that are there."""
    if ids:
        yield from map(
            post_of, read(cluster, [index], {"ids": {"values": list(ids)}}, sort=AS_THEY_LIE)
        )


def post_counts(cluster: Cluster, aliases: Sequence[str]) -> Mapping[str, int]:
    """How many posts are in the index behind each of these aliases, of those that hold any."""
    if not aliases:
        return {}
    request = {"indices": {"terms": {"field": "_index", "size": len(aliases)}}}
    with cluster.asked():
        answer = cluster.client.search(index=aliases, size=0, aggs=request, **WHOLE)
    buckets = answer["aggregations"]["indices"]["buckets"] if "aggregations" in answer else ()
    return {each["key"]: each["doc_count"] for each in buckets}


def locate(
    cluster: Cluster, names: Names, ids: Sequence[str]
) -> Iterator[tuple[str, str, Located]]:
    """Where these ids stand, in whatever index of peil: id, index and place."""
    for some in batched(ids, PAGE):
        with cluster.asked():
            answer = cluster.client.search(
                index=names.all,
                query={"ids": {"values": some}},
                size=WINDOW,
                source=False,
                docvalue_fields=[{"field": name} for name in PLACE],
                track_total_hits=True,
                **WHOLE,
            )
        hits = answer["hits"]["hits"]
        if answer["hits"]["total"]["value"] > len(hits):
            raise Stop(f"{cluster.name}: posts stand in more than {WINDOW // PAGE} places each")
        for hit in hits:
            physical = names.parse(hit["_index"])
            if physical is not None:
                version, keep_until, first = (int(hit["fields"][name][0]) for name in PLACE)
                place = Located(physical.partition, version, keep_until, first)
                yield hit["_id"], hit["_index"], place


def count_posts(cluster: Cluster, aliases: Sequence[str], query: Query) -> int:
    """How many posts in these partitions `query` matches."""
    if not aliases:
        return 0  # an empty list would mean every index
    with cluster.asked():
        answer = cluster.client.search(
            index=aliases, query=query, size=0, track_total_hits=True, **WHOLE
        )
    return int(answer["hits"]["total"]["value"])


def first(
    cluster: Cluster,
    aliases: Sequence[str],
    query: Query,
    *,
    sort: Sequence[Mapping[str, str]],
    limit: int,
) -> Iterable[Mapping[str, Any]]:
    """The first `limit` hits of `query` in this order."""
    if limit > WINDOW or not aliases:
        return islice(read(cluster, aliases, query, sort=sort), limit)
    with cluster.asked():
        answer = cluster.client.search(
            index=aliases, query=query, sort=sort, size=limit, track_total_hits=False, **WHOLE
        )
    hits: list[Mapping[str, Any]] = answer["hits"]["hits"]
    return hits


def read(
    cluster: Cluster,
    aliases: Sequence[str],
    query: Query,
    *,
    sort: Sequence[Mapping[str, str]],
    fields: Sequence[str] = (),
) -> Iterator[Mapping[str, Any]]:
    """Every hit of `query` in this order, as the partitions were when it began; with `fields`
    those numbers in place of the post.
    """
    if not aliases:
        return
    client = cluster.client
    wanted: dict[str, Any] = (
        {"docvalue_fields": [{"field": name} for name in fields], "source": False} if fields else {}
    )
    with cluster.asked():
        pit = client.open_point_in_time(
            index=aliases, keep_alive=KEEP_ALIVE, ignore_unavailable=True
        )["id"]
    after: dict[str, Any] = {}
    try:
        while True:
            with cluster.asked():
                answer = client.search(
                    pit={"id": pit, "keep_alive": KEEP_ALIVE},
                    query=query,
                    sort=sort,
                    size=PAGE,
                    track_total_hits=False,
                    allow_partial_search_results=False,
                    **wanted,
                    **after,
                )
            pit, hits = answer["pit_id"], answer["hits"]["hits"]
            yield from hits
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}
    finally:
        with cluster.asked():
            client.options(ignore_status=404).close_point_in_time(id=pit)


def post_of(hit: Mapping[str, Any]) -> Post:
    """The stored post of a hit."""
    return decode_post(hit["_source"]["post"].encode())
