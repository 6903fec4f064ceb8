"""`peil sources check|open|close`: what may be collected, on which ground, until when."""

from datetime import date
from typing import Annotated

import msgspec
import typer

from ingest.sources import Declared
from peil.bulletins import bulletins
from peil.command.session import SessionContext
from peil.declaring import FIELDS, check_sources, known, read_settings
from peil.display import as_json, console, table
from peil.pipeline import actor
from privacy.register import Entry
from stream.clock import to_datetime
from stream.errors import Stop

application = typer.Typer(help="What may be collected, on which ground, until when.")

ASKED = {name: (Declared.model_fields[name].description or name).rstrip(".") for name in FIELDS}
"""What `open` asks for where neither the file nor the command line says it."""


@application.command()
def check(
    context: SessionContext,
    source: Annotated[str, typer.Argument(help="The source's id; else all.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What is wrong with the files of sources, their entries in the register, and what they give;
    fails unless there is nothing but hints.

    Example: peil sources check city-news
    """
    with context.obj.pipeline() as pipeline:
        problems = check_sources(pipeline, only=source or None)
        trouble = {
            each.source: each.trouble
            for each in bulletins(pipeline)
            if source in ("", each.source) and each.trouble
        }
    if json:
        print(as_json({"problems": msgspec.to_builtins(problems), "trouble": trouble}))  # noqa: T201  (that is what --json asks for)
    else:
        for problem in problems:
            console().print(str(problem), markup=False, soft_wrap=True)
        for each, said in trouble.items():
            console().print(f"source {each}: {said}", markup=False, soft_wrap=True)
    if trouble or any(each.severity != "hint" for each in problems):
        raise typer.Exit(1)
    if not json:
        console().print(f"{source or 'Every source'} is sound and open.")


@application.command(name="open")
def open_(
    context: SessionContext,
    source: Annotated[str, typer.Argument(help="The source's id.")],
    owner: Annotated[str, typer.Option(help="Who answers for it (a role).")] = "",
    purpose: Annotated[str, typer.Option(help="What it is collected for.")] = "",
    basis: Annotated[str, typer.Option(help="The legal basis.")] = "",
    dpia: Annotated[str, typer.Option(help="The reference of the DPIA.")] = "",
    obtained: Annotated[str, typer.Option(help="How the data were obtained.")] = "",
    until: Annotated[str, typer.Option(help="The first day it is closed again.")] = "",
    officer: Annotated[
        str, typer.Option(help="The privacy officer who approved a platform of the never-list.")
    ] = "",
    organisation: Annotated[
        bool, typer.Option("--organisation", help="It is one verified organisation.")
    ] = False,
) -> None:
    """Open a source in the register: nothing is collected before that. What its file declares in
    [register] is taken, an option goes before it, and what lacks is asked for. The entry that is
    opened is what holds from then on, whatever becomes of the file.

    Example: peil sources open upload --owner "team prevention" --purpose "nuisance"
    --basis "public task" --dpia DPIA-7 --obtained "4CAT export" --until 2027-03-01
    """
    told = {"owner": owner, "purpose": purpose, "basis": basis, "dpia": dpia,
            "obtained": obtained, "until": until}  # fmt: skip
    with context.obj.pipeline() as pipeline:
        described = known(pipeline, source)
        _, wrong = read_settings(pipeline.declarations[source])
        if wrong:
            raise Stop("\n".join(map(str, wrong)))
        declared = described.declared
        stated = {name: said or _declared(declared, name) for name, said in told.items()}
        stated = {name: said or typer.prompt(ASKED[name]) for name, said in stated.items()}
        entry = pipeline.register.open(
            source,
            owner=stated["owner"],
            purpose=stated["purpose"],
            basis=stated["basis"],
            dpia=stated["dpia"],
            obtained=stated["obtained"],
            until=_day(stated["until"]),
            officer=officer or declared.officer,
            organisation=organisation or declared.organisation,
            platforms=described.platforms,
            opened_by=actor(),
        )
    console().print(table([{"entry": name, "holds": said} for name, said in _shown(entry)]))
    console().print(f"{source} is open until {to_datetime(entry.until).date()}.")


def _declared(declared: Declared, name: str) -> str:
    value = getattr(declared, name)
    return "" if value is None else str(value)


def _shown(entry: Entry) -> list[tuple[str, str]]:
    """An entry of the register, for people."""
    held = {
        **msgspec.structs.asdict(entry),
        "platforms": ", ".join(entry.platforms or ()),
        "organisation": "yes" if entry.organisation else "no",
        "opened": to_datetime(entry.opened).date(),
        "until": to_datetime(entry.until).date(),
    }
    return [(name.replace("_", " "), str(said)) for name, said in held.items() if said != ""]


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written.strip())
    except ValueError as error:
        raise typer.BadParameter(f"--until {written!r} is no day; write it as 2027-03-01"
                                 ) from error  # fmt: skip


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
