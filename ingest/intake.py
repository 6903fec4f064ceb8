"""The way in: collector, gate, log, and only then the cursor."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from ingest.contract import Batch, Collector, Rechecking, Reference, Standing
from ingest.memory import Memory
from ingest.settings import IngestSettings
from ingest.sources import Source
from ingest.vault import Vault
from privacy.gate import Admitted, Gate, Terms
from privacy.ledger import Ledger
from privacy.register import Register
from stream.broker import Broker, Entry
from stream.clock import DAY_MS, Clock
from stream.codec import encode
from stream.errors import Stop
from stream.events import Delete, Event, Upsert
from stream.metrics import Metrics
from stream.post import RawDelete, RawPost
from stream.quarantine import Quarantine
from stream.topics import POSTS

Held = Callable[[Sequence[str]], Collection[str]]

AUTHORS_DAYS = 30
"""In so many days at least k people must have written in a source that is no organisation."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Account:
    """What became of every item that was read: read = appended + deletes + dropped + rejected
    + skipped. `ids` holds the ids of the appended posts, twice when a post came twice.
    """

    read: int = 0
    appended: int = 0
    deletes: int = 0
    rejected: int = 0
    gaps: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    ids: list[bytes] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Intake:
    """Runs collectors through the gate into topic `posts`. One source at a time a thread."""

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
    ) -> None:
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

    def run(self, source: Source, collector: Collector) -> Account:
        """Collect everything that `source` has; returns the account of it.

        Raises Stop when the register has no open entry, and what the collector raises; what
        was acknowledged until then stays, and the next run goes on after it.
        """
        self._check_authors(source)
        account = Account()
        number = self._memory.start_run(source.id, self._clock.now())
        outcome = "failed"
        try:
            bad_run = 0
            for batch in collector.poll(self._memory.cursor(source.id)):
                self._take(source, collector, batch, account)
                bad_run = 0 if batch.items else bad_run + len(batch.rejected)
                if bad_run >= self._settings.reject_run:
                    raise Stop(
                        f"source {source.id}: the last {bad_run} items could not be read "
                        f"({batch.rejected[-1].why}); its format has changed, see "
                        "`peil quarantine list`"
                    )
            outcome = "ended"
        finally:
            self._memory.end_run(
                number,
                self._clock.now(),
                read=account.read,
                appended=account.appended,
                outcome=outcome,
            )
        return account

    def _check_authors(self, source: Source) -> None:
        """A source that is no organisation must have many authors, else it follows persons."""
        entry = self._register.entry(source.id)
        now, month = self._clock.now(), AUTHORS_DAYS * DAY_MS
        active = self._memory.active_since(source.id, now=now, rest=month)
        if entry.organisation or active > now - month:
            return
        if self._memory.authors(source.id, since=now - month) < self._k:
            raise Stop(
                f"source {source.id}: fewer than {self._k} people wrote there in the last "
                f"{AUTHORS_DAYS} days, so it would follow persons; close it, or, when it is one "
                f"verified organisation, open it with: peil sources open {source.id} --organisation"
            )

    def _take(self, source: Source, collector: Collector, batch: Batch, account: Account) -> None:
        terms = self._terms(source, live=collector.live)
        seen = self._memory.seen(source.id) if collector.repeats else None
        admitted = self._gate.admit(batch.items, terms=terms, seen=seen)
        self._append([*admitted.events, *batch.gaps])
        for rejected in batch.rejected:
            self._quarantine.put_skeleton(
                source.id, where=rejected.where, why=rejected.why, shape=rejected.skeleton
            )
        for position, why in admitted.rejected:
            where = f"{source.id}: item {position} of a batch"
            self._quarantine.put_skeleton(source.id, where=where, why=why, shape={})
        authors = {event.post.author for event in admitted.events if isinstance(event, Upsert)}
        if authors:
            self._memory.note_authors(source.id, authors, now=self._clock.now(), k=self._k)
        if isinstance(collector, Rechecking):
            self._vault.add(
                source.id,
                [item for item in batch.items if isinstance(item, RawPost)],
                collector=collector,
                admitted={event.post.id for event in admitted.events if isinstance(event, Upsert)},
                now=self._clock.now(),
                until=self._clock.now() + source.retention_days * DAY_MS,
            )
        until = self._clock.now() + self._settings.seen_days * DAY_MS
        self._memory.advance(source.id, batch.cursor, admitted.sightings, until=until)
        self._note(source.id, batch, admitted, account)

    def _append(self, events: Sequence[Event]) -> None:
        """Into the log, and what is deleted into the ledger: it stays away from now on, also
        where another source shows it.
        """
        entries = [Entry(event.key, encode(event)) for event in events]
        for start in range(0, len(entries), self._settings.chunk):
            self._broker.append(POSTS.name, entries[start : start + self._settings.chunk])
        self._ledger.add_posts(
            {event.id: event.version for event in events if isinstance(event, Delete)},
            until=self._clock.now() + self._settings.seen_days * DAY_MS,
        )

    def recheck(self, source: Source, collector: Rechecking, *, held: Held) -> Counter[Standing]:
        """Ask about posts of `source` that were not asked about for a day; what is gone is
        deleted. `held` says which of some ids the index still has: the others are forgotten.

        Raises Stop when the register has no open entry. Blocks for the platform's answers.
        """
        self._register.entry(source.id)
        now = self._clock.now()
        due = self._vault.due(source.id, now=now, limit=self._settings.recheck_batch)
        there = held([each.id for each in due])
        self._vault.drop(source.id, [each.id for each in due if each.id not in there])
        asked = [each for each in due if each.id in there]
        outcomes: Counter[Standing] = Counter()
        standings = collector.recheck([each.reference for each in asked])
        for each, said in zip(asked, standings, strict=True):
            standing: Standing = "gone" if said == "missing" and each.missing else said
            if standing == "gone":
                self._delete(source, each.reference)
            self._vault.note(source.id, each.id, standing, now=self._clock.now())
            outcomes[standing] += 1
            self._metrics.count("peil_ingest_rechecked_total", source=source.id, standing=standing)
        return outcomes

    def _delete(self, source: Source, gone: Reference) -> None:
        item = RawDelete(
            platform=gone.platform, native_id=gone.native_id, observed_at=self._clock.now()
        )
        admitted = self._gate.admit(
            [item], terms=self._terms(source, live=True), seen=self._memory.seen(source.id)
        )
        self._append(admitted.events)
        until = self._clock.now() + self._settings.seen_days * DAY_MS
        cursor = self._memory.cursor(source.id)
        self._memory.advance(source.id, cursor, admitted.sightings, until=until)

    def _note(self, source: str, batch: Batch, admitted: Admitted, account: Account) -> None:
        posts = [event.post.id for event in admitted.events if isinstance(event, Upsert)]
        account.read += batch.read
        account.appended += len(posts)
        account.deletes += len(admitted.events) - len(posts)
        account.rejected += len(batch.rejected) + len(admitted.rejected)
        account.gaps += len(batch.gaps)
        account.dropped += admitted.dropped
        account.skipped += Counter(batch.skipped)
        account.ids += [bytes.fromhex(each) for each in posts]
        account.warnings += batch.warnings
        for warning in batch.warnings:
            logger.info("source %s: %s", source, warning)
        count = self._metrics.count
        count("peil_ingest_read_total", batch.read, source=source)
        count("peil_ingest_appended_total", len(admitted.events), source=source)
        rejected = len(batch.rejected) + len(admitted.rejected)
        count("peil_ingest_rejected_total", rejected, source=source)
        count("peil_ingest_gaps_total", len(batch.gaps), source=source)

    def _terms(self, source: Source, *, live: bool) -> Terms:
        entry = self._register.entry(source.id)
        return Terms(
            source=source.id,
            keep=source.keep,
            retention_days=source.retention_days,
            live=live,
            approved=bool(entry.officer.strip()),
        )
