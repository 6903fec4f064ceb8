"""`peil migrate`: from one machine to a cluster."""

from typing import Annotated

import msgspec
import typer

from peil.command.accounting import stages
from peil.command.session import SessionContext
from peil.display import as_json, console, table
from peil.migrating import move_to_cluster, remove_moved

migrate = typer.Typer(help="Move what peil holds to another place.", no_args_is_help=True)


@migrate.callback()
def _group() -> None:
    """So that the one command below keeps its name."""


@migrate.command(name="embedded-to-cluster")
def embedded_to_cluster(
    context: SessionContext,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="After a move that was verified: delete this folder's own log, index and "
            "database. Their texts would outlive their term.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy the database, the quarantine and the index of this folder to the cluster that its
    settings name, and verify each by counts and checksums. May be run again: it goes on.

    Example: peil migrate embedded-to-cluster
    """
    if remove:
        with context.obj.pipeline() as pipeline:
            remove_moved(pipeline)
        console().print("The folder's own log, index and database are gone.")
        return
    with context.obj.pipeline() as pipeline, stages() as progress:
        moved = move_to_cluster(pipeline, progress=progress)
    rows = [
        {"what": each.what, "items": each.items, "verified": "yes" if each.equal else "NO"}
        for each in moved
    ]
    if json:
        print(as_json([msgspec.to_builtins(each) for each in moved]))  # noqa: T201  (the answer)
    else:
        console().print(table(rows))
    if not all(each.equal for each in moved):
        console(error=True).print("Not all is the same on both sides.")
        raise typer.Exit(1)
    console(error=True).print(
        "All is there. What this folder holds is still here, and nobody drops its texts on time "
        "any more: run it again with --remove when the cluster works.",
        markup=False,
    )
