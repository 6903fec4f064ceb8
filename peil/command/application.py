"""The commands that make, fill and ask a working folder."""

import logging
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from dashboard.site import Site
from peil import __version__
from peil.command import (
    access,
    backtest,
    cluster,
    collecting,
    first,
    judging,
    questions,
    remap,
    rule_life,
    shadows,
    sources,
    trying,
    upkeep,
    users,
)
from peil.command import rules as rule_commands
from peil.command.accounting import show, stages
from peil.command.session import Session, SessionContext
from peil.display import console
from peil.folder import WorkingFolder
from peil.importing import import_files
from peil.roles import DASHBOARD, ROLES, RoleProcess
from peil.supervisor import SIGNALS, Supervisor
from stream.clock import SystemClock

INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells have it."""

application = typer.Typer(
    help="Shows what the public conversation is about: phenomena, not persons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
sources.application.callback(invoke_without_command=True)(collecting.sources_)
sources.application.command(name="list")(collecting.list_)
for source_command in (
    collecting.show,
    collecting.run,
    collecting.backfill,
    collecting.pause,
    collecting.resume,
):
    sources.application.command()(source_command)
sources.application.command(name="remap")(remap.remap_)
application.add_typer(sources.application, name="sources")
application.add_typer(rule_commands.application, name="rules")
application.add_typer(upkeep.quarantine, name="quarantine")
application.add_typer(users.application, name="users")
application.add_typer(access.application, name="access")
application.add_typer(cluster.migrate, name="migrate")
rule_commands.application.command(name="try")(trying.try_)
rule_commands.application.command(name="backfill")(shadows.backfill_)
for rule_command in (
    backtest.backtest,
    backtest.suggest,
    judging.sample,
    judging.verdicts,
    judging.precision,
    rule_life.sync,
    rule_life.review,
    rule_life.shadow,
    rule_life.activate,
    rule_life.withdraw,
    rule_life.history,
    rule_life.export,
    shadows.shadowed,
):
    rule_commands.application.command()(rule_command)
application.command(name="overview")(first.overview_)
for command in (
    first.demo,
    questions.search,
    questions.series,
    upkeep.expire,
    upkeep.erase,
    upkeep.doctor,
):
    application.command()(command)


def _tell(asked: bool) -> None:
    if asked:
        console().print(f"peil {__version__}", markup=False, highlight=False)
        raise typer.Exit


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
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which peil this is, and end.", is_eager=True, callback=_tell
        ),
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
        try:
            with stages() as progress:
                result = import_files(
                    pipeline, files, source=source, again=again, progress=progress
                )
        except KeyboardInterrupt:
            console(error=True).print(
                "Interrupted. What was read is safe; the same command goes on from there."
            )
            raise typer.Exit(INTERRUPTED) from None
        show(pipeline, result, json=json)
    if result.account.rejected and result.account.rejected == result.account.read:
        raise typer.Exit(1)  # nothing in them could be read


@application.command()
def run(
    context: SessionContext,
    role: Annotated[str, typer.Option(help=f"Only this role: {', '.join(ROLES)}.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Do what waits, then end.")] = False,
) -> None:
    """Run the workers until Ctrl-C: one process a role, restarted when it fails.

    Example: peil run
    """
    if once and role:
        raise typer.BadParameter("--once does the work of all roles: leave --role out")
    if role and role not in ROLES:
        raise typer.BadParameter(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    if once:
        with context.obj.pipeline() as pipeline:
            pipeline.publish_rules()
            upkeep.drain(pipeline)
        return
    # What asks to end waits until there is somebody to end properly.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with context.obj.pipeline() as pipeline:
        root, settings = pipeline.folder.root, pipeline.settings
        roles = [role] if role else list(pipeline.backend.roles)
        if DASHBOARD in roles:
            Site.of(settings.dashboard)  # where it may not be is told before anything runs
    target = RoleProcess(
        root,
        settings,
        roles=roles,
        log_level=logging.getLogger().level,
        listening=first.show_link,
    )
    if role:
        raise typer.Exit(target(role))
    drain_seconds = settings.service.drain_seconds
    supervisor = Supervisor(
        roles,
        target,
        clock=SystemClock(),
        drain_seconds=drain_seconds,
        spared={DASHBOARD} if len(roles) > 1 else (),
    )
    raise typer.Exit(supervisor.run())
