"""Searches that read posts, and what is known of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from index.elastic.cluster import Cluster
from index.elastic.hits import All, Answered, ByIndex, Found, Moment, Number, Page, Placed, Stored
from index.elastic.mapping import Names
from index.elastic.query import EVERYTHING, Query
from index.elastic.shapes import shaped
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


class Sorted(Protocol):
    """A hit that the next page can go on after."""

    @property
    def sort(self) -> Sequence[Any]: ...


Hit = TypeVar("Hit", bound=Sorted)


def everything_in(cluster: Cluster, indices: Sequence[str]) -> Iterator[Post]:
    """Every stored post of these indices."""
    return map(post_of, read(cluster, indices, EVERYTHING, Page[Stored], sort=AS_THEY_LIE))


def posts_of(cluster: Cluster, index: str, ids: Sequence[str]) -> Iterator[Post]:
    """The stored posts of these ids, of those that are there; Gone when the index is not."""
    if ids:
        wanted = {"ids": {"values": list(ids)}}
        found = read(cluster, [index], wanted, Page[Stored], sort=AS_THEY_LIE, needed=True)
        yield from map(post_of, found)


def post_counts(cluster: Cluster, aliases: Sequence[str]) -> Mapping[str, int]:
    """How many posts are in the index behind each of these aliases, of those that hold any."""
    if not aliases:
        return {}
    request = {"indices": {"terms": {"field": "_index", "size": len(aliases)}}}
    with cluster.asked():
        answer = shaped(
            cluster.client.search(index=aliases, size=0, aggs=request, **WHOLE),
            Answered[ByIndex],
        )
    buckets = answer.aggregations.indices.buckets if answer.aggregations else ()
    return {each.key: each.doc_count for each in buckets}


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
            found = shaped(answer, All[Placed]).hits
        if found.total.value > len(found.hits):
            raise Stop(f"{cluster.name}: posts stand in more than {WINDOW // PAGE} places each")
        for hit in found.hits:
            physical = names.parse(hit.index)
            if physical is not None:
                (version,), (keep_until,), (first,) = (
                    hit.fields.version, hit.fields.keep_until, hit.fields.first_observed,
                )  # fmt: skip
                yield hit.id, hit.index, Located(physical.partition, version, keep_until, first)


def count_posts(cluster: Cluster, aliases: Sequence[str], query: Query) -> int:
    """How many posts in these partitions `query` matches."""
    if not aliases:
        return 0  # an empty list would mean every index
    with cluster.asked():
        answer = cluster.client.search(
            index=aliases, query=query, size=0, track_total_hits=True, **WHOLE
        )
        return shaped(answer, Number).hits.total.value


def first(
    cluster: Cluster,
    aliases: Sequence[str],
    query: Query,
    *,
    sort: Sequence[Mapping[str, str]],
    limit: int,
) -> Iterable[Stored]:
    """The first `limit` hits of `query` in this order."""
    if limit > WINDOW or not aliases:
        return islice(read(cluster, aliases, query, Page[Stored], sort=sort), limit)
    with cluster.asked():
        answer = cluster.client.search(
            index=aliases, query=query, sort=sort, size=limit, track_total_hits=False, **WHOLE
        )
        return shaped(answer, Found[Stored]).hits.hits


def read(
    cluster: Cluster,
    aliases: Sequence[str],
    query: Query,
    page: type[Page[Hit]],
    *,
    sort: Sequence[Mapping[str, str]],
    fields: Sequence[str] = (),
    needed: bool = False,
) -> Iterator[Hit]:
    """Every hit of `query` in this order, as the partitions were when it began; with `fields`
    those numbers in place of the post. `page` is the shape of each answer. An index that is not
    there holds nothing, unless it is `needed`: then Gone.
    """
    if not aliases:
        return
    client = cluster.client
    wanted: dict[str, Any] = (
        {"docvalue_fields": [{"field": name} for name in fields], "source": False} if fields else {}
    )
    with cluster.asked():
        opened = client.open_point_in_time(
            index=aliases, keep_alive=KEEP_ALIVE, ignore_unavailable=not needed
        )
        pit = shaped(opened, Moment).id
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
                found = shaped(answer, page)
            pit, hits = found.pit_id, found.hits.hits
            yield from hits
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1].sort}
    finally:
        with cluster.asked():
            client.options(ignore_status=404).close_point_in_time(id=pit)


def post_of(hit: Stored) -> Post:
    """The stored post of a hit."""
    return decode_post(hit.source.post.encode())
