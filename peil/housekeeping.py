"""What must go: expired texts, erased posts, keys whose time has come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dashboard.queries import Queries
from peil.erasing import Erasing
from peil.pipeline import Pipeline
from stream.batches import batched
from stream.clock import DAY_MS, to_datetime
from stream.errors import Retry
from stream.partitions import Partition

IDS_AT_ONCE = 1_000
YEAR_MS = 365 * DAY_MS
AGAIN_SECONDS = 60.0
"""A round of which a part had to wait is done again after so long."""

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Report:
    """What a round removed."""

    partitions: tuple[str, ...]
    records: int
    blanked: int
    rewritten: int
    keys: int


class _Steps:
    """Steps that do without each other: one that has to wait holds up none after it."""

    def __init__(self) -> None:
        self._waiting: list[Retry] = []

    def do(self, step: Callable[[], Done]) -> Done | None:
        """What `step` returns; None when it has to wait."""
        try:
            return step()
        except Retry as error:
            self._waiting.append(error)
            return None

    def end(self) -> None:
        """Raises Retry when a step had to wait."""
        if self._waiting:
            told = "; ".join(dict.fromkeys(map(str, self._waiting)))
            raise Retry(told, after=AGAIN_SECONDS) from self._waiting[0]


def keep_house(pipeline: Pipeline) -> Report:
    """Drop what is over its term and take what was erased out of every file.

    Only the process that writes the index calls it. Doing it twice changes nothing. Raises Retry
    when a part of it has to wait; what does not depend on that part was done.
    """
    # One at a time: whoever imports on a cluster keeps house too.
    with pipeline.folder.wait_for("places", clock=pipeline.clock):
        return _keep_house(pipeline, _erasing(pipeline))


def _keep_house(pipeline: Pipeline, erasing: Erasing) -> Report:
    now = pipeline.clock.now()
    steps = _Steps()
    found = steps.do(erasing.round)
    gone = steps.do(lambda: _drop_partitions(pipeline, now)) or ()
    rewritten = steps.do(pipeline.store.purge) or 0
    records = steps.do(lambda: pipeline.broker.expire(now)) or 0
    steps.do(erasing.forget_expired)
    steps.do(lambda: _forget_collected(pipeline, now, looked_up=found is not None))
    # By time alone: what still lies in a store that is away is over its term, and nobody is to be
    # able to link it.
    keys = steps.do(lambda: pipeline.keys.destroy_expired(now)) or 0
    steps.do(lambda: _forget_readers(pipeline, now))
    blanked = found or 0
    count = pipeline.metrics.count
    count("peil_expired_total", len(gone), what="partitions")
    count("peil_expired_total", records, what="records")
    count("peil_erased_total", blanked, what="records")
    count("peil_erased_total", rewritten, what="rewritten")
    steps.end()
    count("peil_housekeeping_total")
    return Report(tuple(each.name for each in gone), records, blanked, rewritten, keys)


def _drop_partitions(pipeline: Pipeline, now: int) -> Sequence[Partition]:
    for partition in pipeline.store.partitions():
        if partition.until_ms <= now:  # its counts stay when its texts go
            counts = pipeline.store.roll_up(partition, pipeline.thresholds)
            pipeline.series.save(partition, counts)
    return pipeline.store.expire(now)


def _forget_collected(pipeline: Pipeline, now: int, *, looked_up: bool) -> None:
    """Forget what is known of posts and sources; `looked_up` says that nothing in the log stands
    against the ledger.
    """
    years = pipeline.settings.index.series_years
    pipeline.series.forget(to_datetime(now - years * YEAR_MS).date())
    pipeline.ingestion.memory.forget(now)
    known = now - pipeline.settings.ingest.history_days * DAY_MS
    pipeline.ingestion.runs.forget(known)
    pipeline.ingestion.tallies.forget(known)
    pipeline.ingestion.vault.forget(now, erased=pipeline.ledger.deleted)
    if looked_up:  # an entry stays until what it erases was looked for, here and in the vault
        pipeline.ledger.expire(now)


def _forget_readers(pipeline: Pipeline, now: int) -> None:
    days = pipeline.settings.privacy.access_log_days
    pipeline.access.shred(now=now, days=days)
    Queries(pipeline.database, clock=pipeline.clock).forget(now - days * DAY_MS)


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
