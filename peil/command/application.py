"""The commands that make, fill and ask a working folder."""

import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, get_args
from zoneinfo import ZoneInfo

import typer

from index.contract import Bin, Dimension
from peil.command import first, sources, upkeep
from peil.command import rules as rule_commands
from peil.command.accounting import show, stages
from peil.command.session import Session, SessionContext
from peil.display import as_csv, as_json, bar, console, sparkline, table
from peil.folder import WorkingFolder
from peil.importing import import_files
from peil.roles import ROLES, RoleProcess
from peil.supervisor import Supervisor
from privacy.suppress import text
from stream.clock import SystemClock
from stream.errors import Stop

application = typer.Typer(
    help="Shows what the public conversation is about: phenomena, not persons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
application.add_typer(sources.application, name="sources")
application.add_typer(rule_commands.application, name="rules")
application.add_typer(upkeep.quarantine, name="quarantine")
application.command(name="overview")(first.overview_)
for command in (first.demo, upkeep.expire, upkeep.erase, upkeep.doctor):
    application.command()(command)

BY = (*get_args(Dimension),)


@application.callback()
def _start(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option("-C", "--folder", help="The working folder; else the current one.")
    ] = Path(),
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting for this command alone: section.key=value."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say more about what is done.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )
    context.obj = Session(folder, tuple(change or ()), environ=os.environ)


@application.command()
def init(
    directory: Annotated[Path, typer.Argument(help="The folder to make.")] = Path(),
) -> None:
    """Make a working folder with settings, rules and sources of its own.

    Example: peil init my-city
    """
    folder = WorkingFolder.init(directory)
    console().print(
        f"Made {folder.root}.\nNext: write its purpose in {folder.settings}, then\n"
        f"  peil -C {directory} sources open upload\n"
        f"  peil -C {directory} import FILE",
        markup=False,
    )


@application.command(name="import")
def import_(
    context: SessionContext,
    files: Annotated[list[Path], typer.Argument(help="CSV or NDJSON files, .gz too.")],
    source: Annotated[str, typer.Option(help="The source that they belong to.")] = "upload",
    again: Annotated[
        bool, typer.Option("--again", help="Read files that were imported before once more.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import export files and index them; every item is accounted for.

    Example: peil import posts.ndjson comments.csv.gz
    """
    with context.obj.pipeline() as pipeline:
        with stages() as progress:
            result = import_files(pipeline, files, source=source, again=again, progress=progress)
        show(pipeline, result, json=json)


@application.command()
def search(
    context: SessionContext,
    query: Annotated[
        str, typer.Argument(help="A query in the rule language; empty: all posts.")
    ] = "",
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    by: Annotated[str, typer.Option(help=f"Count by one of: {', '.join(BY)}.")] = "",
    since: Annotated[str, typer.Option(help="First day, for example 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="Day after the last.")] = "",
    recent: Annotated[
        bool,
        typer.Option("--recent", help="Count what no rule matched and is not gone yet as well."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many texts to draw.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the index: texts drawn at random, a count, or counts by something.

    Examples: peil search "(fatbike OR scooter) NEAR/5 overlast" --by day
    """
    with context.obj.pipeline() as pipeline:
        answers = pipeline.answers(scope="both" if recent else "kept")
        zone = pipeline.settings.timezone
        period = {"since": _day(since, zone), "until": _day(until, zone)}
        k = pipeline.settings.privacy.k
        if count:
            result = answers.count(query, **period)
            if not _print(result.rows(), json=json, csv=csv):
                console().print(text(result.posts, k=k))
        elif (step := next((each for each in get_args(Bin) if each == by), None)) is not None:
            series = answers.over_time(query, bin=step, **period)
            rows = series.rows()
            if not _print(rows, json=json, csv=csv):
                console().print(sparkline(list(series.cells.values())))
                _bars(rows, by, k=k)
        elif by:
            dimension = next((each for each in BY if each == by), None)
            if dimension is None:
                raise Stop(f"--by {by}: there is no such count; choose one of {', '.join(BY)}")
            rows = answers.top(query, by=dimension, limit=limit, **period).rows()
            if not _print(rows, json=json, csv=csv):
                _bars(rows, by, k=k)
        else:
            texts = answers.texts(query, limit=limit, **period)
            rows = texts.rows()
            if not _print(rows, json=json, csv=csv):
                console().print(
                    f"{text(texts.posts, k=k)} posts"
                    + ("" if rows else f": texts are shown when at least {k} people wrote them")
                )
                if rows:
                    console().print(table(rows))


def _day(day: str, zone: str) -> int | None:
    if not day:
        return None
    try:
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise Stop(f"{day!r} is not a day; write it as 2026-11-24") from error
    return int(start.timestamp() * 1000)


def _print(rows: list[dict[str, object]], *, json: bool, csv: bool) -> bool:
    if json:
        print(as_json(rows))  # noqa: T201  (that is what --json asks for)
    elif csv:
        print(as_csv(rows), end="")  # noqa: T201  (the same)
    return json or csv


def _bars(rows: list[dict[str, object]], name: str, *, k: int) -> None:
    counts = [row["posts"] if isinstance(row["posts"], int) else None for row in rows]
    largest = max((each for each in counts if each is not None), default=0)
    drawn = [
        {name: row[name], "posts": text(posts, k=k), "": bar(posts, largest)}
        for row, posts in zip(rows, counts, strict=True)
    ]
    console().print(table(drawn))


@application.command()
def run(
    context: SessionContext,
    role: Annotated[str, typer.Option(help=f"Only this role: {', '.join(ROLES)}.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Do what waits, then end.")] = False,
) -> None:
    """Run the workers until Ctrl-C: one process a role, restarted when it fails.

    Example: peil run
    """
    with context.obj.pipeline() as pipeline:
        pipeline.publish_rules()
        if once:
            upkeep.drain(pipeline)
            return
        root, settings = pipeline.folder.root, pipeline.settings
    target = RoleProcess(root, settings, log_level=logging.getLogger().level)
    if role and role not in ROLES:
        raise Stop(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    code = target(role) if role else Supervisor(list(ROLES), target, clock=SystemClock()).run()
    raise typer.Exit(code)
