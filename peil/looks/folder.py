"""The working folder: its settings, its database and keys, its sources and its dashboard."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from dashboard.calendar import load_calendar
from dashboard.purposes import load_purposes
from dashboard.site import Site
from dashboard.translations import load_translations
from peil.backends import check_operational
from peil.bulletins import bulletins
from peil.certificates import end_in
from peil.database import look_at
from peil.declaring import check_sources
from peil.looks.saying import Said, ending, said
from peil.pipeline import Pipeline
from privacy.access import AccessLog
from privacy.marks import KeyMarks
from stream.clock import to_datetime

LOW_SPACE = 1_000_000_000
"""Bytes: below this the log may soon refuse to append."""


def look_at_purpose(pipeline: Pipeline) -> Said:
    """What questions are asked for."""
    purpose = pipeline.settings.purpose
    missing = "none is set in config/peil.toml: questions are refused"
    return said(purpose or missing, well=bool(purpose))


def look_at_disk(pipeline: Pipeline) -> Said:
    """Whether the log can grow."""
    free = shutil.disk_usage(pipeline.folder.root).free
    return said(f"{free / 1e9:.1f} GB free", well=free > LOW_SPACE)


def look_at_database(pipeline: Pipeline) -> Said:
    """Whether its tables are those of this release."""
    check_operational(pipeline.settings)  # first: who opens it makes its tables
    well, detail = look_at(pipeline.database)
    return said(detail, well=well)


def look_at_keys(pipeline: Pipeline) -> Said:
    """Whether the keys behind pseudonyms are those that were used."""
    found = f"epochs {', '.join(map(str, pipeline.key_ring().epochs())) or 'none yet'}"
    if new := unused_keys(pipeline):
        found += (
            f"; never used before: {', '.join(new)}. Who runs peil now uses them from then on: if "
            "another one was to be here, restore data/keys first"
        )
    return said(found, well=not new)


def unused_keys(pipeline: Pipeline) -> Sequence[str]:
    """The keys of which the database knows nothing yet; Stop when one that was used is gone."""
    return KeyMarks(pipeline.database).look(pipeline.key_ring(), now=pipeline.clock.now())


def look_at_register(pipeline: Pipeline) -> Said:
    """Which sources are open."""
    now = pipeline.clock.now()
    entries = [entry for entry in pipeline.register.entries() if entry.until > now]
    names = ", ".join(entry.source for entry in entries)
    none = "no source is open: `peil sources open`"
    return said(f"open: {names}" if names else none, well=bool(entries))


def look_at_source_files(pipeline: Pipeline) -> Said:
    """What is wrong with files that cannot be read, and with those of sources that are open."""
    at_work = {entry.source for entry in pipeline.register.entries()}
    found = [
        each
        for each in check_sources(pipeline)
        if each.severity != "hint"
        and (each.source in at_work or each.source not in pipeline.sources)
    ]
    sound = f"{len(pipeline.declarations)} files, nothing to mend (`peil sources check`)"
    return said("; ".join(map(str, found)) or sound, well=not found)


def look_at_sources(pipeline: Pipeline) -> Said:
    """How they do."""
    found = bulletins(pipeline)
    wrong = [f"{each.source}: {each.trouble}" for each in found if each.trouble]
    paused = [f"{each.source}: paused, {each.paused.why}" for each in found if each.paused]
    none = f"{len(found)} sources, none silent or failing"
    return said("; ".join([*wrong, *paused]) or none, well=not wrong and not paused)


def look_at_access(pipeline: Pipeline) -> Said:
    """Whether the access log is whole."""
    log = AccessLog(
        pipeline.database,
        keys=pipeline.key_ring(),
        folder=pipeline.folder.keys,
        clock=pipeline.clock,
    )
    problems = log.verify()
    return said("; ".join(problems) or "the chain is whole", well=not problems)


def look_at_dashboard(pipeline: Pipeline) -> Said:
    """What would keep it from starting, by the settings of this process."""
    site = Site.of(pipeline.settings.dashboard)
    load_purposes(pipeline.folder.config)
    load_calendar(pipeline.folder.config)
    load_translations(pipeline.folder.config)
    where = site.link("/")
    if site.certificate is None:
        alone = f"behind the proxy {site.proxy}" if site.proxy else "for this machine alone"
        return said(f"{where}, {alone}", well=True)
    now, end = to_datetime(pipeline.clock.now()), end_in(Path(site.certificate[0]))
    return [ending(f"{where}, its certificate", end, now=now, whose="the dashboard")]
