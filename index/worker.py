"""The index worker's step: labelled events into the store, once, newest version only."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine

from index.contract import Store
from index.tables import gap
from privacy.ledger import Ledger
from stream.broker import Record
from stream.clock import Clock
from stream.database import upsert
from stream.events import AuthorDelete, Delete, Gap, Upsert
from stream.lifecycle import newest, settle
from stream.metrics import Metrics
from stream.partitions import Partition
from stream.post import Post
from stream.worker import Result, decode_records


class IndexStep:
    """A `stream.worker.Step` on topic `labelled`: what writes to the store.

    Where the store has several writers each id is one writer's at a time, because its records are
    in one partition of the topic. Everything is durable in the store when a call returns; the
    worker commits after that.
    """

    def __init__(
        self,
        store: Store,
        *,
        ledger: Ledger,
        engine: Engine,
        clock: Clock,
        metrics: Metrics,
        longest_retention_ms: int,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._engine = engine
        self._clock = clock
        self._metrics = metrics
        self._retention_ms = longest_retention_ms

    def __call__(self, records: Sequence[Record]) -> Result:
        decoded, rejected = decode_records(records)
        now = self._clock.now()
        until = now + self._retention_ms
        posts: list[Upsert | Delete] = []
        for _, event in decoded:
            match event:
                case Upsert():
                    posts.append(event)
                case Delete():
                    posts.append(event)
                case AuthorDelete():
                    self._ledger.add_authors(event.authors, up_to_rev=event.up_to_rev, until=until)
                    self._store.remove_authors(event.authors, event.up_to_rev)
                case Gap():
                    self.record_gap(event)
        # The ledger first: a kill after it and before the removal is mended when the record comes
        # again, and nothing comes back meanwhile.
        deletes: dict[str, int] = {}
        for each in posts:
            if isinstance(each, Delete):
                deletes[each.id] = max(each.version, deletes.get(each.id, 0))
        self._ledger.add_posts(deletes, until=until)
        self._settle(posts, now=now)
        return Result(rejected=rejected)

    def _settle(self, events: Sequence[Upsert | Delete], *, now: int) -> None:
        chosen = newest(events)
        upserts = [event.post for event in chosen.values() if isinstance(event, Upsert)]
        plan = settle(
            events,
            located=self._store.where(list(chosen)),
            blocked=self._ledger.blocked(upserts),
            now=now,
        )
        for partition, posts in plan.writes.items():
            self._store.write(partition, posts)
        self._store.flush()
        for partition, ids in plan.removes.items():
            self._store.remove(partition, ids)
        if plan.removes:
            self._store.flush()
        self._take_back(plan.writes)
        for outcome, count in plan.outcomes.items():
            self._metrics.count("peil_index_posts_total", count, outcome=outcome)

    def _take_back(self, written: Mapping[Partition, Sequence[Post]]) -> None:
        """Remove what was erased since the ledger was asked: another writer that erased an author
        removed what it found, and may have come before this one had written.
        """
        erased = self._ledger.blocked([post for posts in written.values() for post in posts])
        if not erased:
            return
        for partition, posts in written.items():
            self._store.remove(partition, [post.id for post in posts if post.id in erased])
        self._store.flush()

    def record_gap(self, event: Gap) -> None:
        """Keep a gap for every chart to show; the same one twice is one."""
        row = {
            "source": event.source,
            "start": event.start,
            "end": event.end,
            "why": event.why,
        }
        with self._engine.begin() as connection:
            upsert(connection, gap, [row], replace=["end", "why"])
