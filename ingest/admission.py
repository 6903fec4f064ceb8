"""From a batch to the log, and only then to the cursor: one at a time, whoever brings it."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.account import Account
from ingest.contract import NO_ACCIDENT, Batch, Collector, Rechecking, Reference
from ingest.memory import Memory, Progress
from ingest.settings import IngestSettings
from ingest.sources import Source
from ingest.tallies import APPENDED
from ingest.vault import Vault
from privacy.contract import Terms
from privacy.gate import Gate
from privacy.ledger import Ledger
from privacy.register import Register
from stream.broker import Broker, Entry
from stream.clock import DAY_MS, Clock
from stream.codec import encode
from stream.errors import Retry
from stream.events import Delete, Event, Upsert
from stream.metrics import Metrics
from stream.post import RawDelete, RawPost
from stream.quarantine import Quarantine
from stream.topics import POSTS

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """A run that is going on. `cursor` is the name of its cursor, the source's id unless it is a
    backfill; while `mine` says so, nobody else collects by it. A server `answered` it, and the
    last `unread` items, those of runs before too, could not be read.
    """

    source: Source
    collector: Collector
    number: int
    cursor: str
    mine: Callable[[], bool]
    account: Account = field(default_factory=Account)
    answered: bool = False
    unread: int = 0

    @property
    def is_backfill(self) -> bool:
        """Whether it brings what is past, beside the source's own runs."""
        return self.cursor != self.source.id

    def check_mine(self) -> None:
        """Retry when another process may collect from the source now."""
        if not self.mine():
            raise Retry(f"source {self.source.id}: its lock was lost, and another process has it")


class Admission:
    """What passes the gate goes into topic `posts`, and what is deleted into the ledger. Shared
    between threads: they are served in turn.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        gate: Gate,
        register: Register,
        memory: Memory,
        vault: Vault,
        ledger: Ledger,
        quarantine: Quarantine,
        metrics: Metrics,
        clock: Clock,
        settings: IngestSettings,
        k: int,
        longest_retention_ms: int,
    ) -> None:
        self.turn = threading.RLock()
        """Held by whoever uses the store or the vault beside it."""
        self._broker = broker
        self._gate = gate
        self._register = register
        self._memory = memory
        self._vault = vault
        self._ledger = ledger
        self._quarantine = quarantine
        self._metrics = metrics
        self._clock = clock
        self._settings = settings
        self._k = k
        self._longest_retention_ms = longest_retention_ms

    def take(self, work: Work, batch: Batch) -> None:
        """Take a batch in: when it returns, its items are in the log and the cursor is after them.

        Raises Stop when the register has no open entry, Retry when the log is busy or the lock of
        the source was lost; then the cursor stays before the batch.
        """
        with self.turn:
            self._take(work, batch)

    def _take(self, work: Work, batch: Batch) -> None:
        work.check_mine()
        source, collector, now = work.source, work.collector, self._clock.now()
        terms = self._terms(source, live=collector.live or work.is_backfill)
        seen = self._memory.seen(source.id) if collector.repeats else None
        admitted = self._gate.admit(batch.items, terms=terms, seen=seen)
        posts = [event.post for event in admitted.events if isinstance(event, Upsert)]
        if isinstance(collector, Rechecking):
            # Before the log has them: after a kill in between, one that was deleted in the meantime
            # does not come again, and nothing else would ever ask for it.
            self._vault.add(
                source.id,
                [item for item in batch.items if isinstance(item, RawPost)],
                collector=collector,
                admitted={post.id for post in posts},
                now=now,
                until=now + source.retention_days * DAY_MS,
            )
        self._append([*admitted.events, *batch.gaps])
        for rejected in batch.rejected:
            self._quarantine.put_skeleton(
                source.id, where=rejected.where, why=rejected.why, shape=rejected.skeleton
            )
        for position, why in admitted.rejected:
            where = f"{source.id}: item {position} of a batch"
            self._quarantine.put_skeleton(source.id, where=where, why=why, shape={})
        if posts:
            authors = {post.author for post in posts}
            self._memory.note_authors(source.id, authors, now=now, k=self._k)
        work.check_mine()
        counts = work.account.add(batch, admitted, keep=not collector.endless)
        self._memory.advance(
            source.id,
            batch.cursor,
            admitted.sightings,
            until=now + self._settings.seen_days * DAY_MS,
            name=work.cursor,
            progress=Progress(
                number=work.number,
                now=now,
                counts=counts,
                unread=None if work.is_backfill else work.unread,
                watermark=None if work.is_backfill else batch.watermark,
                budget=batch.budget,
                warnings=_warnings(batch),
            ),
        )
        self._tell(source.id, batch, counts)

    def delete(self, source: Source, references: Sequence[Reference]) -> None:
        """Delete posts of `source` that their platform has no more."""
        now = self._clock.now()
        items = [
            RawDelete(platform=each.platform, native_id=each.native_id, observed_at=now)
            for each in references
        ]
        with self.turn:
            terms, seen = self._terms(source, live=True), self._memory.seen(source.id)
            admitted = self._gate.admit(items, terms=terms, seen=seen)
            self._append(admitted.events)
            until = now + self._settings.seen_days * DAY_MS
            self._memory.remember(source.id, admitted.sightings, until=until)

    def _append(self, events: Sequence[Event]) -> None:
        """Into the log, and what is deleted into the ledger: it stays away from now on, also
        where another source shows it, as long as any post can be held.
        """
        entries = [Entry(event.key, encode(event)) for event in events]
        for start in range(0, len(entries), self._settings.chunk):
            self._broker.append(POSTS.name, entries[start : start + self._settings.chunk])
        self._ledger.add_posts(
            {event.id: event.version for event in events if isinstance(event, Delete)},
            until=self._clock.now() + self._longest_retention_ms,
        )

    def _tell(self, source: str, batch: Batch, counts: Mapping[str, int]) -> None:
        for warning in (*batch.lasting, *batch.warnings):
            logger.info("source %s: %s", source, warning)
        count = self._metrics.count
        count("peil_ingest_read_total", batch.read, source=source)
        appended = counts[APPENDED] + counts["deletes"]
        count("peil_ingest_appended_total", appended, source=source)
        count("peil_ingest_rejected_total", counts["rejected"], source=source)
        count("peil_ingest_gaps_total", len(batch.gaps), source=source)
        for reason, items in batch.skipped.items():
            count("peil_ingest_skipped_total", items, source=source, reason=reason)

    def _terms(self, source: Source, *, live: bool) -> Terms:
        entry = self._register.entry(source.id)
        return Terms(
            source=source.id,
            keep=source.keep,
            retention_days=source.retention_days,
            live=live,
            approved=bool(entry.officer.strip()),
        )


def _warnings(batch: Batch) -> Sequence[str]:
    """What a person should look at. What a batch without an answer says is no such thing: a part
    that may not be asked yet is as it should be, and an error ends the run.
    """
    if not batch.answered:
        return batch.lasting
    found = [*batch.lasting, *batch.warnings]
    if len(batch.rejected) < NO_ACCIDENT or any(isinstance(item, RawPost) for item in batch.items):
        return found
    why = batch.rejected[-1].why
    return [*found, f"of {len(batch.rejected)} items not one could be read ({why})"]
