"""What must go: expired texts, erased posts, keys whose time has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peil.pipeline import Pipeline
from privacy.ledger import is_erased
from stream.clock import DAY_MS, to_datetime
from stream.codec import decode
from stream.errors import Reject
from stream.events import Delete, Event, Upsert
from stream.quarantine import QuarantinedRecord
from stream.scan import scan
from stream.topics import LABELLED, POSTS, QUARANTINE

IDS_AT_ONCE = 1_000
YEAR_MS = 365 * DAY_MS


@dataclass(frozen=True, slots=True)
class Report:
    """What a round removed."""

    partitions: tuple[str, ...]
    records: int
    blanked: int
    rewritten: int
    keys: int


def keep_house(pipeline: Pipeline) -> Report:
    """Drop what is over its term and take what was erased out of every file.

    Only the process that writes the index calls it. Doing it twice changes nothing.
    """
    now = pipeline.clock.now()
    blanked = _blank(pipeline)
    for partition in pipeline.store.partitions():
        if partition.until_ms <= now:  # its counts stay when its texts go
            counts = pipeline.store.roll_up(partition, pipeline.thresholds)
            pipeline.series.save(partition, counts)
    gone = pipeline.store.expire(now)
    years = pipeline.settings.index.series_years
    pipeline.series.forget(to_datetime(now - years * YEAR_MS).date())
    rewritten = pipeline.store.purge()
    records = pipeline.broker.expire(now)
    pipeline.memory.forget(now)
    pipeline.vault.forget(now, erased={key for key, _ in pipeline.ledger.posts()})
    pipeline.ledger.expire(now)
    keys = pipeline.keys.destroy_expired(now)
    pipeline.access.shred(now=now, days=pipeline.settings.privacy.access_log_days)
    count = pipeline.metrics.count
    count("peil_expired_total", len(gone), what="partitions")
    count("peil_expired_total", records, what="records")
    count("peil_erased_total", blanked, what="records")
    count("peil_erased_total", rewritten, what="rewritten")
    return Report(tuple(each.name for each in gone), records, blanked, rewritten, keys)


def _blank(pipeline: Pipeline) -> int:
    """Blank what the ledger erased in every topic that carries texts."""
    posts = dict(pipeline.ledger.posts())
    authors = dict(pipeline.ledger.authors())
    if not posts and not authors:
        return 0
    blanked = 0
    for topic in (POSTS.name, LABELLED.name):
        erased: set[str] = set()
        standing: set[str] = set()  # a newer version that nobody erased keeps its record
        for record in scan(pipeline.broker, topic):
            match _event(record.value):
                case Upsert(post) if is_erased(post, posts, authors):
                    erased.add(record.key)
                case Delete(key, version) if version <= posts.get(key, -1):
                    pass  # the ledger holds it: its record need not stay
                case _:
                    standing.add(record.key)
        _remove(pipeline, sorted(erased - standing), posts)
        blanked += pipeline.broker.erase(topic, erased - standing)
    quarantined = {
        item.key
        for _, item in pipeline.quarantine.items()
        if isinstance(item, QuarantinedRecord)
        and isinstance(event := _event(item.value), Upsert)
        and is_erased(event.post, posts, authors)
    }
    return blanked + pipeline.broker.erase(QUARANTINE.name, quarantined)


def _remove(pipeline: Pipeline, ids: Sequence[str], posts: Mapping[str, int]) -> None:
    """Take out of the index what the ledger erased: the record of its delete goes as well, and
    may not have been read yet.
    """
    if not ids:
        return
    for start in range(0, len(ids), IDS_AT_ONCE):
        for key, places in pipeline.store.where(ids[start : start + IDS_AT_ONCE]).items():
            for place in places:
                if place.version <= posts.get(key, -1):
                    pipeline.store.remove(place.partition, [key])
    pipeline.store.flush()


def _event(value: bytes | None) -> Event | None:
    try:
        return decode(value) if value else None
    except Reject:
        return None
