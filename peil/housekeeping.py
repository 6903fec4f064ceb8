"""What must go: expired texts, erased posts, keys whose time has come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from peil.pipeline import Pipeline
from privacy.ledger import is_erased
from stream.batches import batched
from stream.broker import Record
from stream.clock import DAY_MS, to_datetime
from stream.codec import decode
from stream.errors import Reject
from stream.events import Event, Upsert
from stream.scan import scan, standing
from stream.topics import LABELLED, POSTS

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
    count("peil_housekeeping_total")
    count("peil_expired_total", len(gone), what="partitions")
    count("peil_expired_total", records, what="records")
    count("peil_erased_total", blanked, what="records")
    count("peil_erased_total", rewritten, what="rewritten")
    return Report(tuple(each.name for each in gone), records, blanked, rewritten, keys)


def take_out_erased(pipeline: Pipeline) -> int:
    """Take out of the index everything that the ledger holds, as after a restore from a backup;
    returns how many posts that were. Only who writes the index calls it.
    """
    posts = dict(pipeline.ledger.posts())
    taken = _remove(pipeline, sorted(posts), posts)
    by_rev: dict[int, list[str]] = {}
    for author, rev in pipeline.ledger.authors():
        by_rev.setdefault(rev, []).append(author)
    for rev, authors in by_rev.items():
        for some in batched(authors, IDS_AT_ONCE):
            taken += pipeline.store.remove_authors(some, rev)
    return taken


def _blank(pipeline: Pipeline) -> int:
    """Erase what the ledger holds in every topic that carries texts, record by record: a newer
    version that nobody erased stays, and so does the record of a delete, which has no text.
    """
    posts = dict(pipeline.ledger.posts())
    authors = dict(pipeline.ledger.authors())
    if not posts and not authors:
        return 0

    def erased(key: str, value: bytes | None) -> bool:
        if not authors and key not in posts:  # most records need no look inside
            return False
        event = _event(value)
        return isinstance(event, Upsert) and is_erased(event.post, posts, authors)

    blanked = 0
    for topic in (POSTS.name, LABELLED.name):
        doomed = standing(_without_values(scan(pipeline.broker, topic), erased))
        _remove(pipeline, sorted({record.key for record in doomed}), posts)
        blanked += pipeline.broker.erase(topic, doomed)
    return blanked + pipeline.quarantine.erase(lambda item: erased(item.key, item.value))


def _without_values(
    records: Iterator[Record], chosen: Callable[[str, bytes | None], bool]
) -> Iterator[Record]:
    """The `chosen` ones of `records` without their values, which would fill the memory, and the
    tombstones of those that were erased before.
    """
    for record in records:
        if record.value is None:
            yield record
        elif chosen(record.key, record.value):
            yield replace(record, value=b"")


def _remove(pipeline: Pipeline, ids: Sequence[str], posts: Mapping[str, int]) -> int:
    """Take out of the index what the ledger erased: the record of its delete may not have been
    read yet, and the files are about to be rewritten. Returns how many posts.
    """
    taken = 0
    for some in batched(ids, IDS_AT_ONCE):
        for key, places in pipeline.store.where(some).items():
            for place in places:
                if place.version <= posts.get(key, -1):
                    pipeline.store.remove(place.partition, [key])
                    taken += 1
    if taken:
        pipeline.store.flush()
    return taken


def _event(value: bytes | None) -> Event | None:
    try:
        return decode(value) if value else None
    except Reject:
        return None
