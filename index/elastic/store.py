"""`index.contract.Store` on Elasticsearch."""

from collections.abc import Iterator, Mapping, Sequence

from index.contract import Counted, Progress, RolledUp, Scope, untold
from index.elastic import counting
from index.elastic.bulk import Buffer, Removal
from index.elastic.catalogue import Catalogue
from index.elastic.checks import find_problems
from index.elastic.cluster import Cluster, Gone
from index.elastic.erasing import merge_out, remove_authors
from index.elastic.finder import ElasticFinder
from index.elastic.query import EVERYTHING, Query
from index.elastic.reading import everything_in, locate, post_counts
from index.elastic.rebuild import Rebuild
from index.elastic.setup import set_up
from index.elastic.shapes import Broadcast, shaped
from index.elastic.snapshots import look_at_snapshots
from index.questions import Questions
from index.rollups import roll_up
from index.settings import ElasticSettings
from index.tally import Tally
from privacy.suppress import Thresholds
from stream.clock import Clock
from stream.lifecycle import Located
from stream.partitions import Partition
from stream.post import Post


class ElasticStore(Questions[Query]):
    """The store under the prefix of `settings`. Nothing is asked before the first call."""

    def __init__(
        self,
        settings: ElasticSettings,
        *,
        clock: Clock,
        timezone: str,
        k: int,
        max_candidates: int = 200_000,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._cluster = Cluster(settings)
        self._catalogue = Catalogue(self._cluster, settings)
        self._buffer = Buffer(self._cluster, self._catalogue.names, timezone=timezone)
        # Of the ids that `where` was asked for last, which version stands where: as it was found,
        # or written since. What is newer is another writer's, and is not removed.
        self._versions: Mapping[str, dict[Partition, int]] = {}
        # Whether all that this process sent is seen by searches.
        self._settled = True
        self._elastic = ElasticFinder(self._cluster, self._asked, k=k)
        super().__init__(self._elastic, timezone=timezone, k=k, max_candidates=max_candidates)

    # Writing.

    def upgrade(self, progress: Progress = untold) -> int:
        self._catalogue.load()
        self._refresh()
        rebuild = Rebuild(
            self._cluster, self._catalogue, timezone=self._timezone, progress=progress
        )
        return rebuild.run()

    def where(self, ids: Sequence[str]) -> Mapping[str, Sequence[Located]]:
        self._catalogue.check_version()
        if not self._settled:
            self._refresh()
        found: dict[str, dict[Partition, Located]] = {}
        hits = list(locate(self._cluster, self._catalogue.names, ids))
        if any(index not in self._catalogue for _, index, _ in hits):
            self._catalogue.load()  # another writer made one
        for key, index, place in hits:
            if index in self._catalogue:  # else an upgrade is making it
                found.setdefault(key, {})[place.partition] = place
        for key in ids:
            for partition, change in self._buffer.waiting(key).items():
                if isinstance(change, Removal):
                    found.get(key, {}).pop(partition, None)
                else:
                    found.setdefault(key, {})[partition] = Located(
                        partition, change.version, change.keep_until, change.first_observed
                    )
        self._versions = {
            key: {partition: place.version for partition, place in found.get(key, {}).items()}
            for key in ids
        }
        return {key: tuple(places.values()) for key, places in found.items() if places}

    def write(self, partition: Partition, posts: Sequence[Post]) -> None:
        self._catalogue.check_version()
        self._catalogue.ensure(partition)
        self._buffer.put(partition, posts)
        for post in posts:
            if post.id in self._versions:
                self._versions[post.id][partition] = post.version

    def remove(self, partition: Partition, ids: Sequence[str]) -> None:
        for key in ids:
            self._buffer.remove(partition, key, self._versions.get(key, {}).get(partition))

    def remove_authors(self, authors: Sequence[str], up_to_rev: int) -> int:
        self.flush()
        self._catalogue.load()
        self._refresh()
        aliases = self._catalogue.aliases(self._catalogue.held)
        return remove_authors(self._cluster, aliases, authors, up_to_rev)

    def flush(self) -> None:
        if not self._buffer:
            return
        self._settled = False
        try:
            self._buffer.send()
        except Gone:
            self._catalogue.load()
            raise
        self._settled = True
        self._elastic.forget()

    def purge(self) -> int:
        self.flush()
        self._cluster.check()
        return merge_out(self._cluster, self._catalogue.names)

    def expire(self, now: int) -> Sequence[Partition]:
        self._catalogue.load()
        over = [each for each in self._catalogue.indices if each.physical.partition.until_ms <= now]
        gone = {each.physical.partition for each in over if self._catalogue.is_read(each)}
        self._catalogue.drop([each.name for each in over])
        self._catalogue.load()
        return sorted(gone)

    def roll_up(self, partition: Partition, thresholds: Thresholds) -> RolledUp:
        self.flush()
        self._catalogue.require(partition)
        self._catalogue.check_version()
        aliases = self._catalogue.aliases([partition])
        busy = counting.busy(self._cluster, aliases)

        def count(dimensions: Sequence[Counted], k: int) -> Tally:
            return counting.count(self._cluster, aliases, EVERYTHING, dimensions, k=k, busy=busy)

        counts = roll_up(count, thresholds)
        self._catalogue.require(partition)  # a search passes over what is dropped meanwhile
        return counts

    def reload(self) -> bool:
        self._catalogue.load()
        self._elastic.forget()
        return True  # what was written is not told to who reads

    def partitions(self) -> Mapping[Partition, int]:
        self._catalogue.load()
        held = self._catalogue.held
        counts = post_counts(self._cluster, self._catalogue.aliases(held))
        return {name: counts.get(held[name].name, 0) for name in sorted(held)}

    def posts(self, partition: Partition) -> Iterator[Post]:
        self._catalogue.check_version()
        held = [each for each in self._catalogue.held if each == partition]
        return everything_in(self._cluster, self._catalogue.aliases(held))

    def problems(self) -> Sequence[str]:
        return find_problems(
            self._cluster, self._catalogue.names, self._settings, now=self._clock.now()
        )

    def snapshots(self) -> tuple[int, Sequence[str]]:
        """How many backups of it there are, and what is wrong with them, in words."""
        return look_at_snapshots(self._cluster, self._catalogue.names, now=self._clock.now())

    def close(self) -> None:
        self._buffer.clear()
        self._cluster.client.close()

    def setup(self) -> Sequence[str]:
        """What an administrator does once, and after a change of the settings; says what."""
        return set_up(self._cluster, self._catalogue, self._settings)

    def _refresh(self) -> None:
        if aliases := self._catalogue.aliases(self._catalogue.held):
            with self._cluster.asked():
                answer = self._cluster.client.indices.refresh(
                    index=aliases, ignore_unavailable=True
                )
                shaped(answer, Broadcast)
        self._settled = True

    def _asked(self, scope: Scope) -> Sequence[Sequence[str]]:
        """The aliases to ask, of each class, kept ones first: an id in both counts as kept. What
        is over its term is not asked, also when nobody has dropped it yet.
        """
        self._catalogue.check_version()
        now = self._clock.now()
        asked = [name for name in sorted(self._catalogue.held) if name.until_ms > now]
        kinds = ("kept", "recent") if scope == "both" else ("kept",)
        return [
            self._catalogue.aliases([name for name in asked if name.kind == kind]) for kind in kinds
        ]
