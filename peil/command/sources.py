"""`peil sources`: what may be collected, on which ground, and how it goes."""

from datetime import date
from typing import Annotated

import typer

from ingest.catalogue import settings_of
from ingest.sources import Source
from peil.bulletins import trouble_of
from peil.command.session import SessionContext
from peil.display import console
from peil.pipeline import Pipeline
from stream.clock import to_datetime
from stream.errors import Stop

application = typer.Typer(help="What may be collected, on which ground, until when.")


@application.command()
def check(context: SessionContext) -> None:
    """Whether every source's file is sound, its entry in the register open, and it gives what
    it used to.
    """
    with context.obj.pipeline() as pipeline:
        problems = []
        for source in pipeline.sources:
            try:
                pipeline.register.entry(source)
            except Stop as error:
                problems.append(str(error))
            try:
                settings_of(pipeline.sources[source])
            except Stop as error:
                problems.append(str(error))
            silent = trouble_of(pipeline, source)
            if silent is not None:
                problems.append(f"source {source}: {silent}")
    for problem in problems:
        console().print(problem, markup=False)
    if problems:
        raise typer.Exit(1)
    console().print("All sources are sound and open.")


def known(pipeline: Pipeline, source: str) -> Source:
    """The source of that id; Stop with those that there are."""
    described = pipeline.sources.get(source)
    if described is None:
        there = ", ".join(pipeline.sources)
        raise Stop(f"there is no source {source!r} in config/sources; there are {there}")
    return described


@application.command(name="open")
def open_(
    context: SessionContext,
    source: Annotated[str, typer.Argument(help="The source's id.")],
    owner: Annotated[str, typer.Option(prompt=True, help="Who answers for it (a role).")],
    purpose: Annotated[str, typer.Option(prompt=True, help="What it is collected for.")],
    basis: Annotated[str, typer.Option(prompt=True, help="The legal basis.")],
    dpia: Annotated[str, typer.Option(prompt=True, help="The reference of the DPIA.")],
    obtained: Annotated[str, typer.Option(prompt=True, help="How the data were obtained.")],
    until: Annotated[str, typer.Option(prompt=True, help="The first day it is closed again.")],
    officer: Annotated[
        str, typer.Option(help="The privacy officer who approved a platform of the never-list.")
    ] = "",
    organisation: Annotated[
        bool, typer.Option("--organisation", help="It is one verified organisation.")
    ] = False,
) -> None:
    """Open a source in the register: nothing is collected before that.

    Example: peil sources open upload --owner "team prevention" --purpose "nuisance"
    --basis "public task" --dpia DPIA-7 --obtained "4CAT export" --until 2027-03-01
    """
    try:
        day = date.fromisoformat(until)
    except ValueError as error:
        raise typer.BadParameter(f"--until {until!r} is no day; write it as 2027-03-01") from error
    with context.obj.pipeline() as pipeline:
        described = known(pipeline, source)
        settings_of(described)
        platform = str(described.settings.get("platform", ""))
        entry = pipeline.register.open(
            source,
            owner=owner,
            purpose=purpose,
            basis=basis,
            dpia=dpia,
            obtained=obtained,
            until=day,
            officer=officer,
            organisation=organisation,
            platforms=(platform,),
        )
    console().print(f"{source} is open until {to_datetime(entry.until).date()}.")


@application.command()
def close(
    context: SessionContext, source: Annotated[str, typer.Argument(help="The source's id.")]
) -> None:
    """Close a source: nothing is collected from it any more."""
    with context.obj.pipeline() as pipeline:
        was_open = pipeline.register.close(source)
        if not was_open:
            known(pipeline, source)
    console().print(f"{source} is closed." if was_open else f"{source} was not open.")
