"""Taking posts out so that nothing of them stays in a file."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from index.elastic.cluster import Cluster
from index.elastic.mapping import Names
from index.elastic.shapes import Broadcast, Files, Removed, Statistics, shaped
from stream.errors import Retry
from stream.version import MAX_GENERATION, pack

ROUNDS = 20
"""Posts of an author that come in while they are removed are found by the next round."""

LEASE_SECONDS = 120.0
"""Elasticsearch keeps deleted texts for copies of a shard that may have to catch up, and looks
every 30 s how far those are."""

PAUSE_SECONDS = 0.5
MERGE_SECONDS = 3_600.0


def remove_authors(
    cluster: Cluster, aliases: Sequence[str], authors: Sequence[str], up_to_rev: int
) -> int:
    """Remove what these pseudonyms wrote up to that rev, and all that is visible is meant;
    returns how many posts.
    """
    if not aliases:
        return 0
    query = {
        "bool": {
            "filter": [
                {"terms": {"author": list(authors)}},
                {"range": {"version": {"lte": pack(up_to_rev, MAX_GENERATION)}}},
            ]
        }
    }
    removed: int = 0
    for _ in range(ROUNDS):
        with cluster.asked():
            answer = cluster.client.delete_by_query(
                index=aliases,
                query=query,
                conflicts="proceed",  # a newer version came meanwhile: the next round looks again
                refresh=True,
                ignore_unavailable=True,
            )
            found = shaped(answer, Removed)
        for failure in found.failures:
            raise cluster.refusal(failure.status, failure.cause)
        removed += found.deleted
        if not found.total:
            return removed
    raise Retry(f"{cluster.name}: posts of an author keep coming while they are removed")


class _Held(NamedTuple):
    """What is in the files of an index: how many deleted documents, the number of the last
    operation of each shard, and from which one on that shard keeps what was deleted.
    """

    deleted: int
    last: Mapping[str, int]
    kept_from: Mapping[str, int]


def merge_out(
    cluster: Cluster, names: Names, *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Rewrite the files of the indices of peil that hold deleted texts; returns how many are
    gone. Waits until Elasticsearch lets go of what was deleted before the call.
    """
    before = {name: held for name, held in _look(cluster, names).items() if held.deleted}
    if not before:
        return 0
    _wait_for_leases(cluster, names, before, pause)
    indices = list(before)
    patient = cluster.client.options(request_timeout=MERGE_SECONDS, max_retries=0).indices
    with cluster.asked():
        # What was deleted since the last commit is kept for it.
        shaped(patient.flush(index=indices, ignore_unavailable=True), Broadcast)
        shaped(
            patient.forcemerge(index=indices, only_expunge_deletes=True, ignore_unavailable=True),
            Broadcast,
        )
        shaped(patient.refresh(index=indices, ignore_unavailable=True), Broadcast)
    after = _look(cluster, names)
    stuck = [
        name
        for name, held in before.items()
        if name in after and after[name].deleted and after[name].last == held.last
    ]
    if stuck:
        raise Retry(
            f"{cluster.name}: removed texts are still in the files of {', '.join(stuck)}; a copy "
            "of a shard may be away, for which they are kept"
        )
    return sum(
        held.deleted - (after[name].deleted if name in after else 0)
        for name, held in before.items()
    )


def _wait_for_leases(
    cluster: Cluster, names: Names, before: Mapping[str, _Held], pause: Callable[[float], None]
) -> None:
    for _ in range(int(LEASE_SECONDS / PAUSE_SECONDS)):
        now = _look(cluster, names)
        waiting = [
            shard
            for name, held in before.items()
            if name in now
            for shard, last in held.last.items()
            if now[name].kept_from.get(shard, last + 1) <= last
        ]
        if not waiting:
            return
        pause(PAUSE_SECONDS)


def _look(cluster: Cluster, names: Names) -> Mapping[str, _Held]:
    with cluster.asked():
        answer = cluster.client.indices.stats(index=names.all, metric="docs", level="shards")
        indices = shaped(answer, Statistics).indices
    return {name: _held(files) for name, files in indices.items() if names.parse(name)}


def _held(files: Files) -> _Held:
    shards = {
        number: copy
        for number, copies in files.shards.items()
        for copy in copies
        if copy.routing.primary
    }
    return _Held(
        files.primaries.docs.deleted,
        {number: copy.seq_no.max_seq_no for number, copy in shards.items()},
        {
            number: min(
                (lease.retaining_seq_no for lease in copy.retention_leases.leases),
                default=copy.seq_no.max_seq_no + 1,
            )
            for number, copy in shards.items()
        },
    )
