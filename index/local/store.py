"""`index.contract.Store` on tantivy, in one folder."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tantivy import Query

from index.contract import Progress, RolledUp, Scope, untold
from index.local import counting
from index.local.manifest import Manifest
from index.local.older import stored_count, stored_posts
from index.local.partition import LocalPartition
from index.local.reading import LocalFinder
from index.local.schema import VERSION
from index.questions import Questions
from index.rollups import roll_up
from privacy.suppress import Thresholds
from stream.clock import Clock
from stream.errors import Retry, Stop
from stream.lifecycle import Located
from stream.partitions import Partition
from stream.post import Post


class LocalStore(Questions[Query]):
    """The store in `folder`. One process writes; others read, and `reload` to see more."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        timezone: str,
        k: int,
        max_candidates: int = 200_000,
        writer_megabytes: int = 32,
    ) -> None:
        finder = LocalFinder(self._asked, k=k)
        super().__init__(finder, timezone=timezone, k=k, max_candidates=max_candidates)
        self._manifest = Manifest(folder)
        self._clock = clock
        self._heap = writer_megabytes * 1_000_000
        self._partitions: dict[Partition, LocalPartition] = {}
        self._unflushed: dict[str, dict[Partition, Located | None]] = {}
        self.reload()

    # Writing.

    def where(self, ids: Sequence[str]) -> Mapping[str, Sequence[Located]]:
        self._check_version()
        found: dict[str, dict[Partition, Located]] = {}
        for partition in self._partitions.values():
            for key, located in partition.where(ids).items():
                found.setdefault(key, {})[partition.name] = located
        for key in ids:
            for name, change in self._unflushed.get(key, {}).items():
                if change is None:
                    found.get(key, {}).pop(name, None)
                else:
                    found.setdefault(key, {})[name] = change
        return {key: tuple(places.values()) for key, places in found.items() if places}

    def write(self, partition: Partition, posts: Sequence[Post]) -> None:
        if partition not in self._partitions:
            if partition in self._manifest.generations:
                raise Stop(self._manifest.gone(partition))
            self._partitions[partition] = self._at(partition, 1)
            self._manifest.generations[partition] = 1
            self._manifest.save()
        self._partitions[partition].write(posts)
        for post in posts:
            place = Located(partition, post.version, post.keep_until, post.first_observed)
            self._unflushed.setdefault(post.id, {})[partition] = place

    def remove(self, partition: Partition, ids: Sequence[str]) -> None:
        if partition in self._partitions:
            self._partitions[partition].remove(ids)
            for key in ids:
                self._unflushed.setdefault(key, {})[partition] = None

    def remove_authors(self, authors: Sequence[str], up_to_rev: int) -> int:
        self.flush()
        removed = sum(
            partition.remove_authors(authors, up_to_rev) for partition in self._partitions.values()
        )
        self.flush()
        return removed

    def flush(self) -> None:
        for partition in self._partitions.values():
            partition.flush()
        self._unflushed.clear()

    def purge(self) -> int:
        """Rewrite each partition that still holds removed texts into a new generation."""
        self.flush()
        self._manifest.sweep(self._clock.now())
        rewritten = 0
        for name, partition in list(self._partitions.items()):
            partition.settle_merges()
            if not partition.holds_removed:
                continue
            posts = list(partition.posts(Query.all_query()))
            partition.close()
            self._rewrite(name, posts)
            rewritten += len(posts)
        return rewritten

    def upgrade(self, progress: Progress = untold) -> int:
        if self._manifest.version == VERSION:
            return 0
        names = list(self._manifest.generations)
        total, rewritten = sum(stored_count(self._manifest.path(name)) for name in names), 0
        for name in names:
            posts = stored_posts(self._manifest.path(name))
            self._rewrite(name, posts)
            rewritten += len(posts)
            progress(rewritten, total)
        self._manifest.version = VERSION
        self._manifest.save()
        self.reload()
        return rewritten

    def _rewrite(self, name: Partition, posts: Sequence[Post]) -> None:
        """Put exactly `posts` into `name`, in a generation that replaces the present one."""
        old = self._manifest.path(name)
        generation = self._manifest.generations[name] + 1
        shutil.rmtree(self._manifest.path(name, generation), ignore_errors=True)
        fresh = self._at(name, generation)
        fresh.write(posts)
        fresh.flush()
        self._partitions[name] = fresh
        self._manifest.generations[name] = generation
        self._manifest.save()
        shutil.rmtree(old)

    def expire(self, now: int) -> Sequence[Partition]:
        gone = [name for name in self._partitions if name.until_ms <= now]
        for name in gone:
            self._partitions.pop(name).close()
            del self._manifest.generations[name]
        if gone:
            self._manifest.save()
        self._manifest.sweep(now)
        return gone

    def roll_up(self, partition: Partition, thresholds: Thresholds) -> RolledUp:
        self.flush()
        if partition not in self._partitions:
            raise Retry(f"partition {partition.name} is not there any more")
        asked = [(self._partitions[partition], Query.all_query())]
        return roll_up(
            lambda dimensions, k: counting.count(asked, dimensions, k=k),
            thresholds,
        )

    def reload(self) -> bool:
        self._manifest.load()
        if self._manifest.version != VERSION:
            return False  # nothing of it can be asked before `upgrade`
        before, after = self._partitions, dict[Partition, LocalPartition]()
        for name, generation in self._manifest.generations.items():
            known, path = before.get(name), self._manifest.path(name)
            if known is not None and known.folder == path:
                after[name] = known.renewed()
            elif path.exists():  # else another process dropped it since the manifest was read
                after[name] = self._at(name, generation)
        self._partitions = after  # at once: other threads may be asking
        for name in before.keys() - after.keys():
            before[name].close()
        return after != before

    def problems(self) -> Sequence[str]:
        return self._manifest.problems(self._partitions, now=self._clock.now())

    def partitions(self) -> Mapping[Partition, int]:
        return {name: len(self._partitions[name]) for name in sorted(self._partitions)}

    def posts(self, partition: Partition) -> Iterator[Post]:
        self._check_version()
        if partition in self._partitions:
            yield from self._partitions[partition].posts(Query.all_query())

    def close(self) -> None:
        for partition in self._partitions.values():
            partition.close()
        self._partitions.clear()

    def _check_version(self) -> None:
        if self._manifest.version != VERSION:
            raise Stop("the index is of an older peil: `peil expire` writes it anew, once")

    def _at(self, name: Partition, generation: int) -> LocalPartition:
        path = self._manifest.path(name, generation)
        return LocalPartition(name, path, timezone=self._timezone, heap=self._heap)

    def _asked(self, scope: Scope) -> Sequence[LocalPartition]:
        """The partitions to ask, kept ones first: an id in both counts as kept. What is over its
        term is not asked, also when nobody has dropped it yet.
        """
        self._check_version()
        now = self._clock.now()
        return [
            self._partitions[name]
            for name in sorted(self._partitions)
            if (scope == "both" or name.kind == "kept") and name.until_ms > now
        ]
