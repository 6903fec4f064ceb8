"""`peil sources list|run`: how collecting goes, and collecting by hand."""

from typing import Annotated

import typer

from ingest.contract import Rechecking
from ingest.files.collector import FileCollector
from peil.command.accounting import show, stages
from peil.command.session import SessionContext
from peil.command.sources import known
from peil.display import console, table
from peil.importing import collect
from peil.schedule import next_run
from privacy.register import NEVER
from stream.clock import to_datetime
from stream.errors import Stop


def list_(context: SessionContext) -> None:
    """Every source, its entry in the register and its last run."""
    with context.obj.pipeline() as pipeline:
        entries = {entry.source: entry for entry in pipeline.register.entries()}
        outcomes = pipeline.memory.last_outcomes()
        rows = []
        for source in pipeline.sources.values():
            entry, last = entries.get(source.id), outcomes.get(source.id)
            rows.append(
                {
                    "source": source.id,
                    "collector": source.collector,
                    "keeps": source.keep,
                    "open until": to_datetime(entry.until).date().isoformat()
                    if entry
                    else "closed",
                    "runs": source.every or source.cron or "by hand",
                    "next run": _moment(
                        next_run(
                            source,
                            last=last[0] if last else None,
                            timezone=pipeline.settings.timezone,
                        ),
                        now=pipeline.clock.now(),
                    ),
                    "last run": to_datetime(last[0]).strftime("%Y-%m-%d %H:%M") if last else "",
                    "read": last[1] if last else 0,
                    "appended": last[2] if last else 0,
                    "outcome": last[3] if last else "",
                }
            )
    console().print(table(rows))
    console().print(f"\nNever by default: {', '.join(NEVER)} (docs/sources.md says why).")


def _moment(at: int | None, *, now: int) -> str:
    if at is None:
        return ""
    return "now" if at <= now else to_datetime(at).strftime("%Y-%m-%d %H:%M")


def run(
    context: SessionContext,
    source: Annotated[str, typer.Argument(help="The source's id.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Collect from a source now, whatever its schedule, and index it. What it showed before is
    looked for again, a few posts at a time.

    Example: peil sources run city-news
    """
    with context.obj.pipeline() as pipeline:
        described = known(pipeline, source)
        pipeline.register.entry(source)
        if described.collector == FileCollector.name:
            raise Stop(f"{source} is a source of files: peil import FILE --source {source}")
        pipeline.publish_rules()
        collector = pipeline.collector(described)
        if isinstance(collector, Rechecking):
            pipeline.intake.recheck(described, collector, held=pipeline.held)
        with stages() as progress:
            result = collect(pipeline, described, collector, progress=progress)
        show(pipeline, result, json=json)
