"""Writing the index of a partition anew, for another mapping, while posts go on coming in.

    make the new index -> copy the stored posts -> compare and mend, until little differs
    -> block writes to the old one -> compare and mend -> give its alias to the new one

Every step looks at what is there, so it goes on where it was ended, whatever ended it. Writers
get a Retry for the moment that the block stands. Several processes may do it at once: until one
of them swaps, nobody else writes to the new index, and after that the old one is Gone to the
others, which take nothing from the new one any more.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from index.contract import Progress
from index.elastic.bulk import Buffer
from index.elastic.catalogue import Catalogue, Seen
from index.elastic.cluster import Cluster, Gone
from index.elastic.hits import Entry, Page
from index.elastic.mapping import VERSION
from index.elastic.query import EVERYTHING
from index.elastic.reading import BY_ID, count_posts, everything_in, posts_of, read
from index.elastic.shapes import Acknowledged, Broadcast, shaped
from stream.batches import batched
from stream.partitions import Partition
from stream.post import Post

BATCH = 1_000
FEW = 1_000
"""So many differences are mended while writers wait."""

ROUNDS = 20


class _Entry(NamedTuple):
    id: str
    version: int
    here: bool
    """Whether it stands in the old index."""


class Rebuild:
    """Brings every partition to the present version of the mapping."""

    def __init__(
        self, cluster: Cluster, catalogue: Catalogue, *, timezone: str, progress: Progress
    ) -> None:
        self._cluster = cluster
        self._catalogue = catalogue
        self._target = Buffer(cluster, catalogue.names, timezone=timezone)
        self._progress = progress
        self._done = 0
        self._of = 0

    def run(self) -> int:
        """Until none is of an older version; returns how many posts were written anew."""
        while old := [
            seen for seen in self._catalogue.held.values() if seen.physical.version < VERSION
        ]:
            self._of = self._done + sum(
                count_posts(self._cluster, [seen.name], EVERYTHING) for seen in old
            )
            for seen in old:
                try:
                    self.replace(seen)
                except Gone:  # it was dropped meanwhile: its day had come, or another was faster
                    self._target.clear()
            self._catalogue.load()
        return self._done

    def replace(self, old: Seen) -> None:
        """Put a new index in the place of `old`."""
        partition = old.physical.partition
        target = self._catalogue.names.index(partition)
        self._catalogue.make(partition, read=False)
        self._refresh(old.name, target)
        if not count_posts(self._cluster, [target], EVERYTHING):
            self.copy(old)
        for _ in range(ROUNDS):
            self._refresh(old.name, target)
            if self.mend(old, target) <= FEW:
                break
        self.block(old)
        self._refresh(old.name, target)
        while self.mend(old, target):
            self._refresh(old.name, target)
        self.swap(old, target)

    def copy(self, old: Seen) -> None:
        """Write what `old` holds as this begins."""
        self._write(old.physical.partition, everything_in(self._cluster, [old.name]))

    def mend(self, old: Seen, target: str) -> int:
        """Make the new index as `old` is; returns how many posts differed. Gone when `old` is."""
        partition, differed = old.physical.partition, 0
        missing: list[str] = []
        # The new one is read first: when the old one is there after that, all that was read is
        # of rebuilds. What has come in its place since is newer, and stays.
        there = _entries(self._cluster, target, here=False)
        here = _entries(self._cluster, old.name, here=True)
        for key, superfluous in _differences(there, here):
            differed += 1
            if superfluous is None:
                missing.append(key)
            else:
                self._target.remove(partition, key, superfluous)
            if len(missing) >= BATCH:
                self._write(partition, posts_of(self._cluster, old.name, missing))
                missing.clear()
        self._write(partition, posts_of(self._cluster, old.name, missing))
        self._target.send()
        return differed

    def block(self, old: Seen) -> None:
        """From now on writers of `old` get a Retry."""
        with self._cluster.asked():
            shaped(
                self._cluster.client.indices.add_block(index=old.name, block="write"), Acknowledged
            )

    def swap(self, old: Seen, target: str) -> None:
        """Give the alias to the new index and drop the old one, at once."""
        alias = self._catalogue.names.alias(old.physical.partition)
        actions: list[dict[str, Any]] = [
            {"add": {"index": target, "alias": alias, "is_write_index": True}},
            {"remove_index": {"index": old.name}},
        ]
        with self._cluster.asked():
            shaped(self._cluster.client.indices.update_aliases(actions=actions), Acknowledged)

    def _write(self, partition: Partition, posts: Iterable[Post]) -> None:
        for some in batched(posts, BATCH):
            self._target.put(partition, some)
            self._target.send()
            self._done += len(some)
            self._of = max(self._of, self._done)
            self._progress(self._done, self._of)

    def _refresh(self, *indices: str) -> None:
        with self._cluster.asked():
            shaped(self._cluster.client.indices.refresh(index=list(indices)), Broadcast)


def _entries(cluster: Cluster, index: str, *, here: bool) -> Iterator[_Entry]:
    """The ids in an index with their versions, in the order of the ids. Nothing is asked before
    the first one is taken.
    """
    hits = read(
        cluster, [index], EVERYTHING, Page[Entry], sort=BY_ID, fields=["version"], needed=True
    )
    for hit in hits:
        (version,) = hit.fields.version
        yield _Entry(hit.id, version, here)


def _differences(
    there: Iterable[_Entry], here: Iterable[_Entry]
) -> Iterator[tuple[str, int | None]]:
    """The ids that stand otherwise `there` than `here`, with the version that must go there; None
    where one is missing. `there` is begun first.
    """
    by_id = heapq.merge(there, here, key=attrgetter("id"))
    for key, entries in groupby(by_id, key=attrgetter("id")):
        versions = {entry.here: entry.version for entry in entries}
        old, new = versions.get(True), versions.get(False)
        if old != new:
            yield key, new if new is not None and (old is None or old < new) else None
