"""What must go: expired texts, erased posts, keys whose time has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.queries import Queries
from peil.erasing import Erasing
from peil.pipeline import Pipeline
from stream.batches import batched
from stream.clock import DAY_MS, to_datetime

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
    # One at a time: whoever imports on a cluster keeps house too.
    with pipeline.folder.wait_for("places", clock=pipeline.clock):
        return _keep_house(pipeline, _erasing(pipeline))


def _keep_house(pipeline: Pipeline, erasing: Erasing) -> Report:
    now = pipeline.clock.now()
    blanked = erasing.round()
    for partition in pipeline.store.partitions():
        if partition.until_ms <= now:  # its counts stay when its texts go
            counts = pipeline.store.roll_up(partition, pipeline.thresholds)
            pipeline.series.save(partition, counts)
    gone = pipeline.store.expire(now)
    years = pipeline.settings.index.series_years
    pipeline.series.forget(to_datetime(now - years * YEAR_MS).date())
    rewritten = pipeline.store.purge()
    records = pipeline.broker.expire(now)
    erasing.forget_expired()
    pipeline.ingestion.memory.forget(now)
    known = now - pipeline.settings.ingest.history_days * DAY_MS
    pipeline.ingestion.runs.forget(known)
    pipeline.ingestion.tallies.forget(known)
    pipeline.ingestion.vault.forget(now, erased=pipeline.ledger.deleted)
    pipeline.ledger.expire(now)
    keys = pipeline.keys.destroy_expired(now)
    pipeline.access.shred(now=now, days=pipeline.settings.privacy.access_log_days)
    readable = now - pipeline.settings.privacy.access_log_days * DAY_MS
    Queries(pipeline.database, clock=pipeline.clock).forget(readable)
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
    pipeline.ledger.reopen()  # the log may have come from a backup as well
    taken = 0
    for posts in batched(pipeline.ledger.posts(), IDS_AT_ONCE):
        taken += _remove(pipeline, [key for key, _ in posts], dict(posts))
    by_rev: dict[int, list[str]] = {}
    for author, rev in pipeline.ledger.authors():
        by_rev.setdefault(rev, []).append(author)
    for rev, authors in by_rev.items():
        for some in batched(authors, IDS_AT_ONCE):
            taken += pipeline.store.remove_authors(some, rev)
    return taken


def _erasing(pipeline: Pipeline) -> Erasing:
    return Erasing(
        pipeline.broker,
        ledger=pipeline.ledger,
        folder=pipeline.folder.places(pipeline.settings.engine),
        before=lambda ids: _not_yet_read(pipeline, ids),
    )


def _not_yet_read(pipeline: Pipeline, ids: Sequence[str]) -> None:
    """Take `ids` out of the index: the record of their delete may not have been read yet, and the
    files are about to be rewritten.
    """
    _remove(pipeline, ids, pipeline.ledger.deleted(ids))


def _remove(pipeline: Pipeline, ids: Sequence[str], posts: Mapping[str, int]) -> int:
    """Take `ids` out of the index where the ledger erased them; returns how many posts."""
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
