"""A period on the command line: the first day, and the day after the last."""

from datetime import date
from typing import Annotated

import typer

from index.answers import Within
from index.values import start_of

Since = Annotated[str, typer.Option(help="First day, for example 2026-11-01.")]
Until = Annotated[str, typer.Option(help="Day after the last.")]


def period_of(since: str, until: str, *, zone: str, option: str = "--until") -> Within:
    """The period from the start of day `since` to that of `until`, each open when it is empty;
    `option` is what gave the last one.
    """
    first, end = _day(since, zone), _day(until, zone)
    if first is not None and end is not None and first >= end:
        raise typer.BadParameter(f"{option} {until} is the day after the last: not before {since}")
    return {"since": first, "until": end}


def _day(day: str, zone: str) -> int | None:
    if not day:
        return None
    try:
        return start_of(date.fromisoformat(day), zone)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{day!r} is not a day; write it as 2026-11-24") from error
