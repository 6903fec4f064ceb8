"""`peil sources remap`: what a mapper could not read is read again, once the mapper can."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from ingest.catalogue import settings_of
from ingest.files.collector import FileSettings
from ingest.files.folder import look
from ingest.files.remapping import RemapCollector
from ingest.sources import Source
from peil.importing import Accounting, Progress, collect
from peil.pipeline import Pipeline
from stream.errors import Stop
from stream.quarantine import Skeleton

WHERE = re.compile(r"([0-9a-f]{16}):([0-9]+)")
"""Where an item of a file was: the beginning of the file's hash, and its number."""


class Remapped(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the quarantined items of a source. `gone` counts by the beginning of their
    file's hash those whose file was not there.
    """

    accounting: Accounting
    mapped: int
    failed: int
    gone: Mapping[str, int]


def remap(
    pipeline: Pipeline, source: Source, paths: Sequence[Path], *, progress: Progress
) -> Remapped:
    """Read the quarantined items of `source` again from `paths`, or without them from what lies
    in its folder. Those that can be mapped now are collected and leave the quarantine; the others
    stay, with the reason of today.

    Quarantine forgets within 72 hours; then `peil import --again` reads the whole file. Stop when
    `source` is none of files, is not open, or there is nowhere to look for files.
    """
    settings = settings_of(source)
    if not isinstance(settings, FileSettings):
        raise Stop(
            f"source {source.id} is none of files: what its server shows again is read again by "
            f"itself, or with `peil sources run {source.id}`"
        )
    pipeline.register.entry(source.id)
    held = dict(_held(pipeline, source.id))
    wanted: dict[str, set[int]] = defaultdict(set)
    for item in held.values():
        key, number = item.where.split(":")
        wanted[key].add(int(number))
    collector = RemapCollector(
        settings,
        wanted=wanted,
        paths=paths or _lying(pipeline, source, settings),
        clock=pipeline.clock,
        follow=bool(paths),
        progress=lambda items: progress("read", items, None),
    )
    pipeline.publish_rules()
    try:
        accounting = collect(pipeline, source, collector, progress=progress)
    finally:
        _settle(pipeline, source, held, collector)
    return Remapped(
        accounting=accounting,
        mapped=len(collector.done),
        failed=len(collector.failed),
        gone={key: len(numbers) for key, numbers in collector.unfound.items() if numbers},
    )


def _held(pipeline: Pipeline, source: str) -> Iterator[tuple[int, Skeleton]]:
    """What is in quarantine of the files of a source, by its number."""
    for number, item in pipeline.quarantine.items():
        if isinstance(item, Skeleton) and item.source == source and WHERE.fullmatch(item.where):
            yield number, item


def _lying(pipeline: Pipeline, source: Source, settings: FileSettings) -> Sequence[Path]:
    if not settings.folder:
        raise Stop(
            f"source {source.id} watches no folder: name the files, peil sources remap "
            f"{source.id} FILE…"
        )
    sight = look(pipeline.folder.root / settings.folder, now=pipeline.clock.now(), settle_ms=0)
    return [each.path for each in sight.files]


def _settle(
    pipeline: Pipeline, source: Source, held: Mapping[int, Skeleton], collector: RemapCollector
) -> None:
    """Quarantine as it is now: the new reason first, so that a kill leaves an item twice and
    never not at all.
    """
    known = _reasons(held)
    changed = [each for each in collector.failed if each.why not in known[each.where]]
    for each in changed:
        pipeline.quarantine.put_skeleton(
            source.id, where=each.where, why=each.why, shape=each.skeleton
        )
    over = {*collector.done, *(each.where for each in changed)}
    pipeline.quarantine.settle(number for number, item in held.items() if item.where in over)


def _reasons(held: Mapping[int, Skeleton]) -> Mapping[str, set[str]]:
    reasons: dict[str, set[str]] = defaultdict(set)
    for item in held.values():
        reasons[item.where].add(item.why)
    return reasons
