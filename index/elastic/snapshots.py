"""Whether backups outlive what is in them."""

from collections.abc import Sequence

from index.elastic.cluster import Cluster
from index.elastic.mapping import Names
from index.elastic.shapes import Snapshots, shaped
from stream.clock import DAY_MS
from stream.partitions import Partition

LATE_MS = DAY_MS
"""Backups are made, and removed, once a day."""


def look_at_snapshots(cluster: Cluster, names: Names, *, now: int) -> tuple[int, Sequence[str]]:
    """How many snapshots of peil's indices there are, in whatever repository and taken by whomever,
    and what to say of those that hold a partition which is over its term at `now` (Unix ms). Stop
    when the user may not see them.
    """
    cluster.check()
    with cluster.asked():
        answer = cluster.client.snapshot.get(
            repository="*", snapshot="*", ignore_unavailable=True, verbose=False
        )
        snapshots = shaped(answer, Snapshots).snapshots
    found: list[str] = []
    count = 0
    for each in snapshots:
        held = [parsed.partition for name in each.indices if (parsed := names.parse(name))]
        count += bool(held)
        if over := _over(held, now=now):
            found.append(
                f"snapshot {each.snapshot} in {each.repository} holds {over.name}, which is over "
                "its term: delete the snapshot, and see why `backup.sh` did not"
            )
    return count, found


def _over(held: Sequence[Partition], *, now: int) -> Partition | None:
    """The partition that should have gone first."""
    first = min(held, key=lambda each: each.until_ms, default=None)
    return first if first and first.until_ms < now - LATE_MS else None
