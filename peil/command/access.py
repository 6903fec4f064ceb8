"""`peil access`: the privacy officer's view of who read what and why, on the machine itself."""

from datetime import date
from typing import Annotated

import typer

from index.values import start_of
from peil.command.session import SessionContext
from peil.display import as_json, console, table
from peil.pipeline import actor
from stream.clock import to_datetime

OVERSIGHT = "oversight of the access log"
"""The purpose that stands in the access log when the log itself is read."""

DIGEST_LENGTH = 64

application = typer.Typer(help="Who read what, when and why.", no_args_is_help=True)


@application.command()
def verify(
    context: SessionContext,
    head: Annotated[
        str,
        typer.Option(
            help="An entry that was noted elsewhere, as NUMBER:DIGEST: who could change database "
            "and anchor together could not change that."
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether the log is whole: nothing changed, removed, reordered or cut off.

    Note the head that it prints outside of this machine, and hold the log against it next time.
    """
    known = dict([_noted(head)]) if head else {}
    with context.obj.pipeline() as pipeline:
        problems = pipeline.access.verify(known=known)
        number, digest = pipeline.access.head()
    if json:
        print(as_json({"entries": number, "head": f"{number}:{digest}", "problems": problems}))  # noqa: T201  (JSON is the answer)
    else:
        for problem in problems:
            console().print(problem, markup=False)
        if not problems:
            console().print(
                f"The access log is whole: {number} entries.\nIts head: {number}:{digest}"
            )
    if problems:
        raise typer.Exit(1)


@application.command(name="list")
def list_(
    context: SessionContext,
    who: Annotated[str, typer.Option(help="Only of this actor.")] = "",
    action: Annotated[str, typer.Option(help="Only this, as texts or enter.")] = "",
    since: Annotated[str, typer.Option(help="From this day on, as 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="Before this day.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The entries, oldest first, with the words of queries while they can be read. That the log
    was read is an entry of its own.
    """
    with context.obj.pipeline() as pipeline:
        zone = pipeline.settings.timezone
        first = start_of(_day(since, "--since"), zone) if since else 0
        last = start_of(_day(until, "--until"), zone) if until else None
        said = as_json({"who": who, "action": action, "since": since, "until": until})
        pipeline.access.append(actor=actor(), purpose=OVERSIGHT, action="log", payload=said)
        rows = [
            {
                "number": each.number,
                "at": f"{to_datetime(each.at):%Y-%m-%dT%H:%M:%SZ}",
                "actor": each.actor,
                "purpose": each.purpose,
                "action": each.action,
                "outcome": each.outcome,
                "words": each.payload,
            }
            for each in pipeline.access.entries()
            if each.at >= first
            and (last is None or each.at < last)
            and who in ("", each.actor)
            and action in ("", each.action)
        ]
    if json:
        print(as_json(rows))  # noqa: T201  (JSON is the answer)
    else:
        console().print(table(rows) if rows else "There is no such entry.")


def _noted(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or len(digest) != DIGEST_LENGTH:
        raise typer.BadParameter(f"--head {head!r}: write it as `peil access verify` prints it")
    return int(number), digest


def _day(given: str, option: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise typer.BadParameter(f"{option} {given!r}: write a day as 2026-11-01") from error
