"""`peil import` and `peil sources run`: collect, drain to the index, account for every item."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.account import Account
from ingest.catalogue import settings_of
from ingest.contract import Collector
from ingest.files.collector import FileCollector, FileSettings
from ingest.sources import Source
from peil.declaring import known
from peil.housekeeping import keep_house
from peil.pipeline import Pipeline
from stream.batches import batched
from stream.errors import Retry, Stop
from stream.worker import Worker

logger = logging.getLogger(__name__)

IDS_AT_ONCE = 1_000

Progress = Callable[[str, int, int | None], None]
"""Told which stage did how many items more, and how many it has in all, where that is known."""


@dataclass(frozen=True, slots=True)
class Accounting:
    """What became of every item read. `kept` and `recent` count the posts that are in the
    store now, `superseded` those that a newer version in the same import replaced, `elsewhere`
    those that are neither: expired on arrival, or in quarantine after the gate. Without `drained`
    they wait in the log for the `peil run` that is up, or when that was `ended` for the next one.
    """

    account: Account
    drained: bool
    ended: bool = False
    kept: int = 0
    recent: int = 0
    superseded: int = 0
    elsewhere: int = 0

    def rows(self) -> list[dict[str, object]]:
        """One line for each thing that became of items; they add up to what was read."""
        account = self.account
        lines: list[tuple[str, int]] = []
        if self.drained:
            lines += [
                ("kept", self.kept),
                ("recent (no rule matches; gone within 72 hours)", self.recent),
                ("replaced within the import", self.superseded),
                ("expired or quarantined after the gate", self.elsewhere),
            ]
        else:
            whose = "next import or peil run" if self.ended else "running peil"
            lines.append((f"collected, for the {whose} to index", account.appended))
        lines.append(("deletes", account.deletes))
        lines += [(f"dropped: {reason}", count) for reason, count in account.dropped.items()]
        lines += [(f"skipped: {reason}", count) for reason, count in account.skipped.items()]
        lines.append(("quarantined before the gate", account.rejected))
        return [{"outcome": name, "items": count} for name, count in lines if count]


def import_files(
    pipeline: Pipeline,
    paths: Sequence[Path],
    *,
    source: str,
    again: bool,
    progress: Progress,
) -> Accounting:
    """Import `paths` into `source`; drains to the index unless another process does that."""
    described = known(pipeline, source)
    settings = settings_of(described)
    if not isinstance(settings, FileSettings):
        there = ", ".join(
            each.id for each in pipeline.sources.values() if each.collector == FileCollector.name
        )
        raise Stop(f"{source!r} is no source of files; config/sources has: {there or 'none'}")
    for path in paths:
        if not path.is_file():
            raise Stop(f"{path} is not a file; check its name")
    pipeline.register.entry(source)
    pipeline.publish_rules()
    collector = FileCollector(
        settings,
        paths=paths,
        clock=pipeline.clock,
        again=again,
        progress=lambda items: progress("read", items, None),
    )
    return collect(pipeline, described, collector, progress=progress)


def collect(
    pipeline: Pipeline, source: Source, collector: Collector, *, progress: Progress
) -> Accounting:
    """Run `collector` once; drains to the index unless another process does that. The rules must
    be published.
    """
    return bring(
        pipeline,
        lambda: pipeline.ingestion.collect(source, collector, wait=True),
        progress=progress,
    )


def bring(
    pipeline: Pipeline,
    collecting: Callable[[], Account],
    *,
    progress: Progress,
    stopping: Callable[[], bool] = lambda: False,
) -> Accounting:
    """As `collect`, of what `collecting` collects. Draining ends after the batch at hand when
    `stopping` says so; the next one goes on there.
    """
    try:
        account = collecting()
    except (Retry, Stop) as error:
        # What came before the error is not to wait for the next run, nor the error for its end.
        logger.warning("%s; what came before that is indexed first", error)
        _drain(pipeline, progress, stopping)
        raise
    indexed = _drain(pipeline, progress, stopping)
    if indexed is None:
        if ended := stopping():
            account.warnings.append(
                "not all that waits in the log was indexed: the next import or `peil run` goes on"
            )
        return Accounting(account, drained=False, ended=ended)
    earlier = indexed - account.appended - account.deletes - account.gaps
    if earlier > 0:
        account.warnings.append(f"{earlier} records beside those of this run were indexed as well")
    return _accounted(pipeline, account)


def _drain(pipeline: Pipeline, progress: Progress, stopping: Callable[[], bool]) -> int | None:
    """Bring what waits in the log to the index; returns how many records, None when a `peil run`
    does that, or when `stopping` says so before all is there.
    """
    with pipeline.indexing(stopping=stopping) as mine:
        if not mine:
            return None
        indexed = 0
        for stage, make in (
            ("enriched", pipeline.enrich_worker),
            ("indexed", pipeline.index_worker),
        ):
            indexed = _work_off(make(), stage, progress, stopping)
            if stopping():
                return None
        try:
            keep_house(pipeline)  # whoever only imports has no `peil run` that does it
        except Retry as error:
            logger.warning("housekeeping is left to the next import or `peil expire`: %s", error)
    return indexed


def _work_off(worker: Worker, stage: str, progress: Progress, stopping: Callable[[], bool]) -> int:
    waiting = worker.lag()
    return worker.drain(progress=lambda items: progress(stage, items, waiting), stopping=stopping)


def _accounted(pipeline: Pipeline, account: Account) -> Accounting:
    kept = recent = 0
    distinct = list(dict.fromkeys(account.ids))
    for ids in batched((each.hex() for each in distinct), IDS_AT_ONCE):
        for places in pipeline.store.where(ids).values():
            if any(place.partition.kind == "kept" for place in places):
                kept += 1
            else:
                recent += 1
    return Accounting(
        account,
        drained=True,
        kept=kept,
        recent=recent,
        superseded=len(account.ids) - len(distinct),
        elsewhere=len(distinct) - kept - recent,
    )
